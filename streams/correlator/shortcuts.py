"""The histories nearly every message has, decided without the general rules.

A single attempt on whose whole the answer and the reports speak, each in time and once, needs none of
`streams.correlator.rules`; nor does a long one whose segments are so one by one (`streams.correlator.segments`):

    nothing -> handed over -> answered OK -> [on its way ->] final report
                     |             '-> refused, for now or for good
                     '-> final report -> answered OK
    nothing -> excluded;  nothing -> pending -> handed over -> ...

Each method here takes in an event that continues such a history and gives the very verdict that `evaluate` would
(a property test compares them on every step); for anything else it changes nothing and gives None.

This is the hot path: fields are taken by position (see `streams.events` and `Policy`), which costs a third of taking
them by name.
"""

from __future__ import annotations

from typing import Final

from streams.catalog import AnswerOutcome
from streams.catalog.outcomes import OK, PERMANENT, UNKNOWN
from streams.correlator import segments
from streams.correlator.message import (
    ANNOUNCED,
    FIRST_ANSWER,
    FIRST_REPORT,
    FIRST_SUBMIT,
    GENERAL,
    ON_ITS_WAY,
    SEGMENTS,
    Message,
)
from streams.correlator.timeouts import Rules
from streams.correlator.verdict import (
    ACCEPTED,
    ENROUTE,
    EXCLUDED,
    FAILED,
    PENDING,
    SENT_WITHOUT_SR,
    SUBMITTED,
    Finding,
    Verdict,
    open_finding,
)
from streams.events import DeliveryReport, Submit, SubmitResponse

_SUBMITTED: Final = open_finding(SUBMITTED)
_PENDING: Final = open_finding(PENDING)
_ACCEPTED: Final = [open_finding(ACCEPTED, parts) for parts in range(256)]
_FACT: Final = 256
_MEMORY: Final = 50_000
_new = tuple.__new__
"""Makes a named tuple at half the cost of calling its class."""

Told = tuple[str, str, str, int]
"""What a report's meaning depends on: provider, code, err; and the number of parts it speaks for."""


class Shortcuts:
    """Continues simple histories under one set of rules, and remembers what codes mean to them."""

    def __init__(self, rules: Rules) -> None:
        """Decide as `rules` would."""
        self._rules = rules
        self._answers: dict[tuple[str, str], tuple[str, Finding | None]] = {}
        self._reports: dict[Told, Finding | None] = {}
        self._excluded: dict[str, Finding] = {}

    # ---- submits -----------------------------------------------------------------------------------------------

    def submit(self, message: Message, event: Submit, now_ms: int) -> Verdict | None:
        """Nothing was known of the message; this is the hand-over, and its answer is not overdue; or none is owed."""
        attempt, created, submitted, disposition = event[2], event[3], event[4], event[14]
        deadline: int | None = None
        if disposition == SUBMITTED:
            deadline = submitted + self._rules.policy(event[5])[1]
            if now_ms >= deadline:
                return None
            message.stage, finding = FIRST_SUBMIT, _SUBMITTED
        elif disposition == EXCLUDED:
            finding = self._excluded.get(event[15]) or self._is_excluded(event[15])
        else:
            message.stage, finding = ANNOUNCED, _PENDING
        message.submits[attempt] = event
        message.campaign = event[6]
        message.created_at_ms = submitted if created is None else created
        return _new(Verdict, (attempt, event, submitted, event[12], finding, _FACT, None, None, deadline))

    def handed_over(self, message: Message, event: Submit, now_ms: int) -> Verdict | None:
        """A message that was announced as pending is handed over, and its answer is not overdue."""
        attempt, submitted = event[2], event[4]
        announced = message.submits.get(attempt)
        deadline = submitted + self._rules.policy(event[5])[1]
        if message.stage != ANNOUNCED or announced is None or event[14] != SUBMITTED or now_ms >= deadline:
            return None
        if announced[5] != event[5] or announced[9:11] != event[9:11]:  # another route: it is counted elsewhere
            return None
        message.submits[attempt] = event
        message.set_aside = (announced,)
        message.stage = FIRST_SUBMIT
        return _new(Verdict, (attempt, event, submitted, event[12], _SUBMITTED, 2 * _FACT, None, None, deadline))

    def _is_excluded(self, why: str) -> Finding:
        if len(self._excluded) >= _MEMORY:
            self._excluded.clear()
        flags = (False, True, False, False, False, False)
        finding = self._excluded[why] = Finding(EXCLUDED, *flags, why or "excluded", "sender", "keep", 0)
        return finding

    # ---- answers -----------------------------------------------------------------------------------------------

    def answer(self, message: Message, event: SubmitResponse, now_ms: int) -> Verdict | None:
        """The first answer comes, in time: to the whole message, or to a segment."""
        attempt, answered = event[2], event[4]
        if event[3] is not None:
            if message.stage not in (FIRST_SUBMIT, SEGMENTS) or message.set_aside:
                return None
            return segments.next_answer(message, event, self._rules, now_ms)
        submit = message.submits.get(attempt)
        stage = message.stage
        if (stage != FIRST_SUBMIT and stage != FIRST_REPORT) or submit is None:
            return None
        own = submit[5]
        known = (event[5] or own, event[6])
        meaning = self._answers.get(known) or self._meaning(known)
        kind = meaning[0]
        policy = self._rules.policy(own)
        if kind == UNKNOWN or answered > submit[4] + policy[1]:
            return None
        parts = submit[12]
        report: DeliveryReport | None = None
        finding = meaning[1]
        deadline: int | None = None
        if stage == FIRST_REPORT:
            report = message.reports[0]
            finding = self._final(report, own, parts)
            if kind != OK or finding is None or report[4] > answered + policy[2]:
                return None
            following = GENERAL
        elif kind == OK:
            deadline = answered + policy[2]
            finding, following = _ACCEPTED[parts], FIRST_ANSWER
        else:
            deadline = None if kind == PERMANENT else message.deadline_ms
            following = GENERAL
        if deadline is not None and now_ms >= deadline:
            return None
        message.answers = (event,)
        message.stage = following
        version = _FACT * (2 + len(message.set_aside) + len(message.reports))
        return _new(Verdict, (attempt, submit, submit[4], parts, finding, version, event, report, deadline))

    def _meaning(self, known: tuple[str, str]) -> tuple[str, Finding | None]:
        """Return what kind of answer a code is, and what is found of a message that is refused with it."""
        if len(self._answers) >= _MEMORY:
            self._answers.clear()
        outcome = self._rules.answer(*known)
        meaning = self._answers[known] = (outcome.kind, None if outcome.kind == OK else _refused(outcome))
        return meaning

    # ---- reports -----------------------------------------------------------------------------------------------

    def report(self, message: Message, event: DeliveryReport, now_ms: int) -> Verdict | None:
        """A report comes, in time: on the whole message, or on a segment."""
        told, received, stage = event[2], event[4], message.stage
        if event[3] is not None:
            if (stage != FIRST_ANSWER and stage != SEGMENTS) or message.set_aside:
                return None
            return segments.next_report(message, event, self._rules, now_ms)
        if stage in (SEGMENTS, FIRST_REPORT, ANNOUNCED):
            return None
        answer = message.answers[0] if message.answers else None
        submit = next(iter(message.submits.values()))
        attempt, own, parts = submit[2], submit[5], submit[12]
        # The message's deadline is that of the answer, of the receipt, or of the validity: whichever it waits for.
        waits_until = message.deadline_ms
        if waits_until is None or received > waits_until or (told is not None and told != attempt):
            return None
        finding = self._reports.get((event[6] or own, event[8], event[9], parts)) or self._final(event, own, parts)
        deadline: int | None = None
        if finding is not None:
            following = GENERAL if answer is not None else FIRST_REPORT
        elif stage == FIRST_ANSWER:
            finding = self._on_its_way(event, own, parts)
            validity = self._rules.policy(own).validity_ms if submit[13] is None else submit[13]
            deadline = max(submit[4] + validity, received)
            if finding is None or now_ms >= deadline:
                return None
            following = ON_ITS_WAY
        else:
            return None
        message.reports = (*message.reports, event)
        message.stage = following
        version = _FACT * (1 + len(message.set_aside) + len(message.answers) + len(message.reports))
        return _new(Verdict, (attempt, submit, submit[4], parts, finding, version, answer, event, deadline))

    def _final(self, event: DeliveryReport, own: str, parts: int) -> Finding | None:
        """Return what a final report makes of a message; remembered where its code alone says so."""
        provider, code, err = event.provider or own, event.code, event.err
        known = self._reports.get((provider, code, err, parts))
        if known is not None:
            return known
        outcome = self._rules.report(provider, code, err, event.text)
        status, final, reason, reason_class, action, billed, told = outcome
        if not final or status == SENT_WITHOUT_SR or not told:
            return None
        flags = (False, True, False, False, False, False)
        finding = Finding(status, *flags, reason, reason_class, action, 0 if billed is False else parts)
        if not self._rules.reads_text(provider):
            if len(self._reports) >= _MEMORY:
                self._reports.clear()
            self._reports[provider, code, err, parts] = finding
        return finding

    def _on_its_way(self, event: DeliveryReport, own: str, parts: int) -> Finding | None:
        """Return what an intermediate report makes of a message."""
        outcome = self._rules.report(event.provider or own, event.code, event.err, event.text)
        status, final, reason, reason_class, action, billed, told = outcome
        if final or status != ENROUTE or not told:  # an unknown code is a flag that stays
            return None
        flags = (False, False, False, False, False, False)
        return Finding(status, *flags, reason, reason_class, action, 0 if billed is False else parts)


def _refused(outcome: AnswerOutcome) -> Finding:
    """Return what is found of a message that is refused, for good or for now."""
    kind, reason, reason_class, action = outcome
    settled = kind == PERMANENT
    flags = (False, settled, False, False, False, False)
    return Finding(FAILED if settled else SUBMITTED, *flags, reason, reason_class, action, 0)
