"""Read this first: one partition's events in, revisions and changed state out.

`Correlator.step` takes events in the order in which they were read and gives back a `Delta`: the new revisions,
the messages whose state changed, the ones forgotten, and the orphans. It does no I/O and reads no clock; the
worker around it makes one Kafka transaction of each delta.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from streams.correlator.counting import Counting
from streams.correlator.message import GENERAL, Message
from streams.correlator.rules import evaluate
from streams.correlator.shortcuts import Shortcuts
from streams.correlator.store import Store
from streams.correlator.streamtime import ANSWERS, REPORTS, SUBMITS, StreamTime
from streams.correlator.timeouts import DAY, Rules
from streams.correlator.verdict import SUBMITTED, Finding, Verdict, message_status
from streams.events import DeliveryReport, Event, OrphanReport, Submit, SubmitResponse

REFRESH_MS: Final = 7 * DAY
"""How often the state of a message that waits for nothing is written anew (it would fall out of the changelog)."""


_SOURCE: dict[type, int] = {Submit: SUBMITS, SubmitResponse: ANSWERS, DeliveryReport: REPORTS}
_TIME: dict[type, Any] = {
    Submit: Submit._fields.index("submitted_at_ms"),
    SubmitResponse: SubmitResponse._fields.index("responded_at_ms"),
    DeliveryReport: DeliveryReport._fields.index("received_at_ms"),
}
"""Where in an event its event time stands."""


@dataclass(slots=True)
class Delta:
    """What a step changed. ``changed`` and ``dropped`` are the state changes, the rest is output.

    ``said_ms`` has for each revision the stream time at which it was said, for a timeout its deadline.
    """

    revisions: list[tuple[Message, Verdict]] = field(default_factory=list)
    said_ms: list[int] = field(default_factory=list)
    changed: dict[str, Message] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    orphans: list[OrphanReport] = field(default_factory=list)
    events: int = 0
    duplicates: int = 0
    timeouts: int = 0

    def merge(self, later: Delta) -> None:
        """Add what a later step of the same partition changed, one that took in no events."""
        self.revisions += later.revisions
        self.said_ms += later.said_ms
        for key in later.dropped:
            self.changed.pop(key, None)
        self.changed |= later.changed
        self.dropped += later.dropped
        self.orphans += later.orphans
        self.events += later.events
        self.duplicates += later.duplicates
        self.timeouts += later.timeouts


class Correlator:
    """Joins the events of one partition."""

    def __init__(
        self,
        rules: Rules,
        store: Store,
        time: StreamTime | None = None,
        *,
        counting: Counting | None = None,
        use_shortcuts: bool = True,
    ) -> None:
        """Work by `rules` on the messages in `store`, from stream time `time` on; `counting` is told what happens.

        Without shortcuts everything goes by the general rules: slower, and with the same results (a test compares).
        """
        self.rules = rules
        self.store = store
        self.time = time or StreamTime()
        self.counting = counting
        self._shortcuts = Shortcuts(rules)
        self._use_shortcuts = use_shortcuts

    def step(self, events: Iterable[Event]) -> Delta:
        """Take in events, in order; then let every timeout that stream time has reached pass."""
        delta = Delta()
        taken: list[Any] = list(events)
        kinds = [event.__class__ for event in taken]
        sources = [_SOURCE[kind] for kind in kinds]
        before = self.time.now_ms
        dated: list[int] = [event[_TIME[kind]] for event, kind in zip(taken, kinds, strict=True)]
        counting = self.counting
        if counting is not None:
            counting.one.begin(before)
        times, bases = self.time.see(sources, dated)
        store, shortcuts = self.store, self._shortcuts
        use_shortcuts, elsewhere = self._use_shortcuts, store.elsewhere
        in_memory, get, keeping = store.messages, store.get, self.rules.keeping
        submit, answer, report = shortcuts.submit, shortcuts.answer, shortcuts.report
        revisions, said_ms, changed = delta.revisions, delta.said_ms, delta.changed
        event: Any
        for event, source, at, now, base in zip(taken, sources, dated, times, bases, strict=True):
            key = f"{event[0]}\x00{event[1]}"
            message = in_memory.get(key)
            if message is None and elsewhere:
                message = get(key)
            if message is not None and message.due_ms <= now:
                # What passed before this event comes first; an event dated exactly at a deadline precedes it.
                message = self._pass_time(message, before if now == before else now - 1, delta)
            before = now
            if message is None:
                message = in_memory[key] = Message(key, event[0], event[1])
                verdict = submit(message, event, now) if source == SUBMITS and use_shortcuts else None
            elif not message.stage:
                verdict = None
            elif source == ANSWERS:
                verdict = answer(message, event, now)
            elif source == REPORTS:
                verdict = report(message, event, now)
            else:
                verdict = shortcuts.handed_over(message, event, now)
            if verdict is None:
                self._take(message, event, event.__class__, now, base, delta)
                continue
            # What `_said` does, for what a shortcut says: no timeout has passed, nothing was settled before.
            deadline = verdict[8]
            revisions.append((message, verdict))
            said_ms.append(base)
            changed[key] = message
            if counting is not None:
                counting.plain(message, event, source, at, verdict, base)
            message.version = verdict[5]
            message.finding = verdict[4]
            message.deadline_ms = deadline
            if deadline is not None:
                due = deadline
            elif verdict[4][2]:  # settled
                due = message.drop_at_ms = max(base + keeping.settled_ms, message.longest_due_ms)
            else:
                due = base + REFRESH_MS
            message.due_ms = due
            if due > message.longest_due_ms:
                message.longest_due_ms = due
        self._schedule(changed.values())
        delta.events += len(taken)
        self._timers(delta)
        return delta

    def advance_to(self, stream_time_ms: int) -> Delta:
        """Move stream time (all inputs are at their end) and let the timeouts pass that it reaches."""
        delta = Delta()
        if self.counting is not None:
            self.counting.one.begin(self.time.now_ms)
        self.time.advance(stream_time_ms)
        self._timers(delta)
        return delta

    def _take(self, message: Message, event: Any, kind: type, now: int, base_ms: int, delta: Delta) -> None:
        """Add an event to a message, by the general rules, and say what became of it."""
        early: tuple[SubmitResponse | DeliveryReport, ...] = ()
        was_settled = message.drop_at_ms is not None and bool(message.submits)
        if kind is Submit:
            same = message.submits.get(event.attempt)
            early = () if message.submits else (*message.answers, *message.reports)
            new = message.add_submit(event)
            new_fact = same is None or same.disposition != SUBMITTED
        else:
            before = (message.answers, message.reports)
            new = message.add_answer(event) if kind is SubmitResponse else message.add_report(event)
            new_fact = sum(map(len, before)) < len(message.answers) + len(message.reports)
            if new and not new_fact:
                new = self._earlier_copy(message, *before, now, base_ms)
                message.stage = GENERAL
                delta.changed[message.key] = message
        counting = self.counting
        if not new:
            delta.duplicates += 1
            if counting is not None:
                counting.one.copy(message, event, base_ms)
            return
        message.stage = GENERAL
        verdict = evaluate(message, self.rules, now)
        if verdict is not None and counting is not None:
            told = was_settled or verdict.finding.conflict
            was = self._before(message, now) if told and new_fact and kind is DeliveryReport else None
            counting.one.special(message, event, verdict, new_fact, was, early, base_ms)
        self._said(message, verdict, base_ms, delta)

    def _before(self, message: Message, now: int) -> Finding | None:
        """Tell where a message stood before its newest report."""
        if message.finding is not None:
            return message.finding
        reports = message.reports
        message.reports = reports[:-1]
        verdict = evaluate(message, self.rules, now)
        message.reports = reports
        return None if verdict is None else verdict.finding

    def _earlier_copy(
        self,
        message: Message,
        answers: tuple[SubmitResponse, ...],
        reports: tuple[DeliveryReport, ...],
        now: int,
        base_ms: int,
    ) -> bool:
        """A copy dated earlier has replaced a known fact: tell whether that makes a difference to be said."""
        after = message.answers, message.reports
        message.answers, message.reports = answers, reports
        said = evaluate(message, self.rules, now)
        message.answers, message.reports = after
        verdict = evaluate(message, self.rules, now)
        if said is None or verdict is None:
            return True
        filed = (message.campaign, message.created_at_ms)
        if message_status(*filed, said) != message_status(*filed, verdict):
            return True
        if verdict.deadline_ms != message.deadline_ms:  # what is waited for is dated otherwise now
            self._wait(message, verdict, base_ms)
        return False

    def _said(self, message: Message, verdict: Verdict | None, base_ms: int, delta: Delta) -> None:
        """Put out a verdict, and note when the message is due next. `base_ms`: keeping counts from there."""
        if verdict is not None:
            delta.revisions.append((message, verdict))
            delta.said_ms.append(base_ms)
            message.version = verdict.version
            message.finding = verdict.finding
        delta.changed[message.key] = message
        self._wait(message, verdict, base_ms)

    def _wait(self, message: Message, verdict: Verdict | None, base_ms: int) -> None:
        """Note when time next has something to do with a message."""
        due = deadline = drop_at = None
        if verdict is None:
            drop_at = base_ms + self.rules.keeping.unmatched_ms
        else:
            due = deadline = verdict.deadline_ms
            if verdict.finding.settled:
                keeping = self.rules.keeping
                drop_at = base_ms + (keeping.derived_ms if verdict.finding.derived else keeping.settled_ms)
        longest = message.longest_due_ms
        if drop_at is not None:
            drop_at = max(drop_at, longest)
            due = drop_at if due is None else min(due, drop_at)
        elif due is None:
            due = base_ms + REFRESH_MS
        if due > longest:
            message.longest_due_ms = due
        message.deadline_ms = deadline
        message.drop_at_ms = drop_at
        message.due_ms = due

    def _schedule(self, messages: Iterable[Message]) -> None:
        """Note in the calendar what is due before its horizon; later is found again when the horizon moves."""
        horizon, schedule = self.store.horizon_ms, self.store.schedule
        for message in messages:
            if message.due_ms <= horizon:
                schedule(message)

    def _timers(self, delta: Delta) -> None:
        """Let everything pass that stream time has reached."""
        now = self.time.now_ms
        while keys := self.store.due(now):
            for key in keys:
                message = self.store.get(key)
                if message is not None and message.due_ms <= now:
                    message = self._pass_time(message, now, delta)
                    if message is not None:
                        self.store.schedule(message)

    def _pass_time(self, message: Message, until_ms: int, delta: Delta) -> Message | None:
        """Let the timeouts of a message pass one by one; return None where it was forgotten on the way."""
        while message.due_ms <= until_ms:
            if message.deadline_ms is not None and message.deadline_ms <= message.due_ms:
                delta.timeouts += 1
                message.stage = GENERAL
                verdict = evaluate(message, self.rules, message.deadline_ms)
                if self.counting is not None and verdict is not None and message.drop_at_ms is None:
                    self.counting.one.passed(verdict, message.deadline_ms)
                self._said(message, verdict, message.deadline_ms, delta)
            elif message.drop_at_ms is not None:
                self._forget(message, delta)
                return None
            else:
                message.longest_due_ms = message.due_ms = until_ms + REFRESH_MS
                delta.changed[message.key] = message
        return message

    def _forget(self, message: Message, delta: Delta) -> None:
        if not message.submits:
            given_up = orphans(message)
            delta.orphans += given_up
            if self.counting is not None:
                for orphan in given_up:
                    self.counting.one.given_up(orphan, message.due_ms)
        self.store.drop(message)
        delta.changed.pop(message.key, None)
        delta.dropped.append(message.key)


def orphans(message: Message) -> list[OrphanReport]:
    """Return what is reported of a message whose submit never came."""
    answers = [
        OrphanReport(
            kind="submit_response",
            event_at_ms=a.responded_at_ms,
            done_at_ms=None,
            err="",
            reason="no_submit",
            **_common(a),
        )
        for a in message.answers
    ]
    reports = [
        OrphanReport(
            kind="delivery_report",
            event_at_ms=r.received_at_ms,
            done_at_ms=r.done_at_ms,
            err=r.err,
            reason="no_submit",
            **_common(r),
        )
        for r in message.reports
    ]
    return answers + reports


def _common(event: SubmitResponse | DeliveryReport) -> dict[str, Any]:
    names = ("account", "message_id", "attempt", "part", "provider", "provider_message_id", "code", "text")
    return {name: getattr(event, name) for name in names}
