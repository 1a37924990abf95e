"""The histories nearly every message has, decided without the general rules.

A single attempt that is answered OK in time and reported on in time, in that order, needs none of
`streams.correlator.rules`; these functions give for it the very verdicts that `evaluate` would (a property test
compares them on every step) and None for anything else.
"""

from __future__ import annotations

from streams.catalog.outcomes import OK
from streams.correlator.message import FIRST_ANSWER, FIRST_SUBMIT, GENERAL, Message
from streams.correlator.timeouts import Rules
from streams.correlator.verdict import ACCEPTED, SENT_WITHOUT_SR, SUBMITTED, Verdict
from streams.events import DeliveryReport, Submit, SubmitResponse


def first_submit(message: Message, event: Submit, rules: Rules, now_ms: int) -> Verdict | None:
    """The first thing known is the hand-over, and its answer is not overdue."""
    deadline = event.submitted_at_ms + rules.policy(event.provider).response_timeout_ms
    if event.disposition != SUBMITTED or now_ms >= deadline:
        return None
    message.stage = FIRST_SUBMIT
    return Verdict(
        event.attempt,
        event,
        event.submitted_at_ms,
        event.parts,
        SUBMITTED,
        False,
        False,
        False,
        False,
        False,
        False,
        "",
        "none",
        "keep",
        0,
        256,
        None,
        None,
        deadline,
    )


def first_answer(message: Message, event: SubmitResponse, rules: Rules, now_ms: int) -> Verdict | None:
    """After the hand-over alone came the ok answer for the whole message, in time."""
    stage, message.stage = message.stage, GENERAL
    submit = message.submits.get(event.attempt)
    if stage != FIRST_SUBMIT or submit is None or event.part is not None:
        return None
    policy = rules.policy(submit.provider)
    if rules.answer(event.provider or submit.provider, event.code).kind != OK:
        return None
    deadline = event.responded_at_ms + policy.receipt_timeout_ms
    if event.responded_at_ms > submit.submitted_at_ms + policy.response_timeout_ms or now_ms >= deadline:
        return None
    message.stage = FIRST_ANSWER
    return Verdict(
        event.attempt,
        submit,
        submit.submitted_at_ms,
        submit.parts,
        ACCEPTED,
        False,
        False,
        False,
        False,
        False,
        False,
        "",
        "none",
        "keep",
        submit.parts,
        512,
        event,
        None,
        deadline,
    )


def first_report(message: Message, event: DeliveryReport, rules: Rules) -> Verdict | None:
    """After hand-over and answer came a final report on the whole message, in time."""
    stage, message.stage = message.stage, GENERAL
    if stage != FIRST_ANSWER or event.part is not None:
        return None
    answer = message.answers[0]
    submit = message.submits[answer.attempt]
    if event.attempt is not None and event.attempt != answer.attempt:
        return None
    if event.received_at_ms > answer.responded_at_ms + rules.policy(submit.provider).receipt_timeout_ms:
        return None
    outcome = rules.report(event.provider or submit.provider, event.code, event.err, event.text)
    if not outcome.final or outcome.status == SENT_WITHOUT_SR:
        return None
    return Verdict(
        answer.attempt,
        submit,
        submit.submitted_at_ms,
        submit.parts,
        outcome.status,
        False,
        True,
        False,
        False,
        False,
        not outcome.known,
        outcome.reason,
        outcome.reason_class,
        outcome.recipient_action,
        0 if outcome.billed is False else submit.parts,
        768,
        answer,
        event,
        None,
    )
