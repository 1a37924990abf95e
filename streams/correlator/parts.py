"""One part of one attempt: which answer and which report stand, and which timeouts it has.

docs/status-rules.md, sections 3 and 4. Nothing here depends on the stream time but `Timeout.passed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from streams.catalog.outcomes import OK, PERMANENT, AnswerOutcome, ReportOutcome
from streams.correlator.timeouts import Policy
from streams.events import DeliveryReport, SubmitResponse

RatedAnswer = tuple[SubmitResponse, AnswerOutcome]
RatedReport = tuple[DeliveryReport, ReportOutcome]

_OVERRIDDEN_BY_DELIVERED: Final = ("expired", "unknown")


class Timeout(NamedTuple):
    """A deadline and the moment something stopped it (None: nothing has)."""

    kind: str
    deadline_ms: int
    stopped_ms: int | None

    def passed(self, stream_time_ms: int) -> bool:
        """Tell whether it has passed; an event dated exactly at the deadline comes before it."""
        deadline, stopped = self[1], self[2]
        return stream_time_ms >= deadline if stopped is None else stopped > deadline


class Told(NamedTuple):
    """What stands among the reports of a part."""

    final: RatedReport | None
    intermediate: RatedReport | None
    conflict: bool
    first_report_ms: int | None
    first_enroute_ms: int | None
    first_final_ms: int | None


_NOTHING_TOLD: Final = Told(None, None, False, None, None, None)


class Standing(NamedTuple):
    """What stands among the facts of a part.

    ``refused``: the provider refused for good. ``delivered``: a report says it was delivered. ``answered_ms``: when
    the answer came that is neither temporary nor unknown. ``accepted_ms``: when the provider had it: the ok answer,
    else the first report; None where neither came.
    """

    answer: RatedAnswer | None
    refused: bool
    answered_ms: int | None
    accepted_ms: int | None
    delivered: bool
    told: Told


_NOTHING_STANDS: Final = Standing(None, False, None, None, False, _NOTHING_TOLD)
_new = tuple.__new__
"""Makes a named tuple at half the cost of calling its class."""


def standing(answers: Sequence[RatedAnswer], reports: Sequence[RatedReport]) -> Standing:
    """Tell what stands among the answers and the reports of a part."""
    if not reports:
        if not answers:
            return _NOTHING_STANDS
        told, delivered, reported_ms = _NOTHING_TOLD, False, None
    else:
        told = _told(reports)
        final, reported_ms = told[0], told[3]
        delivered = final is not None and final[1].status == "delivered"
        if not answers:
            return _new(Standing, (None, False, None, reported_ms, delivered, told))
    answer = answers[0] if len(answers) == 1 else _standing_answer(answers)
    kind = answer[1][0]
    if kind == OK:
        when = answer[0].responded_at_ms
        return _new(Standing, (answer, False, when, when, delivered, told))
    if kind == PERMANENT:
        return _new(Standing, (answer, True, answer[0].responded_at_ms, reported_ms, delivered, told))
    return _new(Standing, (answer, False, None, reported_ms, delivered, told))


def _told(reports: Sequence[RatedReport]) -> Told:
    """Tell what stands among reports, of which there is one at least."""
    finals: list[RatedReport] = []
    enroute: list[RatedReport] = []
    taken: list[RatedReport] = []
    for rated in reports:
        outcome = rated[1]
        if outcome[1]:
            finals.append(rated)
        elif outcome[0] == "enroute":
            enroute.append(rated)
        else:
            taken.append(rated)
    statuses = {outcome.status for _, outcome in finals} if len(finals) > 1 else ()
    waiting = enroute or taken
    return _new(
        Told,
        (
            _standing_final(finals) if finals else None,
            _last(waiting) if waiting else None,
            "delivered" in statuses and "failed" in statuses,
            _first(reports),
            _first(enroute) if enroute else None,
            _first(finals) if finals else None,
        ),
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


def _standing_answer(answers: Sequence[RatedAnswer]) -> RatedAnswer:
    closing = [rated for rated in answers if rated[1].kind in (OK, PERMANENT)]
    return min(closing, key=_answer_order) if closing else max(answers, key=_answer_order)


def _standing_final(finals: list[RatedReport]) -> RatedReport:
    """Return the final report that stands, of one at least."""
    if len(finals) == 1:
        return finals[0]
    finals = sorted(finals, key=report_order)
    told = [rated for rated in finals if rated[1].status != "sent_without_sr"]
    if not told:
        return finals[0]
    first = told[0]
    if first[1].status == "failed" and first[1].reason in _OVERRIDDEN_BY_DELIVERED:
        return next((rated for rated in told if rated[1].status == "delivered"), first)
    return first


def _last(reports: list[RatedReport]) -> RatedReport:
    return reports[0] if len(reports) == 1 else max(reports, key=report_order)


def _first(reports: Sequence[RatedReport]) -> int:
    if len(reports) == 1:
        return reports[0][0].received_at_ms
    return min([report.received_at_ms for report, _ in reports])


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
    accepted, told = part[3], part[5]
    stop = earliest(earliest(part[2], told[3]), stopped_ms)
    found: list[Timeout] = [_new(Timeout, ("response", submitted_at_ms + policy[1], stop))]
    if not owes_receipt or accepted is None or part[1]:
        return found
    enroute, final = told[4], told[5]
    stop = earliest(earliest(enroute, final), stopped_ms)
    found.append(_new(Timeout, ("receipt", accepted + policy[2], stop)))
    if enroute is not None and (final is None or final > enroute):
        deadline = max(submitted_at_ms + (policy[3] if validity_ms is None else validity_ms), enroute)
        found.append(_new(Timeout, ("validity", deadline, earliest(final, stopped_ms))))
    return found


def earliest(one: int | None, other: int | None) -> int | None:
    """Return the earlier of two times, of which each may be unknown."""
    if one is None:
        return other
    return one if other is None or one <= other else other
