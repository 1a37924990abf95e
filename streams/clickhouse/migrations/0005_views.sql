-- What analysts start from. All of them read the latest revision of each message (FINAL), so they are right at any
-- moment, also while statuses are amended. Ratios are NULL where there is nothing to divide by.

-- One row a message: where it stands now.
CREATE OR REPLACE VIEW sms.message_latest AS
SELECT
    account, campaign, message_id, provider, sender, recipient, country, traffic_type, attempt, parts,
    status, version, derived, settled, late, conflict, duplicate_delivery, reason, reason_class, recipient_action,
    billable_parts, response_code, report_code, report_err, provider_message_id,
    created_at, submitted_at, responded_at, done_at, received_at, attributes,
    unknown_code, encoding, price_micros, currency
FROM sms.messages FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- One row a campaign: how many messages stand where.
-- handed_over: given to a provider, or being given. open: not settled. price_micros: by currency, millionths.
CREATE OR REPLACE VIEW sms.campaign_summary AS
SELECT
    account,
    campaign,
    count() AS messages,
    countIf(status NOT IN ('pending', 'excluded')) AS handed_over,
    countIf(status = 'pending') AS pending,
    countIf(status = 'excluded') AS excluded,
    countIf(status = 'submitted') AS submitted,
    countIf(status = 'accepted') AS accepted,
    countIf(status = 'enroute') AS enroute,
    countIf(status = 'sent_without_sr') AS sent_without_sr,
    countIf(status = 'delivered') AS delivered,
    countIf(status = 'partially_delivered') AS partially_delivered,
    countIf(status = 'failed') AS failed,
    countIf(NOT settled) AS open,
    countIf(late) AS late,
    countIf(conflict) AS conflicts,
    countIf(duplicate_delivery) AS delivered_twice,
    round(delivered / nullIf(handed_over, 0), 4) AS delivered_rate,
    round(sent_without_sr / nullIf(handed_over, 0), 4) AS unconfirmed_rate,
    round(failed / nullIf(handed_over, 0), 4) AS failed_rate,
    sum(parts) AS parts,
    sum(billable_parts) AS billable_parts,
    sumMapIf(map(toString(currency), ifNull(price_micros, 0)), price_micros IS NOT NULL) AS price_micros,
    min(created_at) AS first_created_at,
    max(created_at) AS last_created_at
FROM sms.message_latest
GROUP BY account, campaign;

-- One row a provider, over the messages handed over to it last (that is: of their attempt that speaks).
-- accepted: the provider took it (an OK answer, or a report that proves it). refused: its answer was no, for good or for
-- longer than the response timeout. no_response: it never answered. Those three and `submitted` make up handed_over.
-- Latencies are milliseconds from submitted_at: of the answer, of the final or latest report's arrival here, and of the
-- operator's own time in it (clocks of operators may be wrong: done_before_submit counts those that must be).
CREATE OR REPLACE VIEW sms.provider_scorecard AS
SELECT
    provider,
    count() AS handed_over,
    countIf(status = 'submitted') AS submitted,
    countIf(status IN ('accepted', 'enroute', 'sent_without_sr', 'delivered', 'partially_delivered')
            OR (status = 'failed' AND report_code != '')) AS accepted,
    countIf(status = 'failed' AND report_code = '' AND response_code != '') AS refused,
    countIf(status = 'failed' AND report_code = '' AND response_code = '') AS no_response,
    countIf(status IN ('accepted', 'enroute')) AS waiting_for_report,
    countIf(status = 'delivered') AS delivered,
    countIf(status = 'partially_delivered') AS partially_delivered,
    countIf(status = 'failed' AND report_code != '') AS failed_later,
    countIf(status = 'sent_without_sr') AS sent_without_sr,
    countIf(late) AS late,
    countIf(conflict) AS conflicts,
    countIf(unknown_code) AS unknown_codes,
    round(accepted / nullIf(accepted + refused + no_response, 0), 4) AS accepted_rate,
    round(delivered / nullIf(handed_over, 0), 4) AS delivered_rate,
    round(delivered / nullIf(accepted, 0), 4) AS delivered_of_accepted_rate,
    round(sent_without_sr / nullIf(accepted, 0), 4) AS unconfirmed_of_accepted_rate,
    countIf(response_ms IS NOT NULL) AS responses,
    if(responses = 0, NULL, quantilesExactIf(0.5, 0.95, 0.99)(assumeNotNull(response_ms), response_ms IS NOT NULL) AS r)[1]
        AS response_ms_p50,
    if(responses = 0, NULL, r[2]) AS response_ms_p95,
    if(responses = 0, NULL, r[3]) AS response_ms_p99,
    countIf(report_ms IS NOT NULL) AS reports,
    if(reports = 0, NULL, quantilesExactIf(0.5, 0.95, 0.99)(assumeNotNull(report_ms), report_ms IS NOT NULL) AS p)[1]
        AS report_ms_p50,
    if(reports = 0, NULL, p[2]) AS report_ms_p95,
    if(reports = 0, NULL, p[3]) AS report_ms_p99,
    countIf(done_ms IS NOT NULL) AS dones,
    if(dones = 0, NULL, quantilesExactIf(0.5, 0.95, 0.99)(assumeNotNull(done_ms), done_ms IS NOT NULL) AS d)[1]
        AS done_ms_p50,
    if(dones = 0, NULL, d[2]) AS done_ms_p95,
    if(dones = 0, NULL, d[3]) AS done_ms_p99,
    countIf(done_ms < 0) AS done_before_submit
FROM
(
    SELECT
        provider, status, report_code, response_code, late, conflict, unknown_code,
        responded_offset_ms - submitted_offset_ms AS response_ms,
        received_offset_ms - submitted_offset_ms AS report_ms,
        done_offset_ms - submitted_offset_ms AS done_ms
    FROM sms.messages FINAL
    WHERE status NOT IN ('pending', 'excluded')
    SETTINGS do_not_merge_across_partitions_select_final = 1
)
GROUP BY provider;

-- One row for each way to fail: canonical reason beside the codes as they came. share: of the messages of that provider.
CREATE OR REPLACE VIEW sms.failure_reasons AS
SELECT
    provider,
    status,
    reason,
    reason_class,
    recipient_action,
    derived,
    response_code,
    report_code,
    report_err,
    sum(n) AS messages,
    round(messages / any(of_provider), 4) AS share,
    any(example) AS example_message_id,
    min(first_at) AS first_created_at,
    max(last_at) AS last_created_at
FROM
(
    SELECT
        provider, status, reason, reason_class, recipient_action, derived, response_code, report_code, report_err,
        count() AS n,
        sum(n) OVER (PARTITION BY provider) AS of_provider,
        min(message_id) AS example,
        min(created_at) AS first_at,
        max(created_at) AS last_at
    FROM sms.message_latest
    GROUP BY provider, status, reason, reason_class, recipient_action, derived, response_code, report_code, report_err
)
WHERE status IN ('excluded', 'partially_delivered', 'failed')
GROUP BY provider, status, reason, reason_class, recipient_action, derived, response_code, report_code, report_err
ORDER BY messages DESC, provider, reason;

-- Answers and reports that found no message, counted.
CREATE OR REPLACE VIEW sms.orphan_summary AS
SELECT
    toDate(event_at) AS day,
    provider,
    kind,
    reason,
    count() AS records,
    min(code) AS example_code,
    min(provider_message_id) AS example_provider_message_id
FROM sms.orphans FINAL
GROUP BY day, provider, kind, reason;
