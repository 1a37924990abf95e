-- Route health as correlate tells it, and the anomalies that detect found in it.

-- A row is a route in a window of ten seconds, from one source partition; the one told last (stream_time) holds, so read
-- it with FINAL, or through route_health_windows. Heartbeats are left out.
CREATE TABLE IF NOT EXISTS sms.route_health
(
    account              LowCardinality(String),
    provider             LowCardinality(String),
    country              LowCardinality(String),
    traffic_type         LowCardinality(String),
    window_start         DateTime64(3, 'UTC')   CODEC(DoubleDelta, ZSTD(1)),
    window_ms            Int32                  CODEC(T64, ZSTD(1)),
    source_partition     Int32                  CODEC(T64, ZSTD(1)),
    stream_time          DateTime64(3, 'UTC')   CODEC(T64, ZSTD(1)),
    submits              Int64                  CODEC(T64, ZSTD(1)),
    responses_ok         Int64                  CODEC(T64, ZSTD(1)),
    responses_temporary  Int64                  CODEC(T64, ZSTD(1)),
    responses_permanent  Int64                  CODEC(T64, ZSTD(1)),
    responses_unknown    Int64                  CODEC(T64, ZSTD(1)),
    delivered            Int64                  CODEC(T64, ZSTD(1)),
    partially_delivered  Int64                  CODEC(T64, ZSTD(1)),
    failed               Int64                  CODEC(T64, ZSTD(1)),
    unconfirmed          Int64                  CODEC(T64, ZSTD(1)),
    reports_intermediate Int64                  CODEC(T64, ZSTD(1)),
    timeouts_no_response Int64                  CODEC(T64, ZSTD(1)),
    timeouts_no_receipt  Int64                  CODEC(T64, ZSTD(1)),
    timeouts_expired     Int64                  CODEC(T64, ZSTD(1)),
    late                 Int64                  CODEC(T64, ZSTD(1)),
    duplicates           Int64                  CODEC(T64, ZSTD(1)),
    conflicts            Int64                  CODEC(T64, ZSTD(1)),
    orphans              Int64                  CODEC(T64, ZSTD(1)),
    unknown_codes        Int64                  CODEC(T64, ZSTD(1)),
    refusal_reasons      Map(LowCardinality(String), Int64) CODEC(ZSTD(1)),
    failure_reasons      Map(LowCardinality(String), Int64) CODEC(ZSTD(1)),
    response_latency     Map(LowCardinality(String), Int64) CODEC(ZSTD(1)),
    receipt_latency      Map(LowCardinality(String), Int64) CODEC(ZSTD(1)),
    recipients           Nullable(String)       CODEC(ZSTD(1)),
    ranges               Map(String, Int64)     CODEC(ZSTD(1)),
    campaign_sample      Map(String, Int64)     CODEC(ZSTD(1)),
    loaded_at            DateTime('UTC') DEFAULT now() CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(stream_time)
PARTITION BY toDate(window_start)
ORDER BY (account, provider, country, traffic_type, window_start, source_partition)
TTL loaded_at + INTERVAL 400 DAY
SETTINGS
    ttl_only_drop_parts = 1,
    min_age_to_force_merge_seconds = 21600,
    non_replicated_deduplication_window = 10000;

-- Every record of every anomaly: opened, updated, resolved. A record that was written again has the same revision.
CREATE TABLE IF NOT EXISTS sms.anomalies
(
    anomaly_id           String                 CODEC(ZSTD(1)),
    revision             Int32                  CODEC(T64, ZSTD(1)),
    kind                 LowCardinality(String),
    state                Enum8('opened' = 0, 'updated' = 1, 'resolved' = 2) CODEC(ZSTD(1)),
    severity             Enum8('info' = 0, 'warning' = 1, 'critical' = 2) CODEC(ZSTD(1)),
    scope                LowCardinality(String),
    account              LowCardinality(String),
    provider             LowCardinality(String),
    country              LowCardinality(String),
    traffic_type         LowCardinality(String),
    first_seen           DateTime64(3, 'UTC')   CODEC(DoubleDelta, ZSTD(1)),
    last_seen            DateTime64(3, 'UTC')   CODEC(T64, ZSTD(1)),
    stream_time          DateTime64(3, 'UTC')   CODEC(T64, ZSTD(1)),
    observed             Float64                CODEC(ZSTD(1)),
    expected             Float64                CODEC(ZSTD(1)),
    interval_low         Float64                CODEC(ZSTD(1)),
    interval_high        Float64                CODEC(ZSTD(1)),
    unit                 LowCardinality(String),
    volume               Int64                  CODEC(T64, ZSTD(1)),
    window_ms            Int32                  CODEC(T64, ZSTD(1)),
    baseline             LowCardinality(String),
    contributors         Map(String, Float64)   CODEC(ZSTD(1)),
    part_of              String                 CODEC(ZSTD(1)),
    sentence             String                 CODEC(ZSTD(1)),
    partition            Int32                  CODEC(T64, ZSTD(1)),
    offset               Int64                  CODEC(T64, ZSTD(1)),
    seen_at              DateTime64(3, 'UTC')   CODEC(T64, ZSTD(1)),
    loaded_at            DateTime('UTC') DEFAULT now() CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(first_seen)
ORDER BY (anomaly_id, revision)
TTL loaded_at + INTERVAL 400 DAY
SETTINGS
    ttl_only_drop_parts = 1,
    min_age_to_force_merge_seconds = 21600,
    non_replicated_deduplication_window = 10000;

-- One row an anomaly: where it stands now. opened_at: when it was said first, by stream time. lasted_s: first to last seen.
CREATE OR REPLACE VIEW sms.anomaly_latest AS
SELECT
    anomaly_id, revision, kind, state, severity, scope, account, provider, country, traffic_type,
    first_seen, last_seen, stream_time,
    opened_at,
    dateDiff('second', first_seen, last_seen) AS lasted_s,
    observed, expected, interval_low, interval_high, unit, volume, window_ms, baseline, contributors, part_of, sentence
FROM
(
    SELECT *, min(stream_time) OVER (PARTITION BY anomaly_id) AS opened_at
    FROM sms.anomalies FINAL
)
ORDER BY revision DESC
LIMIT 1 BY anomaly_id;

-- What is wrong now, the worst first. part_of '' leaves out what another open anomaly explains.
CREATE OR REPLACE VIEW sms.anomalies_open AS
SELECT * FROM sms.anomaly_latest
WHERE state != 'resolved'
ORDER BY severity DESC, first_seen;

-- One row a route and window, all source partitions together.
CREATE OR REPLACE VIEW sms.route_health_windows AS
SELECT
    account, provider, country, traffic_type, window_start,
    sum(submits) AS submits,
    sum(responses_ok) AS responses_ok,
    sum(responses_temporary) AS responses_temporary,
    sum(responses_permanent) AS responses_permanent,
    sum(responses_unknown) AS responses_unknown,
    sum(delivered) AS delivered,
    sum(partially_delivered) AS partially_delivered,
    sum(failed) AS failed,
    sum(unconfirmed) AS unconfirmed,
    sum(reports_intermediate) AS reports_intermediate,
    sum(timeouts_no_response) AS timeouts_no_response,
    sum(timeouts_no_receipt) AS timeouts_no_receipt,
    sum(timeouts_expired) AS timeouts_expired,
    sum(late) AS late,
    sum(duplicates) AS duplicates,
    sum(conflicts) AS conflicts,
    sum(orphans) AS orphans,
    sum(unknown_codes) AS unknown_codes,
    sumMap(refusal_reasons) AS refusal_reasons,
    sumMap(failure_reasons) AS failure_reasons,
    sumMap(response_latency) AS response_latency,
    sumMap(receipt_latency) AS receipt_latency
FROM sms.route_health FINAL
GROUP BY account, provider, country, traffic_type, window_start;
