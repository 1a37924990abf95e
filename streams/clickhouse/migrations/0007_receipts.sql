-- Reports that know only the provider's id, as they came: every record of sms.provider-receipt. What became of one is
-- elsewhere: a report of its message (events, topic sms.delivery-report), or an orphan (orphans, kind provider_receipt).
-- `partition` is -1 for a replay of files; `offset` then counts its events together with those in `events`.
CREATE TABLE IF NOT EXISTS sms.receipts
(
    provider             LowCardinality(String),
    provider_message_id  String                 CODEC(ZSTD(1)),
    received_at          DateTime64(3, 'UTC')   CODEC(DoubleDelta, ZSTD(1)),
    attempt              Nullable(Int32)        CODEC(T64, ZSTD(1)),
    part                 Nullable(Int32)        CODEC(T64, ZSTD(1)),
    done_at              Nullable(DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    code                 LowCardinality(String),
    err                  LowCardinality(String),
    text                 String                 CODEC(ZSTD(1)),
    partition            Int32                  CODEC(T64, ZSTD(1)),
    offset               Int64                  CODEC(T64, ZSTD(1)),
    seen_at              DateTime64(3, 'UTC')   CODEC(T64, ZSTD(1)),
    loaded_at            DateTime('UTC') DEFAULT now() CODEC(DoubleDelta, ZSTD(1)),

    received_at_ms Int64           ALIAS toUnixTimestamp64Milli(received_at),
    done_at_ms     Nullable(Int64) ALIAS toUnixTimestamp64Milli(done_at)
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(received_at)
ORDER BY (provider, provider_message_id, partition, offset)
TTL loaded_at + INTERVAL 400 DAY
SETTINGS
    index_granularity = 1024,
    ttl_only_drop_parts = 1,
    min_age_to_force_merge_seconds = 21600,
    non_replicated_deduplication_window = 10000;
