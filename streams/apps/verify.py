"""`sms-streams verify`: every status recomputed from the raw events in ClickHouse, and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from streams.clickhouse.backend import Database
from streams.clickhouse.stored import stored_by_message
from streams.correlator.facts import Facts
from streams.correlator.rules import evaluate
from streams.correlator.timeouts import Rules
from streams.correlator.verdict import message_status
from streams.events import Event, MessageStatus, Submit, SubmitResponse

COMPARED = tuple(name for name in MessageStatus._fields if name not in ("campaign", "created_at_ms"))
_FACT = 256
_SHOWN = 20
_TOLD_EVERY = 100_000

Key = tuple[bytes, bytes]


@dataclass
class Report:
    """What `verify` found."""

    messages: int = 0
    equal: int = 0
    waiting: int = 0
    missing: int = 0
    extra: int = 0
    different: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    @property
    def differences(self) -> int:
        """Number of messages whose row is not what the raw events give."""
        return self.missing + self.extra + self.different

    def example(self, text: str) -> None:
        """Keep a few differences to show."""
        if len(self.examples) < _SHOWN:
            self.examples.append(text)


def verify(db: Database, rules: Rules, say: Callable[[int], None] = lambda _: None) -> Report:
    """Recompute the latest row of every message from ``sms.events`` and compare it with ``message_latest``.

    How far stream time had got is not stored; it is at least the latest deadline that a stored row says has passed.
    So the rows of a partition are right if all of them are what the rules give at that one time.
    """
    reached: dict[int, int] = {}
    for partition, facts, row in _messages(db, rules):
        if row is not None and facts is not None:
            fired = _fired(facts, rules, row)
            if fired is not None:
                reached[partition] = max(fired, reached.get(partition, 0))
    report = Report()
    for partition, facts, row in _messages(db, rules):
        report.messages += 1
        _compare(report, facts, row, rules, reached.get(partition, 0))
        if report.messages % _TOLD_EVERY == 0:
            say(report.messages)
    return report


def _messages(db: Database, rules: Rules) -> Iterator[tuple[int, Facts | None, dict[str, Any] | None]]:
    """Yield partition, facts and stored row of every message; either may be missing."""
    events = _facts(stored_by_message(db))
    rows = _rows(db)
    found, row = next(events, None), next(rows, None)
    while found is not None or row is not None:
        key = min(k for k in (found and found[0], row and row[0]) if k is not None)
        partition, facts, stored = 0, None, None
        if found is not None and found[0] == key:
            partition, facts = found[1], found[2]
            found = next(events, None)
        if row is not None and row[0] == key:
            stored = row[1]
            row = next(rows, None)
        yield partition, facts, stored


def _facts(events: Iterator[tuple[int, Event]]) -> Iterator[tuple[Key, int, Facts]]:
    for key, group in groupby(events, key=lambda e: (e[1].message_id.encode(), e[1].account.encode())):
        facts = Facts()
        partition = 0
        for partition, event in group:  # noqa: B007 (the last one's partition is that of all)
            _add(facts, event)
        yield key, partition, facts


def _add(facts: Facts, event: Event) -> None:
    if isinstance(event, Submit):
        facts.add_submit(event)
    elif isinstance(event, SubmitResponse):
        facts.add_answer(event)
    else:
        facts.add_report(event)


def _rows(db: Database) -> Iterator[tuple[Key, dict[str, Any]]]:
    names = ", ".join(map(_column, MessageStatus._fields))
    sql = f"SELECT {names} FROM sms.messages FINAL ORDER BY message_id, account"
    for block in db.stream(sql):
        for values in block:
            row = dict(zip(MessageStatus._fields, values, strict=True))
            yield (row["message_id"].encode(), row["account"].encode()), row


def _column(name: str) -> str:
    """Return what to select for a field of the record: times are stored as offsets from created_at."""
    if name == "created_at_ms":
        return "toUnixTimestamp64Milli(created_at)"
    if name.endswith("_at_ms"):
        return f"toUnixTimestamp64Milli(created_at) + {name.replace('_at_ms', '_offset_ms')}"
    return name


def _fired(facts: Facts, rules: Rules, row: dict[str, Any]) -> int | None:
    """Return the latest deadline that, by the stored version, stream time had reached; None where none."""
    verdict = evaluate(facts, rules, 0)
    if verdict is None:
        return None
    more = int(row["version"]) % _FACT - verdict.version % _FACT
    if int(row["version"]) // _FACT != facts.count or more <= 0:
        return None
    reached = None
    while more > 0 and verdict is not None and verdict.deadline_ms is not None:
        reached = verdict.deadline_ms
        before = verdict.version
        verdict = evaluate(facts, rules, reached)
        more -= (verdict.version - before) if verdict is not None else more
    return reached


def _compare(
    report: Report, facts: Facts | None, row: dict[str, Any] | None, rules: Rules, stream_time_ms: int
) -> None:
    verdict = None if facts is None else evaluate(facts, rules, stream_time_ms)
    if facts is None or verdict is None:
        if row is None:
            report.waiting += 1
        else:
            report.extra += 1
            report.example(f"{row['message_id']}: has a row, but no submit among the raw events")
        return
    if row is None:
        report.missing += 1
        report.example(f"{verdict.submit.message_id}: has a submit among the raw events, but no row")
        return
    wanted = message_status(row["campaign"], row["created_at_ms"], verdict)
    differing = [name for name in COMPARED if getattr(wanted, name) != row[name]]
    filed = [(s.campaign, s.submitted_at_ms if s.created_at_ms is None else s.created_at_ms) for s in _submits(facts)]
    if (row["campaign"], row["created_at_ms"]) not in filed:
        differing.append("campaign, created_at")
    if not differing:
        report.equal += 1
        return
    report.different += 1
    report.columns.update(differing)
    shown = ", ".join(f"{name} is {row.get(name)!r}, should be {getattr(wanted, name, '')!r}" for name in differing)
    report.example(f"{row['message_id']}: {shown}")


def _submits(facts: Facts) -> list[Submit]:
    return [*facts.submits.values(), *facts.set_aside]
