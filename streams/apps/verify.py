"""`sms-streams verify`: every status recomputed from the raw events in ClickHouse, and compared."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from itertools import islice
from typing import Any, Literal, NamedTuple

from streams.apps.stored_messages import Key, StoredMessage, stored_messages
from streams.clickhouse.backend import Database
from streams.correlator.facts import Facts
from streams.correlator.rules import evaluate
from streams.correlator.timeouts import Rules
from streams.correlator.verdict import Verdict, message_status
from streams.events import MessageStatus

COMPARED = tuple(name for name in MessageStatus._fields if name not in ("campaign", "created_at_ms"))
PATIENCE_S = 15.0
_FACT = 256
_SHOWN = 20
_TOLD_EVERY = 100_000
_MOST_AGAIN = 100_000
_AT_ONCE = 1_000
_FIRST_PAUSE_S = 0.5

Say = Callable[[str], None]


class Outcome(NamedTuple):
    """What comparing one message gave. ``waiting``: no submit is known yet, and rightly no row."""

    kind: Literal["equal", "waiting", "missing", "extra", "different"]
    text: str = ""
    columns: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether the tables have what they should."""
        return self.kind in ("equal", "waiting")


_EQUAL, _WAITING = Outcome("equal"), Outcome("waiting")
_FILED = "campaign, created_at"


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

    def add(self, outcome: Outcome, number: int = 1) -> None:
        """Count a message (-1: take it back); of the differences, keep a few to show."""
        self.messages += number
        setattr(self, outcome.kind, getattr(self, outcome.kind) + number)
        self.columns.update(outcome.columns)
        if outcome.text and len(self.examples) < _SHOWN:
            self.examples.append(outcome.text)


def verify(db: Database, rules: Rules, say: Say = lambda _: None, patience_s: float = PATIENCE_S) -> Report:
    """Recompute the latest row of every message from ``sms.events`` and compare it with ``message_latest``.

    How far stream time had got is not stored; it is at least the latest deadline that a stored row says has passed.
    So the rows of a partition are right if all of them are what the rules give at that one time.

    Events and rows come into the tables while they are read, and not together. So a message that differs is read
    again, for `patience_s` seconds: what was on its way has come then, what is wrong stays wrong.
    """
    compared = _Comparison(rules)
    for number, message in enumerate(stored_messages(db), 1):
        compared.see(message)
        if number % _TOLD_EVERY == 0:
            say(f"{number:,} messages compared")
    compared.find_overdue()
    for pause_s in _pauses(patience_s):
        if not compared.doubtful:
            break
        if pause_s:
            say(f"{len(compared.doubtful):,} messages differ: read again, as their rows may have been on the way")
            time.sleep(pause_s)
        compared.read_again(db)
    return compared.end()


def _pauses(patience_s: float) -> Iterator[float]:
    """Yield how long to wait before each time of reading again: at first not at all, then ever longer."""
    yield 0.0
    pause_s = _FIRST_PAUSE_S
    while patience_s > 0:
        yield min(pause_s, patience_s)
        patience_s -= pause_s
        pause_s *= 2


class _Comparison:
    """Where it stands. ``doubtful``: the messages that have to be read again; they are not counted yet.

    Of those as many are kept as fit easily into memory. What differs beyond that is told as it was read.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._report = Report()
        self._reached: dict[int, int] = {}
        self._next: dict[int, list[tuple[int, Key]]] = {}
        self.doubtful: dict[Key, Outcome] = {}

    def see(self, message: StoredMessage) -> None:
        """Compare a message at the deadlines that its row says have passed."""
        outcome, deadline_ms = self._compare(message, 0)
        if outcome.is_right or len(self.doubtful) >= _MOST_AGAIN:
            self._report.add(outcome)
        else:
            self.doubtful[message.key] = outcome
        if outcome.is_right and deadline_ms is not None:
            waiting = self._next.setdefault(message.partition, [])
            entry = (-deadline_ms, message.key)  # of too many, the latest deadlines are let go
            heappush(waiting, entry) if len(waiting) < _MOST_AGAIN else heappushpop(waiting, entry)

    def find_overdue(self) -> None:
        """Doubt what was right only before a deadline that, by another row of the partition, has passed."""
        for partition, waiting in self._next.items():
            reached_ms = self._reached.get(partition, 0)
            for deadline_ms, key in waiting:
                if -deadline_ms <= reached_ms:
                    self._report.add(_EQUAL, -1)
                    self.doubtful[key] = _EQUAL

    def read_again(self, db: Database) -> None:
        """Read the doubtful messages again and count those that are right now. Some may have left the tables."""
        asked, self.doubtful = self.doubtful, {}
        ids = iter(sorted({message_id.decode() for message_id, _ in asked}))
        while some := list(islice(ids, _AT_ONCE)):
            for message in stored_messages(db, some):
                if message.key not in asked:
                    continue
                outcome, _ = self._compare(message, self._reached.get(message.partition, 0))
                if outcome.is_right:
                    self._report.add(outcome)
                else:
                    self.doubtful[message.key] = outcome

    def end(self) -> Report:
        """Count what is still doubtful as it was read last."""
        for outcome in self.doubtful.values():
            self._report.add(outcome)
        return self._report

    def _compare(self, message: StoredMessage, reached_ms: int) -> tuple[Outcome, int | None]:
        """Compare at a stream time, or the later one that the row tells of; return its next deadline, too."""
        facts, row = message.facts, message.row
        verdict = None if facts is None else evaluate(facts, self._rules, reached_ms)
        if facts is None or verdict is None:
            return (_WAITING if row is None else _extra(row)), None
        if row is None:
            return _missing(verdict), verdict.deadline_ms
        verdict, passed_ms = _reach(facts, self._rules, verdict, int(row["version"]))
        if passed_ms and verdict.version == row["version"]:
            self._reached[message.partition] = max(passed_ms, self._reached.get(message.partition, 0))
        wanted = message_status(row["campaign"], row["created_at_ms"], verdict)
        columns = _differing(facts, wanted, row)
        return (_different(wanted, row, columns) if columns else _EQUAL), verdict.deadline_ms


def _reach(facts: Facts, rules: Rules, verdict: Verdict, version: int) -> tuple[Verdict, int]:
    """Let deadlines pass until the verdict has a version; return it, and the last of these deadlines (0: none)."""
    passed_ms = 0
    while verdict.version < version and version // _FACT == facts.count and verdict.deadline_ms is not None:
        passed_ms = verdict.deadline_ms
        later = evaluate(facts, rules, passed_ms)
        assert later is not None  # there is a submit
        verdict = later
    return verdict, passed_ms


def _differing(facts: Facts, wanted: MessageStatus, row: dict[str, Any]) -> tuple[str, ...]:
    columns = tuple(name for name in COMPARED if getattr(wanted, name) != row[name])
    submits = [*facts.submits.values(), *facts.set_aside]
    filed = [(s.campaign, s.submitted_at_ms if s.created_at_ms is None else s.created_at_ms) for s in submits]
    return columns if (row["campaign"], row["created_at_ms"]) in filed else (*columns, _FILED)


def _extra(row: dict[str, Any]) -> Outcome:
    return Outcome("extra", f"{row['message_id']}: has a row, but no submit among the raw events")


def _missing(verdict: Verdict) -> Outcome:
    return Outcome("missing", f"{verdict.submit.message_id}: has a submit among the raw events, but no row")


def _different(wanted: MessageStatus, row: dict[str, Any], columns: tuple[str, ...]) -> Outcome:
    shown = ", ".join(f"{name} is {row.get(name)!r}, should be {getattr(wanted, name, '')!r}" for name in columns)
    return Outcome("different", f"{row['message_id']}: {shown}", columns)
