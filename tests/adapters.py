"""Between the core and the tests: the real catalog as the oracle asks it, and a correlator run as one list of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.correlator.facts import Facts
from streams.correlator.message import Message
from streams.correlator.rules import evaluate
from streams.correlator.step import Correlator, Delta
from streams.correlator.store import MemoryStore, Store
from streams.correlator.streamtime import INPUTS, StreamTime
from streams.correlator.timeouts import Keeping, Rules
from streams.correlator.verdict import message_status
from streams.events import Event, MessageStatus
from tests.oracle_facts import AnswerOutcome, ReportOutcome

FOR_EVER = Keeping(settled_ms=10**13, derived_ms=10**13, unmatched_ms=10**13)


class CatalogCodes:
    """The real catalog behind the oracle's small interface."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def answer(self, provider: str, code: str) -> AnswerOutcome:
        return AnswerOutcome(*self._rules.answer(provider, code))

    def report(self, provider: str, code: str, err: str, text: str) -> ReportOutcome:
        return ReportOutcome(*self._rules.report(provider, code, err, text))


def facts_of(events: Iterable[Event]) -> Facts:
    facts = Facts()
    for event in events:
        facts.add(event)
    return facts


def core_row(events: Iterable[Event], rules: Rules, stream_time_ms: int) -> MessageStatus | None:
    facts = facts_of(events)
    verdict = evaluate(facts, rules, stream_time_ms)
    return None if verdict is None else message_status(facts.campaign, facts.created_at_ms, verdict)


def rows(delta: Delta) -> list[MessageStatus]:
    return [message_status(m.campaign, m.created_at_ms, verdict) for m, verdict in delta.revisions]


class Run:
    """A correlator fed batch by batch; `crash` puts it together again from its packed state."""

    def __init__(self, rules: Rules, store: Store | None = None, *, use_shortcuts: bool = True) -> None:
        self.rules = rules
        self.correlator = Correlator(rules, store or MemoryStore(), use_shortcuts=use_shortcuts)
        self.rows: list[MessageStatus] = []
        self.orphans: list[tuple[object, ...]] = []

    def take(self, delta: Delta) -> None:
        self.rows += rows(delta)
        self.orphans += delta.orphans

    def feed(self, events: Sequence[Event]) -> None:
        self.take(self.correlator.step(events))

    def end(self, stream_time_ms: int) -> None:
        for source in range(INPUTS):
            self.correlator.time.ended(source, True)
        self.take(self.correlator.advance_to(stream_time_ms))

    def crash(self) -> None:
        old = self.correlator
        assert isinstance(old.store, MemoryStore)
        store: MemoryStore[Message] = MemoryStore()
        for message in old.store.messages.values():
            again = Message.unpack(message.pack())
            store.put(again)
            store.schedule(again)
        time = StreamTime()
        time.now_ms, time.newest = old.time.now_ms, list(old.time.newest)
        self.correlator = Correlator(self.rules, store, time)

    def last_rows(self) -> dict[str, MessageStatus]:
        return {row.message_id: row for row in self.rows}

    def by_message(self) -> dict[str, list[MessageStatus]]:
        found: dict[str, list[MessageStatus]] = {}
        for row in self.rows:
            found.setdefault(row.message_id, []).append(row)
        return found
