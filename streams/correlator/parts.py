"""One part of one attempt: which answer and which report stand, and which timeouts it has.

docs/status-rules.md, sections 3 and 4. Nothing here depends on the stream time but `Timeout.passed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from streams.catalog.outcomes import OK, PERMANENT, AnswerOutcome, ReportOutcome
from streams.correlator.timeouts import Policy
from streams.events import DeliveryReport, SubmitResponse

RatedAnswer = tuple[SubmitResponse, AnswerOutcome]
RatedReport = tuple[DeliveryReport, ReportOutcome]

_OVERRIDDEN_BY_DELIVERED = ("expired", "unknown")


class Timeout(NamedTuple):
    """A deadline and the moment something stopped it (None: nothing has)."""

    kind: str
    deadline_ms: int
    stopped_ms: int | None

    def passed(self, stream_time_ms: int) -> bool:
        """Tell whether it has passed; an event dated exactly at the deadline comes before it."""
        if self.stopped_ms is not None:
            return self.stopped_ms > self.deadline_ms
        return stream_time_ms >= self.deadline_ms


class Standing(NamedTuple):
    """What stands among the facts of a part."""

    answer: RatedAnswer | None
    final: RatedReport | None
    intermediate: RatedReport | None
    conflict: bool
    first_report_ms: int | None
    first_enroute_ms: int | None
    first_final_ms: int | None

    @property
    def refused(self) -> bool:
        """Whether the provider refused for good."""
        return self.answer is not None and self.answer[1].kind == PERMANENT

    @property
    def accepted_ms(self) -> int | None:
        """When the provider had it: the ok answer, else the first report; None where neither came."""
        if self.answer is not None and self.answer[1].kind == OK:
            return self.answer[0].responded_at_ms
        return self.first_report_ms

    @property
    def delivered(self) -> bool:
        """Whether a report says it was delivered."""
        return self.final is not None and self.final[1].status == "delivered"


def standing(answers: Sequence[RatedAnswer], reports: Sequence[RatedReport]) -> Standing:
    """Tell what stands among the answers and the reports of a part."""
    finals = sorted((r for r in reports if r[1].final), key=report_order)
    enroute = [r for r in reports if not r[1].final and r[1].status == "enroute"]
    waiting = enroute or [r for r in reports if not r[1].final]
    statuses = {outcome.status for _, outcome in finals}
    return Standing(
        answer=_standing_answer(answers),
        final=_standing_final(finals),
        intermediate=max(waiting, key=report_order, default=None),
        conflict="delivered" in statuses and "failed" in statuses,
        first_report_ms=_first(reports),
        first_enroute_ms=_first(enroute),
        first_final_ms=_first(finals),
    )


def report_order(rated: RatedReport) -> tuple[int, int, str, str, str, bool, int, str, str]:
    """Order of reports of one part: by the operator's clock where it is known, else by arrival."""
    report = rated[0]
    told = report.received_at_ms if report.done_at_ms is None else report.done_at_ms
    return (
        *(told, report.received_at_ms, report.code, report.err, report.provider_message_id),
        *(report.done_at_ms is not None, report.part or 0, report.provider, report.text),
    )


def _answer_order(rated: RatedAnswer) -> tuple[int, str, str, int]:
    answer = rated[0]
    part = 0 if answer.part is None else answer.part
    return (answer.responded_at_ms, answer.code, answer.provider_message_id, part)


def _standing_answer(answers: Sequence[RatedAnswer]) -> RatedAnswer | None:
    closing = [rated for rated in answers if rated[1].kind in (OK, PERMANENT)]
    if closing:
        return min(closing, key=_answer_order)
    return max(answers, key=_answer_order, default=None)


def _standing_final(finals: Sequence[RatedReport]) -> RatedReport | None:
    """Return the final report that stands; `finals` come in order."""
    told = [rated for rated in finals if rated[1].status != "sent_without_sr"]
    if not told:
        return finals[0] if finals else None
    first = told[0]
    if first[1].status == "failed" and first[1].reason in _OVERRIDDEN_BY_DELIVERED:
        return next((rated for rated in told if rated[1].status == "delivered"), first)
    return first


def _first(reports: Sequence[RatedReport]) -> int | None:
    return min((report.received_at_ms for report, _ in reports), default=None)


def timeouts(
    part: Standing,
    policy: Policy,
    submitted_at_ms: int,
    validity_ms: int | None,
    owes_receipt: bool,
    stopped_ms: int | None,
) -> list[Timeout]:
    """Return the timeouts of a part of a handed-over attempt.

    `stopped_ms` is what stops all of them: a higher attempt, or the delivery of another one.
    """
    found = [_response_timeout(part, policy, submitted_at_ms, stopped_ms)]
    if part.refused or part.accepted_ms is None:
        return found
    if owes_receipt:
        told = _earliest(part.first_enroute_ms, part.first_final_ms)
        deadline = part.accepted_ms + policy.receipt_timeout_ms
        found.append(Timeout("receipt", deadline, _earliest(told, stopped_ms)))
    enroute, final = part.first_enroute_ms, part.first_final_ms
    if owes_receipt and enroute is not None and (final is None or final > enroute):
        validity = policy.validity_ms if validity_ms is None else validity_ms
        deadline = max(submitted_at_ms + validity, enroute)
        found.append(Timeout("validity", deadline, _earliest(final, stopped_ms)))
    return found


def _response_timeout(part: Standing, policy: Policy, submitted_at_ms: int, stopped_ms: int | None) -> Timeout:
    answered = None
    if part.answer is not None and part.answer[1].kind in (OK, PERMANENT):
        answered = part.answer[0].responded_at_ms
    stop = _earliest(_earliest(answered, part.first_report_ms), stopped_ms)
    return Timeout("response", submitted_at_ms + policy.response_timeout_ms, stop)


def _earliest(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
