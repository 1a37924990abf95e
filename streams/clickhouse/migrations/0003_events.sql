-- The raw events as they came: every record of sms.submit, sms.submit-response and sms.delivery-report, in one table,
-- with all of their fields. What the status of a message is can be computed from here again.
--
-- `event_at` is the time that moves stream time: submitted_at, responded_at or received_at. `seen_at` is the record's
-- Kafka timestamp. Events of one message are in one partition of each topic: `offset` tells which was seen first.
-- `partition` is -1 for events of a replay of files; `offset` then counts its events.
-- Fields that a topic does not have are empty, or NULL where NULL is a value of the field too.
CREATE TABLE IF NOT EXISTS sms.events
(
    message_id           String                 CODEC(ZSTD(1)),
    account              LowCardinality(String),
    topic                LowCardinality(String),
    partition            Int32                  CODEC(T64, ZSTD(1)),
    offset               Int64                  CODEC(T64, ZSTD(1)),
    seen_at              DateTime64(3, 'UTC')   CODEC(T64, ZSTD(1)),
    event_at             DateTime64(3, 'UTC')   CODEC(T64, ZSTD(1)),
    attempt              Nullable(Int32)        CODEC(T64, ZSTD(1)),
    part                 Nullable(Int32)        CODEC(T64, ZSTD(1)),
    provider             LowCardinality(String),
    code                 LowCardinality(String),
    err                  LowCardinality(String),
    text                 String                 CODEC(ZSTD(1)),
    provider_message_id  String                 CODEC(ZSTD(1)),
    done_at              Nullable(DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    created_at           Nullable(DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    campaign             LowCardinality(String),
    sender               LowCardinality(String),
    recipient            String                 CODEC(ZSTD(1)),
    country              LowCardinality(String),
    traffic_type         LowCardinality(String),
    encoding             LowCardinality(String),
    parts                Nullable(Int32)        CODEC(T64, ZSTD(1)),
    validity_ms          Nullable(Int64)        CODEC(T64, ZSTD(1)),
    disposition          LowCardinality(String),
    exclusion_reason     LowCardinality(String),
    price_micros         Nullable(Int64)        CODEC(T64, ZSTD(1)),
    currency             LowCardinality(String),
    attributes           Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    loaded_at            DateTime('UTC') DEFAULT now() CODEC(DoubleDelta, ZSTD(1)),

    event_at_ms   Int64           ALIAS toUnixTimestamp64Milli(event_at),
    seen_at_ms    Int64           ALIAS toUnixTimestamp64Milli(seen_at),
    done_at_ms    Nullable(Int64) ALIAS toUnixTimestamp64Milli(done_at),
    created_at_ms Nullable(Int64) ALIAS toUnixTimestamp64Milli(created_at)
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(event_at)
ORDER BY (message_id, account, topic, partition, offset)
TTL loaded_at + INTERVAL 400 DAY
SETTINGS
    index_granularity = 1024,
    ttl_only_drop_parts = 1,
    min_age_to_force_merge_seconds = 21600,
    non_replicated_deduplication_window = 10000;
