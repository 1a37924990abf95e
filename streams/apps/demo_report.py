"""The figures that `demo` ends with, asked from the tables as an operator or an analyst would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from streams.clickhouse.backend import Database
from streams.clickhouse.story import message_story

Rows = list[dict[str, Any]]

_TOTALS = """
SELECT
    count() AS messages,
    countIf(status = 'excluded') AS excluded,
    countIf(status = 'pending') AS pending,
    countIf(status NOT IN ('pending', 'excluded')) AS handed_over,
    countIf(status IN ('accepted', 'enroute', 'sent_without_sr', 'delivered', 'partially_delivered')
            OR (status = 'failed' AND report_code != '')) AS accepted,
    countIf(status = 'delivered') AS delivered,
    countIf(status = 'partially_delivered') AS partially_delivered,
    countIf(status = 'failed' AND report_code != '') AS failed_later,
    countIf(status = 'failed' AND report_code = '' AND response_code != '') AS refused,
    countIf(status = 'failed' AND report_code = '' AND response_code = '') AS unanswered,
    countIf(status = 'sent_without_sr') AS unconfirmed,
    countIf(status IN ('accepted', 'enroute')) AS waiting_for_report,
    countIf(status = 'submitted') AS waiting_for_answer
FROM message_latest
"""
_STATUSES = """
SELECT provider, count() AS messages,
    countIf(status = 'submitted') AS submitted, countIf(status = 'accepted') AS accepted,
    countIf(status = 'enroute') AS enroute, countIf(status = 'delivered') AS delivered,
    countIf(status = 'partially_delivered') AS partially, countIf(status = 'failed') AS failed,
    countIf(status = 'sent_without_sr') AS unconfirmed
FROM message_latest WHERE status NOT IN ('pending', 'excluded') GROUP BY provider ORDER BY messages DESC
"""
_LATENCIES = """
SELECT provider, response_ms_p50, response_ms_p95, response_ms_p99, report_ms_p50, report_ms_p95, report_ms_p99
FROM provider_scorecard ORDER BY handed_over DESC
"""
_REASONS = """
SELECT reason, any(reason_class) AS class, any(recipient_action) AS action, sum(messages) AS n,
    arrayStringConcat(arraySlice(arraySort(groupUniqArrayIf(
        if(report_code = '', response_code, trim(concat(report_code, ' ', report_err))),
        report_code != '' OR response_code != '')), 1, 3), ', ') AS codes
FROM failure_reasons GROUP BY reason ORDER BY n DESC, reason LIMIT 12
"""
_TIMEOUTS = """
SELECT
    multiIf(reason = 'no_response', 'no answer within the response timeout',
            reason = 'expired', 'still en route after the validity period',
            status = 'failed', 'refused for now until the response timeout',
            'no report within the receipt timeout') AS what,
    arrayStringConcat(arraySort(groupUniqArray(toString(status))), ', ') AS said,
    uniqExact(account, message_id) AS fired,
    uniqExactIf((account, message_id),
        (account, message_id) IN (SELECT account, message_id FROM message_latest WHERE late)) AS amended
FROM revisions FINAL WHERE derived GROUP BY what ORDER BY fired DESC
"""
_FLAGS = """
SELECT countIf(late) AS late, countIf(conflict) AS conflict, countIf(duplicate_delivery) AS delivered_twice,
    countIf(unknown_code) AS unknown_code, countIf(attempt > 1) AS several_attempts, countIf(parts > 1) AS several_parts
FROM message_latest
"""
_LEFTOVERS = """
SELECT (SELECT count() FROM orphans FINAL) AS orphans, (SELECT count() FROM dead_letters FINAL) AS dead_letters,
    (SELECT count() FROM receipts FINAL) AS receipts,
    (SELECT count() FROM events FINAL) AS events, (SELECT count() FROM revisions FINAL) AS revisions
"""
# loaded_at has whole seconds: add one, so that it is a bound
_FRESHNESS = """
SELECT count() AS revisions,
    quantilesExact(0.5, 0.95)(toUnixTimestamp(loaded_at) * 1000 + 1000 - toUnixTimestamp64Milli(greatest(
        submitted_at, ifNull(responded_at, submitted_at), ifNull(received_at, submitted_at)))) AS ms
FROM revisions FINAL WHERE NOT derived AND created_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
"""
_STORIES = (
    "late AND status = 'delivered' AND attempt = 1 AND parts = 1",
    "attempt > 1 AND status = 'delivered'",
    "status = 'delivered'",
)
_ANOMALIES = """
SELECT toString(severity) AS severity, first_seen, sentence FROM anomalies_open
WHERE part_of = '' ORDER BY severity DESC, first_seen LIMIT 4
"""


@dataclass
class Report:
    """What the tables say at the end."""

    anomalies: Rows
    totals: dict[str, int]
    statuses: Rows
    latencies: Rows
    reasons: Rows
    timeouts: Rows
    flags: dict[str, int]
    leftovers: dict[str, int]
    fresh_ms: tuple[float, float] | None
    story_id: str
    story: str


def what_is_wrong(db: Database) -> Rows:
    """Return the anomalies that are open."""
    return _plain(db.query(_ANOMALIES).dicts())


def ask(db: Database, live_since_ms: int, anomalies: Rows) -> Report:
    """Ask all of it. `live_since_ms`: when the live traffic began; `anomalies`: those that were open while it went."""

    def rows(sql: str) -> Rows:
        return _plain(db.query(sql).dicts())

    fresh = _plain(db.query(_FRESHNESS, {"since": live_since_ms}).dicts())[0]
    story_id = _story_id(db)
    return Report(
        anomalies=anomalies,
        totals=rows(_TOTALS)[0],
        statuses=rows(_STATUSES),
        latencies=rows(_LATENCIES),
        reasons=rows(_REASONS),
        timeouts=rows(_TIMEOUTS),
        flags=rows(_FLAGS)[0],
        leftovers=rows(_LEFTOVERS)[0],
        fresh_ms=(fresh["ms"][0], fresh["ms"][1]) if fresh["revisions"] else None,
        story_id=story_id,
        story=message_story(db, story_id) if story_id else "",
    )


def status_counts(db: Database) -> dict[str, int]:
    """Return how many messages stand where."""
    found = _plain(db.query("SELECT status, count() AS n FROM message_latest GROUP BY status ORDER BY n DESC").dicts())
    return {row["status"]: row["n"] for row in found}


def _story_id(db: Database) -> str:
    """Choose a message with something to tell."""
    for condition in _STORIES:
        found = db.query(f"SELECT message_id FROM message_latest WHERE {condition} ORDER BY created_at LIMIT 1").rows
        if found:
            return str(found[0][0])
    return ""


def _plain(rows: Rows) -> Rows:
    """Counts of 64 bits may come as text: make them numbers."""
    return [{name: _number(value) for name, value in row.items()} for row in rows]


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value
