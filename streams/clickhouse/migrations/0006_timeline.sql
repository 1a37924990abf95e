-- Everything that happened to a message: the raw events, the revisions they made, the timeouts, what found no submit.
-- Ask for one: SELECT * FROM message_timeline WHERE message_id = '...' (it comes in the order of time).
-- `at` is the event's own time. Of a revision it is the time of the newest fact in it; of one that a timeout made, the
-- time it was written, where that is known, but never later than the revision after it.
CREATE OR REPLACE VIEW sms.message_timeline AS
SELECT account, message_id, at, kind, what, attempt, part, provider, code, err, text, provider_message_id, done_at,
       status, version, derived, seen_at, topic, partition, offset
FROM
(
    SELECT
        account, message_id, event_at AS at,
        multiIf(topic = 'sms.submit', 'submit', topic = 'sms.submit-response', 'response', 'report') AS kind,
        concat(
            multiIf(
                topic = 'sms.submit' AND disposition = 'excluded', concat('not sent: ', exclusion_reason),
                topic = 'sms.submit' AND disposition = 'pending', 'known to the sender, not handed over yet',
                topic = 'sms.submit', concat('handed over to ', if(provider = '', 'the provider', provider)),
                topic = 'sms.submit-response', concat('the provider answered ', code),
                concat('report ', code, if(err = '', '', concat(', error ', err)))),
            if(ifNull(parts, 1) > 1, concat(' in ', toString(parts), ' parts'), ''),
            if(part IS NULL, '', concat(' for part ', toString(part))),
            if(attempt > 1, concat(' (attempt ', toString(attempt), ')'), '')) AS what,
        attempt, part, provider, code, err, text, provider_message_id, done_at,
        '' AS status, toUInt32(0) AS version, false AS derived, seen_at, topic, partition, offset,
        0 AS rank
    FROM sms.events FINAL

    UNION ALL

    SELECT
        account, message_id,
        min(if(derived AND toUnixTimestamp64Milli(seen_at) > 0, seen_at,
               greatest(submitted_at, ifNull(responded_at, submitted_at), ifNull(received_at, submitted_at))))
            OVER (PARTITION BY message_id, account ORDER BY version DESC, partition DESC, offset DESC) AS at,
        if(derived, 'timeout', 'status') AS kind,
        concat(
            multiIf(
                derived AND reason = 'no_response', 'no answer within the response timeout: failed',
                derived AND reason = 'expired', 'still en route after the validity period: failed',
                derived AND status = 'failed', concat('refused for longer than the response timeout: failed, ', reason),
                derived AND status = 'sent_without_sr', 'no report within the receipt timeout: sent_without_sr',
                concat('now ', toString(status), if(reason = '', '', concat(', ', reason)))),
            if(late, ' (late)', ''),
            if(conflict, ' (reports contradict each other)', ''),
            if(duplicate_delivery, ' (delivered by more than one attempt)', '')) AS what,
        toNullable(attempt), CAST(NULL, 'Nullable(Int32)'), provider, if(report_code = '', response_code, report_code),
        report_err, '', provider_message_id, done_at,
        toString(status), version, derived, seen_at, 'sms.message-status', partition, offset,
        1
    FROM sms.revisions FINAL

    UNION ALL

    SELECT
        account, message_id, event_at, 'orphan',
        concat(replaceAll(toString(kind), '_', ' '), ' ', code, ' found no message: ', reason),
        attempt, part, provider, code, err, text, provider_message_id, done_at,
        '', 0, false, seen_at, 'sms.orphan-report', partition, offset,
        2
    FROM sms.orphans FINAL
)
ORDER BY message_id, account, at, rank, version, topic, partition, offset;
