-- One row a message once merged: the revision with the highest version stands.
--
-- Neither the partition nor the sorting key of a message ever changes: campaign and created_at are those of the first
-- submit that was seen. So FINAL may work day by day.
-- Times are kept as milliseconds after created_at, which compress to a byte or two; the ALIAS columns show them as times.
-- Rows are kept for the retention counted from the day they were loaded, not from created_at: a replay of an old file
-- must not vanish at once. For live traffic the two are the same.
CREATE TABLE IF NOT EXISTS sms.messages
(
    account              LowCardinality(String),
    campaign             LowCardinality(String),
    created_at           DateTime64(3, 'UTC')   CODEC(DoubleDelta, ZSTD(1)),
    message_id           String                 CODEC(ZSTD(1)),
    provider             LowCardinality(String),
    sender               LowCardinality(String),
    recipient            String                 CODEC(ZSTD(1)),
    country              LowCardinality(String),
    traffic_type         Enum8('unknown' = 0, 'marketing' = 1, 'notification' = 2, 'otp' = 3) CODEC(ZSTD(1)),
    encoding             LowCardinality(String),
    attempt              Int32                  CODEC(T64, ZSTD(1)),
    parts                Int32                  CODEC(T64, ZSTD(1)),
    price_micros         Nullable(Int64)        CODEC(T64, ZSTD(1)),
    currency             LowCardinality(String),
    attributes           Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    status               Enum8('pending' = 0, 'excluded' = 1, 'submitted' = 2, 'accepted' = 3, 'enroute' = 4,
                               'sent_without_sr' = 5, 'delivered' = 6, 'partially_delivered' = 7, 'failed' = 8)
                                                CODEC(ZSTD(1)),
    version              UInt32                 CODEC(T64, ZSTD(1)),
    derived              Bool                   CODEC(ZSTD(1)),
    settled              Bool                   CODEC(ZSTD(1)),
    late                 Bool                   CODEC(ZSTD(1)),
    conflict             Bool                   CODEC(ZSTD(1)),
    duplicate_delivery   Bool                   CODEC(ZSTD(1)),
    unknown_code         Bool                   CODEC(ZSTD(1)),
    reason               LowCardinality(String),
    reason_class         Enum8('none' = 0, 'temporary' = 1, 'permanent' = 2, 'undetermined' = 3, 'sender' = 4)
                                                CODEC(ZSTD(1)),
    recipient_action     Enum8('keep' = 0, 'retry' = 1, 'quarantine' = 2, 'remove' = 3) CODEC(ZSTD(1)),
    billable_parts       Int32                  CODEC(T64, ZSTD(1)),
    response_code        LowCardinality(String),
    report_code          LowCardinality(String),
    report_err           LowCardinality(String),
    provider_message_id  String                 CODEC(ZSTD(1)),
    submitted_offset_ms  Int64                  CODEC(T64, ZSTD(1)),
    responded_offset_ms  Nullable(Int64)        CODEC(T64, ZSTD(1)),
    done_offset_ms       Nullable(Int64)        CODEC(T64, ZSTD(1)),
    received_offset_ms   Nullable(Int64)        CODEC(T64, ZSTD(1)),
    loaded_at            DateTime('UTC') DEFAULT now() CODEC(DoubleDelta, ZSTD(1)),

    submitted_at DateTime64(3, 'UTC')
        ALIAS fromUnixTimestamp64Milli(toUnixTimestamp64Milli(created_at) + submitted_offset_ms, 'UTC'),
    responded_at Nullable(DateTime64(3, 'UTC'))
        ALIAS fromUnixTimestamp64Milli(toUnixTimestamp64Milli(created_at) + responded_offset_ms, 'UTC'),
    done_at Nullable(DateTime64(3, 'UTC'))
        ALIAS fromUnixTimestamp64Milli(toUnixTimestamp64Milli(created_at) + done_offset_ms, 'UTC'),
    received_at Nullable(DateTime64(3, 'UTC'))
        ALIAS fromUnixTimestamp64Milli(toUnixTimestamp64Milli(created_at) + received_offset_ms, 'UTC'),

    INDEX by_message_id message_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_recipient recipient TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toDate(created_at)
ORDER BY (account, campaign, created_at, message_id)
TTL loaded_at + INTERVAL 400 DAY
SETTINGS
    ttl_only_drop_parts = 1,
    min_age_to_force_merge_seconds = 21600,
    non_replicated_deduplication_window = 10000;
