"""Long messages whose segments are answered OK and reported on one by one, each in time and each once.

As `streams.correlator.shortcuts`: the very verdicts that `evaluate` would give, or None and nothing changed.
"""

from __future__ import annotations

from typing import Final

from streams.catalog import ReportOutcome
from streams.catalog.outcomes import OK
from streams.correlator.message import FIRST_ANSWER, FIRST_SUBMIT, GENERAL, SEGMENTS, Message
from streams.correlator.timeouts import Rules
from streams.correlator.verdict import (
    ACCEPTED,
    DELIVERED,
    FAILED,
    PARTIALLY_DELIVERED,
    SENT_WITHOUT_SR,
    SUBMITTED,
    Finding,
    Verdict,
)
from streams.events import DeliveryReport, Submit, SubmitResponse

_FACT: Final = 256

Answers = dict[int, SubmitResponse]
Reports = dict[int, tuple[DeliveryReport, ReportOutcome]]


def next_answer(message: Message, event: SubmitResponse, rules: Rules, now_ms: int) -> Verdict | None:
    """A segment is answered OK, in time, and for the first time."""
    submit = message.submits.get(event.attempt)
    if message.stage not in (FIRST_SUBMIT, SEGMENTS) or submit is None or not _is_segment(event.part, submit, rules):
        return None
    if any(known.part is None or known.part == event.part for known in message.answers):
        return None
    if rules.answer(event.provider or submit.provider, event.code).kind != OK:
        return None
    if event.responded_at_ms > submit.submitted_at_ms + rules.policy(submit.provider).response_timeout_ms:
        return None
    before = message.answers
    message.answers = (*before, event)
    verdict = _verdict(message, submit, rules, now_ms)
    if verdict is None:
        message.answers = before
    return verdict


def next_report(message: Message, event: DeliveryReport, rules: Rules, now_ms: int) -> Verdict | None:
    """A segment that was answered has its final report, in time, and for the first time."""
    if message.stage not in (FIRST_ANSWER, SEGMENTS):
        return None
    attempt = message.answers[0].attempt
    submit = message.submits[attempt]
    if event.attempt not in (None, attempt) or not _is_segment(event.part, submit, rules):
        return None
    answer = next((known for known in message.answers if known.part in (None, event.part)), None)
    if answer is None or any(known.part == event.part for known in message.reports):
        return None
    if event.received_at_ms > answer.responded_at_ms + rules.policy(submit.provider).receipt_timeout_ms:
        return None
    outcome = rules.report(event.provider or submit.provider, event.code, event.err, event.text)
    if not outcome.final or outcome.status == SENT_WITHOUT_SR or not outcome.known:
        return None
    before = message.reports
    message.reports = (*before, event)
    verdict = _verdict(message, submit, rules, now_ms)
    if verdict is None:
        message.reports = before
    return verdict


def _is_segment(part: int | None, submit: Submit, rules: Rules) -> bool:
    return part is not None and part <= submit.parts and rules.policy(submit.provider).receipt_parts == "all"


def _verdict(message: Message, submit: Submit, rules: Rules, now_ms: int) -> Verdict | None:
    """Put the segments together; None where a timeout has something to say."""
    whole = next((a for a in message.answers if a.part is None), None)
    parts = range(1, submit.parts + 1)
    answers: Answers = dict.fromkeys(parts, whole) if whole else {a.part: a for a in message.answers if a.part}
    reports: Reports = {
        r.part: (r, rules.report(r.provider or submit.provider, r.code, r.err, r.text))
        for r in message.reports
        if r.part
    }
    policy = rules.policy(submit.provider)
    ahead = [answers[p].responded_at_ms + policy.receipt_timeout_ms for p in answers if p not in reports]
    unanswered = next((p for p in parts if p not in answers), None)
    if unanswered is not None:
        ahead.append(submit.submitted_at_ms + policy.response_timeout_ms)
    deadline = min(ahead, default=None)
    if deadline is not None and now_ms >= deadline:
        return None
    message.stage = GENERAL if deadline is None else SEGMENTS
    status, telling = _together(parts, unanswered, reports)
    report, outcome = reports.get(telling, (None, None))
    why = ("", "none", "keep") if outcome is None else outcome[2:5]
    return Verdict(
        submit.attempt,
        submit,
        submit.submitted_at_ms,
        submit.parts,
        Finding(
            status,
            *(False, deadline is None, False, False, False, False),
            *why,
            sum(p not in reports or reports[p][1].billed is not False for p in answers),
        ),
        _FACT * (1 + len(message.answers) + len(message.reports)),
        answers.get(telling),
        report,
        deadline,
    )


def _together(parts: range, unanswered: int | None, reports: Reports) -> tuple[str, int]:
    """Return the status of all segments together, and the one that tells why."""
    if unanswered is not None:
        return SUBMITTED, unanswered
    waiting = next((p for p in parts if p not in reports), None)
    if waiting is not None:
        return ACCEPTED, waiting
    failed = next((p for p in parts if reports[p][1].status == FAILED), None)
    if failed is None:
        return DELIVERED, max(parts, key=lambda p: (reports[p][0].received_at_ms, -p))
    delivered = any(reports[p][1].status == DELIVERED for p in parts)
    return (PARTIALLY_DELIVERED if delivered else FAILED), failed
