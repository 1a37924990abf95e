"""What became of the receipts in the tables, and what should have: recomputed from the raw answers, day by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streams.clickhouse.backend import Database
from streams.codec.checks import wrong
from streams.events import DeliveryReport, ProviderReceipt
from streams.resolver.decision import outcome, possible, recent
from streams.resolver.rules import ResolveRules
from streams.resolver.slot import Entry, slot_key

_DAY_MS = 24 * 3_600_000
_SHOWN = 10

_DAYS = "SELECT DISTINCT toRelativeDayNum(received_at, 'UTC') AS day FROM sms.receipts ORDER BY day"
_RECEIPTS = f"""
SELECT {", ".join(ProviderReceipt._fields)}, toUnixTimestamp64Milli(seen_at) FROM sms.receipts FINAL
WHERE toRelativeDayNum(received_at, 'UTC') = {{day:Int64}}
"""
_ANSWERS = """
SELECT provider, provider_message_id, account, message_id, ifNull(attempt, 1), part, toUnixTimestamp64Milli(event_at)
FROM sms.events
WHERE topic = 'sms.submit-response' AND provider != '' AND provider_message_id != ''
  AND event_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
  AND event_at <= fromUnixTimestamp64Milli({to:Int64}, 'UTC')
"""
# Answers that name no provider have that of their submit.
_UNNAMED = """
SELECT submits.provider, answers.provider_message_id, answers.account, answers.message_id, ifNull(answers.attempt, 1),
    answers.part, toUnixTimestamp64Milli(answers.event_at)
FROM sms.events AS answers
INNER JOIN sms.events AS submits ON answers.message_id = submits.message_id AND answers.account = submits.account
WHERE answers.topic = 'sms.submit-response' AND answers.provider = '' AND answers.provider_message_id != ''
  AND answers.event_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
  AND answers.event_at <= fromUnixTimestamp64Milli({to:Int64}, 'UTC')
  AND submits.topic = 'sms.submit' AND submits.provider != ''
"""
_REPORTS = """
SELECT provider, toUnixTimestamp64Milli(event_at), code, err, account, message_id, provider_message_id FROM sms.events
WHERE topic = 'sms.delivery-report' AND provider_message_id != ''
  AND toRelativeDayNum(event_at, 'UTC') = {day:Int64}
"""
_ORPHANS = """
SELECT provider, provider_message_id, toUnixTimestamp64Milli(event_at), code, err FROM sms.orphans
WHERE kind = 'provider_receipt' AND toRelativeDayNum(event_at, 'UTC') = {day:Int64}
"""


class Fate(NamedTuple):
    """A receipt, what should become of it by the answers (a report, or why it is nobody's), and what did.

    ``reported``: the messages (account, message_id) that have it as a report. ``seen_at_ms``: Kafka's time.
    """

    receipt: ProviderReceipt
    expected: DeliveryReport | str
    reported: list[tuple[str, str]]
    is_orphan: bool
    seen_at_ms: int


def fates(db: Database, rules: ResolveRules) -> Iterator[Fate]:
    """Yield every receipt in the tables with its fate. In memory is a day of receipts, and what answers them."""
    for (day,) in db.query(_DAYS).rows:
        yield from _of_day(db, rules, int(day))


def _of_day(db: Database, rules: ResolveRules, day: int) -> Iterator[Fate]:
    rows = [(ProviderReceipt._make(row[:-1]), int(row[-1])) for row in _rows(db, (_RECEIPTS,), {"day": day})]
    seen = [(receipt, at_ms) for receipt, at_ms in rows if wrong(receipt) is None]  # the others are dead letters
    receipts = [receipt for receipt, _ in seen]
    keys = [slot_key(one.provider, rules.ids(one.provider).receipt_key(one.provider_message_id)) for one in receipts]
    uses: dict[str, list[Entry]] = {key: [] for key in keys}
    start_ms, keeping = day * _DAY_MS, rules.keeping
    span = {"from": start_ms - keeping.index_ms, "to": start_ms + _DAY_MS + keeping.early_ms}
    for provider, *values, responded_at_ms in answers(db, span):
        for key in rules.ids(provider).answer_keys(values[0]):
            found = uses.get(slot_key(provider, key))
            if found is not None:
                found.append(Entry._make((*values, int(responded_at_ms), 0)))
    reports: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for report in _rows(db, (_REPORTS,), {"day": day}):
        reports.setdefault(report[:4], []).append(report[4:])
    orphans = set(_rows(db, (_ORPHANS,), {"day": day}))
    for (receipt, seen_at_ms), key in zip(seen, keys, strict=True):
        provider, id_, _, _, received_at_ms, _, code, err, _ = receipt
        related = rules.ids(provider).related
        told = reports.get((provider, received_at_ms, code, err), ())
        reported = [(account, message_id) for account, message_id, own in told if related(own, id_)]
        is_orphan = (provider, id_, received_at_ms, code, err) in orphans
        yield Fate(receipt, _expected(receipt, uses[key], rules), reported, is_orphan, seen_at_ms)


def answers(db: Database, span: dict[str, int]) -> Iterator[tuple[Any, ...]]:
    """Yield what brought an id `from` one time `to` another: provider, id, account, message_id, attempt, part, when."""
    yield from _rows(db, (_ANSWERS, _UNNAMED), span)


def _rows(db: Database, statements: tuple[str, ...], params: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    for sql in statements:
        for block in db.stream(sql, params):
            yield from map(tuple, block)


def _expected(receipt: ProviderReceipt, entries: list[Entry], rules: ResolveRules) -> DeliveryReport | str:
    since_ms = receipt.received_at_ms - rules.keeping.index_ms
    uses = [use for use in possible(receipt, entries, rules) if use.responded_at_ms >= since_ms]
    return outcome(receipt, recent(receipt, uses, rules) or uses)


@dataclass
class Audit:
    """Counts of receipts. ``missed``: not reported, though by the answers and the rules they are a message's."""

    receipts: int = 0
    reports: int = 0
    orphans: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    missed: int = 0
    lost: int = 0
    examples: list[str] = field(default_factory=list)


def audit(db: Database, rules: ResolveRules, take: Callable[[DeliveryReport], None] = lambda _: None) -> Audit:
    """Count what became of the receipts; `take` is given the reports that the missed ones should have been.

    A receipt that is neither a report nor an orphan waits, as long as it may; when one came much later (twice ``park``:
    it counts from when a receipt was read), it is lost, or no resolve worker runs.
    """
    found = Audit()
    newest = int(db.query("SELECT toUnixTimestamp64Milli(max(seen_at)) FROM sms.receipts").rows[0][0])
    for fate in fates(db, rules):
        receipt, expected = fate.receipt, fate.expected
        found.receipts += 1
        if fate.reported:
            found.reports += 1
            continue
        if isinstance(expected, DeliveryReport):
            found.missed += 1
            take(expected)
        if fate.is_orphan:
            found.orphans[expected if isinstance(expected, str) else "found by the rules of now"] += 1
        elif newest - fate.seen_at_ms <= 2 * rules.keeping.park_ms:
            found.waiting += 1
        else:
            found.lost += 1
            if len(found.examples) < _SHOWN:
                name = f"receipt {receipt.provider_message_id} of {receipt.provider}"
                found.examples.append(f"{name} at {receipt.received_at_ms} is neither a report nor an orphan")
    return found
