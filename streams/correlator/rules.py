"""The status of a message: a pure function of its facts and the stream time.

Read docs/status-rules.md beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from streams.correlator.attempts import Attempt, AttemptVerdict
from streams.correlator.facts import Facts
from streams.correlator.timeouts import Rules
from streams.correlator.verdict import DELIVERED, OPEN_ORDER, Finding, Verdict
from streams.events import DeliveryReport, Submit, SubmitResponse

_FACT: Final = 256
_MOST_TIMEOUTS: Final = 255
_new = tuple.__new__
"""Makes a named tuple at half the cost of calling its class."""


def evaluate(facts: Facts, rules: Rules, stream_time_ms: int) -> Verdict | None:
    """Decide where a message stands at a stream time; None where no submit is known yet."""
    if not facts.submits:
        return None
    attempts = _attempts(facts, rules)
    if len(attempts) == 1:
        speaking = attempts[0]
        verdict = speaking.verdict(stream_time_ms, None)
        verdicts = [(speaking, verdict)]
        unknown_code, deliveries = speaking.unknown_code, 0
    else:
        delivered = {attempt.number: attempt.delivered_ms() for attempt in attempts}
        verdicts = [(each, each.verdict(stream_time_ms, _stop(each, attempts, delivered))) for each in attempts]
        speaking, verdict = _speaking(verdicts)
        deliveries = sum([when is not None for when in delivered.values()])
        unknown_code = any(attempt.unknown_code for attempt in attempts)
    passed, deadline = _timeouts(verdicts, stream_time_ms)
    status, telling = verdict[0], verdict[1]
    answer, told = telling.facts.answer, telling.facts.told
    report = told.final or told.intermediate
    flags = (verdict[2], status not in OPEN_ORDER, verdict[3], verdict[4], deliveries > 1, unknown_code)
    return _new(
        Verdict,
        (
            speaking.number,
            speaking.submit,
            speaking.submitted_at_ms,
            speaking.parts,
            _new(Finding, (status, *flags, *telling.reason, verdict[5])),
            _FACT * facts.count + min(passed, _MOST_TIMEOUTS),
            answer[0] if answer else None,
            report[0] if report else None,
            deadline,
        ),
    )


def _attempts(facts: Facts, rules: Rules) -> list[Attempt]:
    """Sort the facts into attempts."""
    only = _only_attempt(facts)
    if only is not None:
        placed = [(_part(report, facts.answers), report) for report in facts.reports]
        return [_attempt(only, facts, rules, facts.answers, placed)]
    told = [(*_place(report, facts), report) for report in facts.reports]
    begun = _begun(facts)
    numbered = [(_begun_by(r.received_at_ms, begun) if number is None else number, part, r) for number, part, r in told]
    return [
        _attempt(
            number,
            facts,
            rules,
            [answer for answer in facts.answers if answer.attempt == number],
            [(part, report) for attempt, part, report in numbered if attempt == number],
        )
        for number in sorted(begun)
    ]


def _only_attempt(facts: Facts) -> int | None:
    """Return the number of the attempt where there is one alone."""
    if len(facts.submits) > 1:
        return None
    (only,) = facts.submits
    for answer in facts.answers:
        if answer.attempt != only:
            return None
    for report in facts.reports:
        if report.attempt is not None and report.attempt != only:
            return None
    return only


def _attempt(
    number: int,
    facts: Facts,
    rules: Rules,
    answers: Sequence[SubmitResponse],
    placed: list[tuple[int | None, DeliveryReport]],
) -> Attempt:
    """Look up what the codes of an attempt's facts mean."""
    submit = _submit_for(number, facts)
    provider = submit.provider
    rated = [(answer, rules.answer(answer.provider or provider, answer.code)) for answer in answers]
    told = [(part, (r, rules.report(r.provider or provider, r.code, r.err, r.text))) for part, r in placed]
    return Attempt(number, submit, number in facts.submits, rules.policy(provider), rated, told)


def _part(report: DeliveryReport, answers: Sequence[SubmitResponse]) -> int | None:
    """Return the part that a report of the only attempt tells, itself or by its provider's id."""
    if report.part is not None or not report.provider_message_id:
        return report.part
    same_id = [a.part for a in answers if a.part is not None and a.provider_message_id == report.provider_message_id]
    return min(same_id, default=None)


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
    ahead = None
    for attempt, verdict in verdicts:
        for timeout in verdict[6]:
            if timeout.passed(now):
                passed.add((attempt.number, timeout))
            elif timeout[2] is None and (ahead is None or timeout[1] < ahead):
                ahead = timeout[1]
    return len(passed), ahead
