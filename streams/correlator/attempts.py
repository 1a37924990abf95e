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

_new = tuple.__new__
"""Makes a named tuple at half the cost of calling its class."""

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
        self.unknown_code = False
        named = set()
        for answer, outcome in answers:
            if answer[3] is not None:
                named.add(answer[3])
            if outcome[0] == UNKNOWN:
                self.unknown_code = True
        for part, (_, told) in reports:
            if part is not None:
                named.add(part)
            if not told[6]:
                self.unknown_code = True
        self.parts = max(submit.parts, *named) if named else submit.parts
        self.groups = self._groups(sorted(named), answers, reports)

    def _groups(self, named: list[int], answers: list[RatedAnswer], reports: list[PlacedReport]) -> list[Group]:
        """Sort the parts into groups, in the order of their lowest parts."""
        custom = self.policy.receipt_parts
        if not named and custom == "all":
            facts = standing(answers, [rated for _, rated in reports] if reports else ())
            return [_new(Group, (1, self.parts, facts, True, True))]
        owing = _owing(custom, self.parts, reports)
        own_answers: dict[int | None, list[RatedAnswer]] = {}
        own_reports: dict[int | None, list[RatedReport]] = {}
        for rated in answers:
            own_answers.setdefault(rated[0][3], []).append(rated)
        for part, told in reports:
            own_reports.setdefault(part, []).append(told)
        all_answers, all_reports = own_answers.get(None, []), own_reports.get(None, [])
        groups = []
        for part in named:
            facts = standing(all_answers + own_answers.get(part, []), all_reports + own_reports.get(part, []))
            owes = owing is None or part in owing
            groups.append(_new(Group, (part, 1, facts, owes, owes or _settled_by_name(part, facts, reports))))
        if len(named) == self.parts:
            return groups
        others = sorted(set(range(1, self.parts + 1)).difference(named))
        facts = standing(all_answers, all_reports)
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
            return _new(AttemptVerdict, (only[1], only, only[2], only[6], only[5][5][2], billable, found))
        return self._together(verdicts, billable, found)

    def _together(self, verdicts: list[PartVerdict], billable: int, found: list[Timeout]) -> AttemptVerdict:
        telling_all = verdicts if self.disposition == "submitted" else _with_a_say(verdicts)
        status, telling = _combine(telling_all)
        derived = any(v[2] for v in telling_all if v[1] == telling[1])
        late = not derived and any(v[6] for v in verdicts)
        conflict = any(v[5].told.conflict for v in verdicts)
        return _new(AttemptVerdict, (status, telling, derived, late, conflict, billable, found))

    def _timeouts(self, facts: Standing, owes: bool, stopped_ms: int | None) -> list[Timeout]:
        if self.disposition != "submitted":
            return []
        return timeouts(facts, self.policy, self.submitted_at_ms, self.submit.validity_ms, owes, stopped_ms)

    def _part(self, part: int, facts: Standing, own: list[Timeout], now: int) -> PartVerdict:
        answer, refused, accepted, told = facts[0], facts[1], facts[3], facts[5]
        final, waiting = told[0], told[1]
        if final is not None and (facts[4] or not refused):
            report, outcome = final
            return _decided(part, outcome.status, outcome, report.received_at_ms, facts, own, now)
        if refused and answer is not None:
            return _decided(part, words.FAILED, answer[1], answer[0].responded_at_ms, facts, own, now)
        if accepted is not None and waiting is not None and waiting[1].status == words.ENROUTE:
            if _has_passed("validity", own, now):
                return _new(PartVerdict, (part, words.FAILED, True, EXPIRED_REASON, None, facts, False))
            return _decided(part, words.ENROUTE, waiting[1], waiting[0].received_at_ms, facts, own, now)
        if accepted is not None:
            if _has_passed("receipt", own, now):
                return _new(PartVerdict, (part, words.SENT_WITHOUT_SR, True, NO_REASON, None, facts, False))
            return _decided(part, words.ACCEPTED, None, accepted, facts, own, now)
        if self.disposition != "submitted":
            return _new(PartVerdict, (part, self.disposition, False, self._not_sent(), None, facts, False))
        why = NO_REASON if answer is None else _why(answer[1])
        if _has_passed("response", own, now):
            return _new(PartVerdict, (part, words.FAILED, True, why if answer else NO_RESPONSE, None, facts, False))
        return _new(PartVerdict, (part, words.SUBMITTED, False, why, None, facts, False))

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
        return final is not None and any(told == part and report is final[0] for told, (report, _) in reports)
    return facts.answer is not None and facts.answer[0].part == part


def _billed(facts: Standing) -> bool:
    if facts[1] and not facts[4]:  # refused, and not delivered
        return False
    told = facts[5][0] or facts[5][1]
    if told is not None and told[1].billed is not None:
        return told[1].billed
    return facts[3] is not None


def _earliest(answers: list[RatedAnswer], reports: list[PlacedReport]) -> int:
    return min([a.responded_at_ms for a, _ in answers] + [r.received_at_ms for _, (r, _) in reports])


def _decided(
    part: int,
    status: str,
    outcome: AnswerOutcome | ReportOutcome | None,
    decided_ms: int,
    facts: Standing,
    own: list[Timeout],
    now: int,
) -> PartVerdict:
    """A fact decided where the part stands; it was late if a timeout had passed before."""
    late = False
    for timeout in own:
        if timeout[1] < decided_ms and timeout.passed(now):
            late = True
    why = NO_REASON if outcome is None else _why(outcome)
    return _new(PartVerdict, (part, status, False, why, decided_ms, facts, late))


def _has_passed(kind: str, own: list[Timeout], now: int) -> bool:
    return any(timeout[0] == kind and timeout.passed(now) for timeout in own)


def _why(outcome: AnswerOutcome | ReportOutcome) -> Reason:
    return _new(Reason, (outcome.reason, outcome.reason_class, outcome.recipient_action))


def _with_a_say(verdicts: list[PartVerdict]) -> list[PartVerdict]:
    """Leave out parts that are only pending or excluded where others have more to tell."""
    told = [v for v in verdicts if v.status not in (words.PENDING, words.EXCLUDED)]
    return told or verdicts


def _combine(verdicts: list[PartVerdict]) -> tuple[str, PartVerdict]:
    """Return the status that the parts come to together, and the part that tells why; verdicts come by part."""
    statuses = {verdict[1] for verdict in verdicts}
    for status in OPEN_ORDER:
        if status in statuses:
            return status, next(v for v in verdicts if v[1] == status)
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
