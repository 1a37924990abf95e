"""One attempt: its facts by part, and what it has come to (docs/status-rules.md, sections 3 to 5).

Parts of which the facts say the same are decided once, as a `Group`: a message of whose segments nobody speaks one by
one is one group, however long it is.
"""

from __future__ import annotations

from typing import NamedTuple

from streams.catalog import AnswerOutcome, ReportOutcome
from streams.catalog.outcomes import UNKNOWN
from streams.correlator import verdict as words
from streams.correlator.parts import RatedAnswer, RatedReport, Standing, Timeout, standing, timeouts
from streams.correlator.timeouts import Policy
from streams.correlator.verdict import EXPIRED_REASON, NO_REASON, NO_RESPONSE, OPEN_ORDER, Reason
from streams.events import Submit

PlacedReport = tuple[int | None, RatedReport]
"""A report and the part it speaks for (None: all)."""


class Group(NamedTuple):
    """Parts that share everything: the lowest of them, how many they are, what stands for them.

    ``owes``: they owe a receipt. ``counts``: they have a say in where the attempt stands.
    """

    part: int
    size: int
    facts: Standing
    owes: bool
    counts: bool


class PartVerdict(NamedTuple):
    """Where one part stands, and what decided it when."""

    part: int
    status: str
    derived: bool
    reason: Reason
    decided_ms: int | None
    facts: Standing
    late: bool


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
        reports: list[PlacedReport],
    ) -> None:
        """Take the facts of the attempt."""
        self.number = number
        self.submit = submit
        self.policy = policy
        self.disposition = submit.disposition if own_submit else "submitted"
        self.submitted_at_ms = submit.submitted_at_ms if own_submit else _earliest(answers, reports)
        named = {a.part for a, _ in answers if a.part is not None}
        named.update([part for part, _ in reports if part is not None])
        self.parts = max(submit.parts, *named) if named else submit.parts
        self.unknown_code = any(outcome.kind == UNKNOWN for _, outcome in answers)
        if reports and not self.unknown_code:
            self.unknown_code = any(not outcome.known for _, (_, outcome) in reports)
        self.groups = self._groups(sorted(named), answers, reports)

    def _groups(self, named: list[int], answers: list[RatedAnswer], reports: list[PlacedReport]) -> list[Group]:
        """Sort the parts into groups, in the order of their lowest parts."""
        custom = self.policy.receipt_parts
        if not named and custom == "all":
            return [Group(1, self.parts, standing(answers, [rated for _, rated in reports]), True, True)]
        owing = _owing(custom, self.parts, reports)
        groups = []
        for part in named:
            facts = standing(
                [rated for rated in answers if rated[0].part is None or rated[0].part == part],
                [rated for told, rated in reports if told is None or told == part],
            )
            owes = owing is None or part in owing
            groups.append(Group(part, 1, facts, owes, owes or _settled_by_name(part, facts, reports)))
        others = sorted(set(range(1, self.parts + 1)).difference(named))
        if others:
            facts = standing(
                [rated for rated in answers if rated[0].part is None],
                [rated for told, rated in reports if told is None],
            )
            owed = others if owing is None else [part for part in others if part in owing]
            if owed:
                groups.append(Group(owed[0], len(owed), facts, True, True))
            if len(owed) < len(others):
                first = next(part for part in others if part not in owed)
                groups.append(Group(first, len(others) - len(owed), facts, False, False))
        groups.sort()
        return groups

    def delivered_ms(self) -> int | None:
        """When the attempt was delivered (its last considered part), None where it is not.

        Timeouts cannot change it: what they say is never delivered, and it never names a part.
        """
        latest = None
        for _, _, facts, _, counts in self.groups:
            if not counts or self._silent(facts):
                continue
            if not facts.delivered:
                return None
            final = facts.told.final
            if final is not None and (latest is None or final[0].received_at_ms > latest):
                latest = final[0].received_at_ms
        return latest

    def _silent(self, facts: Standing) -> bool:
        """Tell whether a part is only pending or excluded."""
        return self.disposition != "submitted" and facts.accepted_ms is None and not facts.refused

    def verdict(self, stream_time_ms: int, stopped_ms: int | None) -> AttemptVerdict:
        """Return where the attempt stands; `stopped_ms` is what stops all its timeouts."""
        found: list[Timeout] = []
        verdicts = []
        billable = 0
        for part, size, facts, owes, counts in self.groups:
            own = self._timeouts(facts, owes, stopped_ms)
            found += own
            if counts:
                verdicts.append(self._part(part, facts, own, stream_time_ms))
            billable += size * _billed(facts)
        if len(verdicts) == 1:
            only = verdicts[0]
            return AttemptVerdict(
                only.status, only, only.derived, only.late, only.facts.told.conflict, billable, found
            )
        return self._together(verdicts, billable, found)

    def _together(self, verdicts: list[PartVerdict], billable: int, found: list[Timeout]) -> AttemptVerdict:
        telling_all = _with_a_say(verdicts)
        status, telling = _combine(telling_all)
        derived = any(v.derived for v in telling_all if v.status == telling.status)
        return AttemptVerdict(
            status,
            telling,
            derived,
            not derived and any(v.late for v in verdicts),
            any(v.facts.told.conflict for v in verdicts),
            billable,
            found,
        )

    def _timeouts(self, facts: Standing, owes: bool, stopped_ms: int | None) -> list[Timeout]:
        if self.disposition != "submitted":
            return []
        return timeouts(facts, self.policy, self.submitted_at_ms, self.submit.validity_ms, owes, stopped_ms)

    def _part(self, part: int, facts: Standing, own: list[Timeout], now: int) -> PartVerdict:
        final = facts.told.final
        if final is not None and (facts.delivered or not facts.refused):
            report, outcome = final
            decided = report.received_at_ms
            late = _late(decided, own, now)
            return PartVerdict(part, outcome.status, False, _why(outcome), decided, facts, late)
        if facts.refused and facts.answer is not None:
            answer, refusal = facts.answer
            decided = answer.responded_at_ms
            late = _late(decided, own, now)
            return PartVerdict(part, words.FAILED, False, _why(refusal), decided, facts, late)
        passed = [timeout.kind for timeout in own if timeout.passed(now)]
        if facts.accepted_ms is not None:
            return self._accepted(part, facts, own, passed, now)
        if self.disposition != "submitted":
            return PartVerdict(part, self.disposition, False, self._not_sent(), None, facts, False)
        why = NO_REASON if facts.answer is None else _why(facts.answer[1])
        if "response" in passed:
            return PartVerdict(part, words.FAILED, True, why if facts.answer else NO_RESPONSE, None, facts, False)
        return PartVerdict(part, words.SUBMITTED, False, why, None, facts, False)

    def _accepted(self, part: int, facts: Standing, own: list[Timeout], passed: list[str], now: int) -> PartVerdict:
        waiting = facts.told.intermediate
        if waiting is not None and waiting[1].status == words.ENROUTE:
            if "validity" in passed:
                return PartVerdict(part, words.FAILED, True, EXPIRED_REASON, None, facts, False)
            decided = waiting[0].received_at_ms
            late = _late(decided, own, now)
            return PartVerdict(part, words.ENROUTE, False, _why(waiting[1]), decided, facts, late)
        if "receipt" in passed:
            return PartVerdict(part, words.SENT_WITHOUT_SR, True, NO_REASON, None, facts, False)
        accepted = facts.accepted_ms
        late = accepted is not None and _late(accepted, own, now)
        return PartVerdict(part, words.ACCEPTED, False, NO_REASON, accepted, facts, late)

    def _not_sent(self) -> Reason:
        if self.disposition == "pending":
            return NO_REASON
        return Reason(self.submit.exclusion_reason or "excluded", "sender", "keep")


def _owing(custom: str, parts: int, reports: list[PlacedReport]) -> set[int] | None:
    """Return the parts that owe a receipt, by the provider's custom; None: all."""
    if custom == "first":
        return {1}
    if custom == "last":
        return {parts}
    if custom == "any":
        return {part or 1 for part, _ in reports} or {1}
    return None


def _settled_by_name(part: int, facts: Standing, reports: list[PlacedReport]) -> bool:
    """Tell whether an answer or report that names the part settled it."""
    if facts.delivered or not facts.refused:
        final = facts.told.final
        return final is not None and any(told == part and rated is final for told, rated in reports)
    return facts.answer is not None and facts.answer[0].part == part


def _billed(facts: Standing) -> bool:
    if facts.refused and not facts.delivered:
        return False
    told = facts.told.final or facts.told.intermediate
    if told is not None and told[1].billed is not None:
        return told[1].billed
    return facts.accepted_ms is not None


def _earliest(answers: list[RatedAnswer], reports: list[PlacedReport]) -> int:
    return min([a.responded_at_ms for a, _ in answers] + [r.received_at_ms for _, (r, _) in reports])


def _why(outcome: AnswerOutcome | ReportOutcome) -> Reason:
    return Reason(outcome.reason, outcome.reason_class, outcome.recipient_action)


def _late(decided_ms: int, own: list[Timeout], now: int) -> bool:
    """Tell whether a timeout passed before what decided."""
    return any(timeout.deadline_ms < decided_ms and timeout.passed(now) for timeout in own)


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
    status = _settled_together(statuses)
    if status == words.PARTIALLY_DELIVERED:
        return status, next(v for v in verdicts if v.status == words.FAILED)
    telling_ones = [v for v in verdicts if v.status == status]
    if status == words.DELIVERED:
        return status, max(telling_ones, key=lambda v: (v.decided_ms or 0, -v.part))
    return status, telling_ones[0]


def _settled_together(statuses: set[str]) -> str:
    if len(statuses) == 1:
        return next(iter(statuses))
    if words.DELIVERED in statuses and words.FAILED in statuses:
        return words.PARTIALLY_DELIVERED
    if words.FAILED in statuses:
        return words.FAILED
    return words.SENT_WITHOUT_SR
