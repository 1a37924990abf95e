-- Answers and reports that found no message, and records that could not be used. Nothing is thrown away.

CREATE TABLE IF NOT EXISTS sms.orphans
(
    kind                 Enum8('delivery_report' = 0, 'submit_response' = 1, 'provider_receipt' = 2) CODEC(ZSTD(1)),
    account              LowCardinality(String),
    message_id           String                 CODEC(ZSTD(1)),
    attempt              Nullable(Int32)        CODEC(T64, ZSTD(1)),
    part                 Nullable(Int32)        CODEC(T64, ZSTD(1)),
    event_at             DateTime64(3, 'UTC')   CODEC(DoubleDelta, ZSTD(1)),
    done_at              Nullable(DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    provider             LowCardinality(String),
    provider_message_id  String                 CODEC(ZSTD(1)),
    code                 LowCardinality(String),
    err                  LowCardinality(String),
    text                 String                 CODEC(ZSTD(1)),
    reason               LowCardinality(String),
    partition            Int32                  CODEC(T64, ZSTD(1)),
    offset               Int64                  CODEC(T64, ZSTD(1)),
    seen_at              DateTime64(3, 'UTC')   CODEC(T64, ZSTD(1)),
    loaded_at            DateTime('UTC') DEFAULT now() CODEC(DoubleDelta, ZSTD(1)),

    INDEX by_message_id message_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(event_at)
ORDER BY (provider, event_at, message_id, partition, offset)
TTL loaded_at + INTERVAL 400 DAY
SETTINGS
    ttl_only_drop_parts = 1,
    min_age_to_force_merge_seconds = 21600,
    non_replicated_deduplication_window = 10000;

-- `topic`, `partition`, `offset` and `timestamp` are those of the record that could not be used; for a line of a file,
-- partition is -1, offset the line number and timestamp 1970.
CREATE TABLE IF NOT EXISTS sms.dead_letters
(
    topic                LowCardinality(String),
    partition            Int32                  CODEC(T64, ZSTD(1)),
    offset               Int64                  CODEC(T64, ZSTD(1)),
    timestamp            DateTime64(3, 'UTC')   CODEC(DoubleDelta, ZSTD(1)),
    key                  Nullable(String)       CODEC(ZSTD(1)),
    value                Nullable(String)       CODEC(ZSTD(1)),
    reason               LowCardinality(String),
    detail               String                 CODEC(ZSTD(1)),
    source               LowCardinality(String),
    loaded_at            DateTime('UTC') DEFAULT now() CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(timestamp)
ORDER BY (topic, partition, offset, source)
TTL loaded_at + INTERVAL 400 DAY
SETTINGS
    ttl_only_drop_parts = 1,
    min_age_to_force_merge_seconds = 21600,
    non_replicated_deduplication_window = 10000;
