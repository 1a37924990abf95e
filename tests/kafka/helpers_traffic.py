"""Traffic for the fault tests, and what must have become of it by the oracle."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from streams.clock import now_ms
from streams.events import DeliveryReport, Event, MessageStatus, Submit, SubmitResponse
from streams.settings import settings_from
from tests.histories import START_MS, random_history
from tests.kafka.helpers import Revisions
from tests.oracle import message_row
from tests.oracle_facts import distinct_answers, distinct_reports, distinct_submits

CONFIG = """
[defaults]
response_timeout = "2s"
receipt_timeout = "5s"
validity = "4s"

[providers.p1]
response_timeout = "500ms"
receipt_timeout = "1s"

[providers.p2]
receipt_parts = "any"
"""
"""Timeouts that all fire within the test: the histories are a few seconds long."""

_PARSED = tomllib.loads(CONFIG)
_RULES = settings_from(_PARSED).rules()
_AGO_MS = 90_000
"""The histories begin this long before they are sent, so that no event and no deadline is in the future."""
_AFTER_ALL_MS = 60_000
"""Long enough for every deadline."""


class Message(NamedTuple):
    """``events`` in the order in which they are sent."""

    message_id: str
    events: list[Event]


def messages(rng: random.Random, count: int, name: str) -> list[Message]:
    """Random histories around every deadline of `CONFIG`, dated some time before now."""
    start_ms = now_ms() - _AGO_MS
    made = []
    for number in range(count):
        message_id = f"{name}-{number}"
        events = random_history(rng, _PARSED, message_id=message_id)
        shift_ms = start_ms + rng.randrange(10_000) - START_MS
        made.append(Message(message_id, [moved(event, shift_ms) for event in events]))
    return made


def moved(event: Event, by_ms: int) -> Event:
    """The event with all its times moved."""
    if isinstance(event, Submit):
        created = event.created_at_ms
        return event._replace(
            submitted_at_ms=event.submitted_at_ms + by_ms, created_at_ms=created if created is None else created + by_ms
        )
    if isinstance(event, SubmitResponse):
        return event._replace(responded_at_ms=event.responded_at_ms + by_ms)
    assert isinstance(event, DeliveryReport)
    done = event.done_at_ms
    return event._replace(
        received_at_ms=event.received_at_ms + by_ms, done_at_ms=done if done is None else done + by_ms
    )


def interleaved(rng: random.Random, made: Sequence[Message], open_at_once: int = 200) -> Iterator[Event]:
    """The events of all messages mixed, those of one message in their order."""
    waiting = [list(reversed(message.events)) for message in reversed(made)]
    going: list[list[Event]] = []
    while going or waiting:
        while waiting and len(going) < open_at_once:
            going.append(waiting.pop())
        chosen = rng.randrange(len(going))
        if going[chosen]:
            yield going[chosen].pop()
        else:
            going[chosen] = going[-1]
            going.pop()


def unfiled(row: MessageStatus) -> MessageStatus:
    """Without what the message is filed under: that depends on which of its submits was read first."""
    return row._replace(campaign="", created_at_ms=0)


class Check:
    """What must become of messages by the oracle, against what did."""

    def __init__(self, made: Sequence[Message], revisions: Revisions) -> None:
        self._made = made
        self._revisions = revisions
        end_ms = now_ms() + _AFTER_ALL_MS
        self._fates = {m.message_id: message_row(m.events, _RULES, _PARSED, end_ms) for m in made}
        self._open = {name for name, row in self._fates.items() if row is not None}

    def wait(self, timeout_s: float = 60, logs: Callable[[], str] = str) -> None:
        """Wait until every message has its last row, and nothing more comes."""
        self._revisions.wait(self._all_done, timeout_s, lambda: f"{self._shown()}\n{logs()}")

    def done(self) -> bool:
        """Read what is new and tell whether every message has its last row."""
        self._revisions.more(0.05)
        return self._all_done()

    def _all_done(self) -> bool:
        for name in list(self._open):
            row, last = self._fates[name], self._revisions.last(name)
            if row is not None and last is not None and unfiled(last) == unfiled(row):
                self._open.discard(name)
        return not self._open

    def _shown(self) -> str:
        lines = [f"{len(self._open)} messages do not have the row that they must have; field: expected, got"]
        for name in sorted(self._open)[:3]:
            row, last = self._fates[name], self._revisions.last(name)
            assert row is not None
            fields = row._fields if last is None else [f for f in row._fields if getattr(row, f) != getattr(last, f)]
            lines += [name, *(f"  {field}: {getattr(row, field)}, {getattr(last, field, None)}" for field in fields)]
        return "\n".join(lines)

    def every_revision_once(self) -> None:
        """No revision is missing or doubled, and the last one of each message is the oracle's.

        Every new fact makes a revision once the submit is known, so the numbers of facts in the versions have no gap
        and end at the number of all; the same number again is a timeout, or a copy of a fact dated earlier.
        """
        assert set(self._revisions.by_message) <= set(self._fates)
        for message in self._made:
            rows = self._revisions.by_message.get(message.message_id, [])
            expected = self._fates[message.message_id]
            if expected is None:
                assert not rows, f"{message.message_id} has no submit"
                continue
            assert unfiled(rows[-1]) == unfiled(expected), message
            _assert_filed_once(message, rows)
            _assert_chain(message, rows)


def _assert_filed_once(message: Message, rows: Sequence[MessageStatus]) -> None:
    """What a message is filed under is that of one of its submits, and never changes."""
    submits = [event for event in message.events if isinstance(event, Submit)]
    possible = {(s.campaign, s.submitted_at_ms if s.created_at_ms is None else s.created_at_ms) for s in submits}
    filed = {(row.campaign, row.created_at_ms) for row in rows}
    assert len(filed) == 1, rows
    assert filed <= possible


def _assert_chain(message: Message, rows: Sequence[MessageStatus]) -> None:
    has_copies = _has_copies(message.events)
    for before, after in pairwise(rows):
        assert before != after, f"written twice: {after}"
        facts, more = before.version // 256, after.version // 256
        assert more - facts in (0, 1), f"a revision is missing between {before} and {after}"
        if more == facts:
            assert after.version > before.version or has_copies, f"{before}\n{after}"


def _has_copies(events: Sequence[Event]) -> bool:
    """Whether a fact came more than once, which may make it earlier than it was thought to be."""
    facts = [*distinct_submits(events), *distinct_answers(events), *distinct_reports(events)]
    return len(facts) < len(events)
