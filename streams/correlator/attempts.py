"""One attempt: its facts by part, and what it has come to (docs/status-rules.md, sections 3 to 5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from streams.catalog import AnswerOutcome, ReportOutcome
from streams.correlator import verdict as words
from streams.correlator.parts import RatedAnswer, RatedReport, Standing, Timeout, standing, timeouts
from streams.correlator.timeouts import Policy
from streams.correlator.verdict import EXPIRED_REASON, NO_REASON, NO_RESPONSE, OPEN_ORDER, Reason
from streams.events import Submit


class PartVerdict(NamedTuple):
    """Where one part stands, and what decided it when."""

    part: int
    status: str
    derived: bool
    reason: Reason
    decided_ms: int | None
    facts: Standing


class AttemptVerdict(NamedTuple):
    """Where one attempt stands."""

    status: str
    telling: PartVerdict
    derived: bool
    late: bool
    conflict: bool
    billable_parts: int
    timeouts: list[Timeout]


class Attempt:
    """One hand-over with the facts that belong to it."""

    def __init__(
        self,
        number: int,
        submit: Submit,
        own_submit: bool,
        policy: Policy,
        answers: list[RatedAnswer],
        reports: list[tuple[int | None, RatedReport]],
    ) -> None:
        """Take the facts of the attempt; reports come with the part they speak for (None: all)."""
        self.number = number
        self.submit = submit
        self.policy = policy
        self.disposition = submit.disposition if own_submit else "submitted"
        times = [a.responded_at_ms for a, _ in answers] + [r.received_at_ms for _, (r, _) in reports]
        self.submitted_at_ms = submit.submitted_at_ms if own_submit else min(times)
        self._answers = answers
        self._reports = reports
        named = {a.part for a, _ in answers if a.part is not None} | {p for p, _ in reports if p is not None}
        self.parts = max(submit.parts, *named) if named else submit.parts
        self._named = named
        self._rest = self._standing(None)
        self._by_part = {part: self._standing(part) for part in named}

    def _standing(self, part: int | None) -> Standing:
        return standing(
            [rated for rated in self._answers if rated[0].part is None or rated[0].part == part],
            [rated for told, rated in self._reports if told is None or told == part],
        )

    def facts(self, part: int) -> Standing:
        """Return what stands for a part."""
        return self._by_part.get(part, self._rest)

    def owing(self) -> Iterable[int]:
        """Return the parts that owe a receipt, by the provider's custom."""
        custom = self.policy.receipt_parts
        if custom == "first":
            return (1,)
        if custom == "last":
            return (self.parts,)
        if custom == "any":
            return sorted({part or 1 for part, _ in self._reports}) or (1,)
        return range(1, self.parts + 1)

    def delivered_ms(self) -> int | None:
        """When the attempt was delivered (its last considered part), None where it is not.

        Timeouts cannot change it: what they say is never delivered, and it never names a part.
        """
        owing = self.owing()
        considered = {*owing, *(part for part in self._named if self._settled_by_name(part))}
        told = [facts for facts in map(self.facts, considered) if not self._silent(facts)]
        if not told or not all(facts.delivered for facts in told):
            return None
        return max(facts.final[0].received_at_ms for facts in told if facts.final is not None)

    def _silent(self, facts: Standing) -> bool:
        """Tell whether a part is only pending or excluded."""
        return self.disposition != "submitted" and facts.accepted_ms is None and not facts.refused

    def _settled_by_name(self, part: int) -> bool:
        """Tell whether an answer or report that names the part settled it."""
        facts = self._by_part[part]
        if facts.delivered or not facts.refused:
            return facts.final is not None and any(
                told == part and rated is facts.final for told, rated in self._reports
            )
        return facts.answer is not None and facts.answer[0].part == part

    def verdict(self, stream_time_ms: int, stopped_ms: int | None) -> AttemptVerdict:
        """Return where the attempt stands; `stopped_ms` is what stops all its timeouts."""
        owing = set(self.owing())
        considered = sorted({*owing, *(part for part in self._named if self._settled_by_name(part))})
        found = {part: self._timeouts(part, part in owing, stopped_ms) for part in self._distinct(considered)}
        verdicts = [self._part(part, found[part], stream_time_ms) for part in considered]
        telling_all = _with_a_say(verdicts)
        status, telling = _combine(telling_all)
        derived = any(v.derived for v in telling_all if v.status == telling.status)
        late = not derived and any(_late(v, found[v.part], stream_time_ms) for v in verdicts)
        return AttemptVerdict(
            status,
            telling,
            derived,
            late,
            any(v.facts.conflict for v in verdicts),
            sum(self._billed(part) for part in range(1, self.parts + 1)),
            [timeout for timeouts_of_part in found.values() for timeout in timeouts_of_part],
        )

    def _distinct(self, considered: list[int]) -> list[int]:
        """Return the parts whose timeouts differ: the considered and the named ones, and one for the others."""
        told = {*considered, *self._named}
        other = next((part for part in range(1, self.parts + 1) if part not in told), None)
        return sorted(told if other is None else told | {other})

    def _timeouts(self, part: int, owes: bool, stopped_ms: int | None) -> list[Timeout]:
        if self.disposition != "submitted":
            return []
        return timeouts(self.facts(part), self.policy, self.submitted_at_ms, self.submit.validity_ms, owes, stopped_ms)

    def _part(self, part: int, found: list[Timeout], now: int) -> PartVerdict:
        facts = self.facts(part)
        passed = {timeout.kind for timeout in found if timeout.passed(now)}
        if facts.final is not None and (facts.delivered or not facts.refused):
            report, outcome = facts.final
            return PartVerdict(part, outcome.status, False, _why(outcome), report.received_at_ms, facts)
        if facts.refused and facts.answer is not None:
            answer, refusal = facts.answer
            return PartVerdict(part, words.FAILED, False, _why(refusal), answer.responded_at_ms, facts)
        if facts.accepted_ms is not None:
            return self._accepted(part, facts, passed)
        if self.disposition != "submitted":
            return PartVerdict(part, self.disposition, False, self._not_sent(), None, facts)
        why = NO_REASON if facts.answer is None else _why(facts.answer[1])
        if "response" in passed:
            return PartVerdict(part, words.FAILED, True, why if facts.answer else NO_RESPONSE, None, facts)
        return PartVerdict(part, words.SUBMITTED, False, why, None, facts)

    def _accepted(self, part: int, facts: Standing, passed: set[str]) -> PartVerdict:
        waiting = facts.intermediate
        if waiting is not None and waiting[1].status == words.ENROUTE:
            if "validity" in passed:
                return PartVerdict(part, words.FAILED, True, EXPIRED_REASON, None, facts)
            decided = waiting[0].received_at_ms
            return PartVerdict(part, words.ENROUTE, False, _why(waiting[1]), decided, facts)
        if "receipt" in passed:
            return PartVerdict(part, words.SENT_WITHOUT_SR, True, NO_REASON, None, facts)
        return PartVerdict(part, words.ACCEPTED, False, NO_REASON, facts.accepted_ms, facts)

    def _not_sent(self) -> Reason:
        if self.disposition == "pending":
            return NO_REASON
        return Reason(self.submit.exclusion_reason or "excluded", "sender", "keep")

    def _billed(self, part: int) -> bool:
        facts = self.facts(part)
        if facts.refused and not facts.delivered:
            return False
        told = facts.final or facts.intermediate
        if told is not None and told[1].billed is not None:
            return told[1].billed
        return facts.accepted_ms is not None


def _why(outcome: AnswerOutcome | ReportOutcome) -> Reason:
    return Reason(outcome.reason, outcome.reason_class, outcome.recipient_action)


def _late(part: PartVerdict, found: list[Timeout], now: int) -> bool:
    if part.derived or part.decided_ms is None:
        return False
    return any(t.deadline_ms < part.decided_ms and t.passed(now) for t in found)


def _with_a_say(verdicts: list[PartVerdict]) -> list[PartVerdict]:
    """Leave out parts that are only pending or excluded where others have more to tell."""
    told = [v for v in verdicts if v.status not in (words.PENDING, words.EXCLUDED)]
    return told or verdicts


def _combine(verdicts: list[PartVerdict]) -> tuple[str, PartVerdict]:
    """Return the status that the parts come to together, and the part that tells why."""
    waiting = [v for v in verdicts if v.status in OPEN_ORDER]
    if waiting:
        telling = min(waiting, key=lambda v: (OPEN_ORDER[v.status], v.part))
        return telling.status, telling
    statuses = {v.status for v in verdicts}
    status = _together(statuses)
    if status == words.PARTIALLY_DELIVERED:
        return status, next(v for v in verdicts if v.status == words.FAILED)
    telling_ones = [v for v in verdicts if v.status == status]
    if status == words.DELIVERED:
        return status, max(telling_ones, key=lambda v: (v.decided_ms or 0, -v.part))
    return status, telling_ones[0]


def _together(statuses: set[str]) -> str:
    if len(statuses) == 1:
        return next(iter(statuses))
    if words.DELIVERED in statuses and words.FAILED in statuses:
        return words.PARTIALLY_DELIVERED
    if words.FAILED in statuses:
        return words.FAILED
    return words.SENT_WITHOUT_SR
