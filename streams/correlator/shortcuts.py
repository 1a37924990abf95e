"""The histories nearly every message has, decided without the general rules.

A single attempt that is handed over, answered OK in time and reported on in time, in that order, needs none of
`streams.correlator.rules`; nor does a long one whose segments are so one by one (`streams.correlator.segments`).
Each function here takes in an event that continues such a history and gives the very verdict that `evaluate` would
(a property test compares them on every step); for anything else it changes nothing and gives None.
"""

from __future__ import annotations

from streams.catalog.outcomes import OK
from streams.correlator import segments
from streams.correlator.message import FIRST_ANSWER, FIRST_SUBMIT, GENERAL, Message
from streams.correlator.timeouts import Rules
from streams.correlator.verdict import ACCEPTED, SENT_WITHOUT_SR, SUBMITTED, Verdict
from streams.events import DeliveryReport, Submit, SubmitResponse

_FIRST, _SECOND, _THIRD = 256, 512, 768
_verdict = tuple.__new__
"""Making a named tuple this way costs half of calling its class, and three are made for every message."""


def answer(message: Message, event: SubmitResponse, rules: Rules, now_ms: int) -> Verdict | None:
    """An answer continues a simple history."""
    if event.part is None:
        return first_answer(message, event, rules, now_ms)
    return segments.next_answer(message, event, rules, now_ms)


def report(message: Message, event: DeliveryReport, rules: Rules, now_ms: int) -> Verdict | None:
    """A report continues a simple history."""
    if event.part is None:
        return first_report(message, event, rules)
    return segments.next_report(message, event, rules, now_ms)


def first_submit(message: Message, event: Submit, rules: Rules, now_ms: int) -> Verdict | None:
    """Nothing was known of the message; this is the hand-over, and its answer is not overdue."""
    deadline = event.submitted_at_ms + rules.policy(event.provider).response_timeout_ms
    if event.disposition != SUBMITTED or now_ms >= deadline:
        return None
    message.add_submit(event)
    message.stage = FIRST_SUBMIT
    flags = (SUBMITTED, False, False, False, False, False, False, "", "none", "keep", 0)
    return _verdict(
        Verdict,
        (event.attempt, event, event.submitted_at_ms, event.parts, *flags, _FIRST, None, None, deadline),
    )


def first_answer(message: Message, event: SubmitResponse, rules: Rules, now_ms: int) -> Verdict | None:
    """After the hand-over alone comes the ok answer for the whole message, in time."""
    submit = message.submits.get(event.attempt)
    if message.stage != FIRST_SUBMIT or submit is None or event.part is not None:
        return None
    provider = submit.provider
    if rules.answer(event.provider or provider, event.code).kind != OK:
        return None
    policy = rules.policy(provider)
    answered = event.responded_at_ms
    deadline = answered + policy.receipt_timeout_ms
    if answered > submit.submitted_at_ms + policy.response_timeout_ms or now_ms >= deadline:
        return None
    message.answers.append(event)
    message.stage = FIRST_ANSWER
    parts = submit.parts
    flags = (ACCEPTED, False, False, False, False, False, False, "", "none", "keep", parts)
    return _verdict(
        Verdict, (event.attempt, submit, submit.submitted_at_ms, parts, *flags, _SECOND, event, None, deadline)
    )


def first_report(message: Message, event: DeliveryReport, rules: Rules) -> Verdict | None:
    """After hand-over and answer comes a final report on the whole message, in time."""
    if message.stage != FIRST_ANSWER or event.part is not None:
        return None
    answer = message.answers[0]
    attempt = answer.attempt
    submit = message.submits[attempt]
    if event.attempt is not None and event.attempt != attempt:
        return None
    provider = submit.provider
    if event.received_at_ms > answer.responded_at_ms + rules.policy(provider).receipt_timeout_ms:
        return None
    outcome = rules.report(event.provider or provider, event.code, event.err, event.text)
    status, final, reason, reason_class, action, billed, known = outcome
    if not final or status == SENT_WITHOUT_SR:
        return None
    message.reports.append(event)
    message.stage = GENERAL
    parts = submit.parts
    flags = (status, False, True, False, False, False, not known, reason, reason_class, action)
    billable = 0 if billed is False else parts
    return _verdict(
        Verdict,
        (attempt, submit, submit.submitted_at_ms, parts, *flags, billable, _THIRD, answer, event, None),
    )
