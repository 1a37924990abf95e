"""The status of a message: a pure function of its facts and the stream time.

Read docs/status-rules.md beside it.
"""

from __future__ import annotations

from streams.correlator.attempts import Attempt, AttemptVerdict
from streams.correlator.facts import Facts
from streams.correlator.parts import RatedAnswer, RatedReport
from streams.correlator.timeouts import Rules
from streams.correlator.verdict import DELIVERED, OPEN_ORDER, Verdict
from streams.events import DeliveryReport, Submit

_FACT = 256
_MOST_TIMEOUTS = 255


def evaluate(facts: Facts, rules: Rules, stream_time_ms: int) -> Verdict | None:
    """Decide where a message stands at a stream time; None where no submit is known yet."""
    if not facts.submits:
        return None
    attempts, unknown_code = _attempts(facts, rules)
    delivered = {attempt.number: attempt.delivered_ms() for attempt in attempts}
    verdicts = [(attempt, attempt.verdict(stream_time_ms, _stop(attempt, attempts, delivered))) for attempt in attempts]
    speaking, verdict = _speaking(verdicts)
    passed, deadline = _timeouts(verdicts, stream_time_ms)
    told = verdict.telling.facts
    report = told.final or told.intermediate
    return Verdict(
        attempt=speaking.number,
        submit=speaking.submit,
        submitted_at_ms=speaking.submitted_at_ms,
        parts=speaking.parts,
        status=verdict.status,
        derived=verdict.derived,
        settled=verdict.status not in OPEN_ORDER,
        late=verdict.late,
        conflict=verdict.conflict,
        duplicate_delivery=sum(when is not None for when in delivered.values()) > 1,
        unknown_code=unknown_code,
        reason=verdict.telling.reason.reason,
        reason_class=verdict.telling.reason.reason_class,
        recipient_action=verdict.telling.reason.recipient_action,
        billable_parts=verdict.billable_parts,
        version=_FACT * facts.count + min(passed, _MOST_TIMEOUTS),
        answer=told.answer[0] if told.answer else None,
        report=report[0] if report else None,
        deadline_ms=deadline,
    )


def _attempts(facts: Facts, rules: Rules) -> tuple[list[Attempt], bool]:
    """Sort the facts into attempts; also tell whether one has a code the catalog does not know."""
    told = [(*_place(report, facts), report) for report in facts.reports]
    begun = _begun(facts)
    placed = [(_begun_by(r.received_at_ms, begun) if number is None else number, part, r) for number, part, r in told]
    attempts = []
    unknown = False
    for number in sorted(begun):
        submit = _submit_for(number, facts)
        answers: list[RatedAnswer] = [
            (a, rules.answer(a.provider or submit.provider, a.code)) for a in facts.answers if a.attempt == number
        ]
        reports: list[tuple[int | None, RatedReport]] = [
            (part, (r, rules.report(r.provider or submit.provider, r.code, r.err, r.text)))
            for attempt, part, r in placed
            if attempt == number
        ]
        unknown |= any(o.kind == "unknown" for _, o in answers)
        unknown |= any(not o.known for _, (_, o) in reports)
        own = number in facts.submits
        attempts.append(Attempt(number, submit, own, rules.policy(submit.provider), answers, reports))
    return attempts, unknown


def _place(report: DeliveryReport, facts: Facts) -> tuple[int | None, int | None]:
    """Return the attempt and the part that a report tells, itself or by its provider's id; None: it does not."""
    attempt, part = report.attempt, report.part
    if not report.provider_message_id or (attempt is not None and part is not None):
        return attempt, part
    same_id = [a for a in facts.answers if a.provider_message_id == report.provider_message_id]
    if attempt is None:
        attempt = max((a.attempt for a in same_id), default=None)
    if part is None:
        part = min((a.part for a in same_id if a.attempt == attempt and a.part is not None), default=None)
    return attempt, part


def _begun(facts: Facts) -> dict[int, int]:
    """Return every attempt that a fact names, and when it began."""
    begun = {number: submit.submitted_at_ms for number, submit in facts.submits.items()}
    named = [(answer.attempt, answer.responded_at_ms) for answer in facts.answers]
    named += [(r.attempt, r.received_at_ms) for r in facts.reports if r.attempt is not None]
    for number, when in named:
        if number not in facts.submits:
            begun[number] = min(when, begun.get(number, when))
    return begun


def _begun_by(when_ms: int, begun: dict[int, int]) -> int:
    """Return the latest attempt that had begun at a time, else the lowest."""
    return max((number for number, start in begun.items() if start <= when_ms), default=min(begun))


def _submit_for(number: int, facts: Facts) -> Submit:
    """Return the attempt's submit, else that of the nearest lower attempt, else of the lowest."""
    own = facts.submits.get(number)
    if own is not None:
        return own
    lower = [n for n in facts.submits if n < number]
    return facts.submits[max(lower) if lower else min(facts.submits)]


def _stop(attempt: Attempt, attempts: list[Attempt], delivered: dict[int, int | None]) -> int | None:
    """Return when a higher attempt, or the delivery of another one, stopped the attempt's timeouts."""
    higher = [other.submitted_at_ms for other in attempts if other.number > attempt.number]
    others = [when for number, when in delivered.items() if number != attempt.number and when is not None]
    return min(higher + others, default=None)


def _speaking(verdicts: list[tuple[Attempt, AttemptVerdict]]) -> tuple[Attempt, AttemptVerdict]:
    delivered = [pair for pair in verdicts if pair[1].status == DELIVERED]
    return delivered[-1] if delivered else verdicts[-1]


def _timeouts(verdicts: list[tuple[Attempt, AttemptVerdict]], now: int) -> tuple[int, int | None]:
    """Count the timeouts that have passed, and find the next that will if nothing comes."""
    passed = set()
    ahead = []
    for attempt, verdict in verdicts:
        for timeout in verdict.timeouts:
            if timeout.passed(now):
                passed.add((attempt.number, *timeout))
            elif timeout.stopped_ms is None:
                ahead.append(timeout.deadline_ms)
    return len(passed), min(ahead, default=None)
