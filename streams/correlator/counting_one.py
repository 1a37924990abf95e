"""What is counted one by one: histories out of the plain course, copies, timeouts, orphans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streams.catalog.outcomes import OK, PERMANENT, TEMPORARY
from streams.correlator import totals as t
from streams.correlator import verdict as words
from streams.correlator.facts import Facts
from streams.correlator.lanes import Lanes, count_submit, route_of
from streams.correlator.timeouts import Rules
from streams.correlator.totals import KEEP_MS, Route, Totals
from streams.correlator.verdict import Verdict
from streams.events import DeliveryReport, OrphanReport, Submit, SubmitResponse
from streams.health import buckets

_ANSWERED = {OK: t.RESPONSES_OK, TEMPORARY: t.RESPONSES_TEMPORARY, PERMANENT: t.RESPONSES_PERMANENT}


Early = Sequence[SubmitResponse | DeliveryReport]
Place = tuple[Route, int, int]
"""Where something counts: the route, when it happened, stream time when it was said (epoch milliseconds)."""


class OneByOne:
    """Counts single events and timeouts.

    ``oldest_ms``: timeouts and orphans dated before it count there. It is `KEEP_MS` before stream time at the step's
    beginning: a step may move stream time by hours, and what passed on the way is dated on the way.
    """

    def __init__(self, rules: Rules, lanes: Lanes) -> None:
        """Look codes up in `rules`; count in `lanes`."""
        self._rules = rules
        self._lanes = lanes
        self.oldest_ms = 0

    # ---- events that the general rules took -----------------------------------------------------------------------

    def special(
        self, facts: Facts, event: Any, verdict: Verdict, new: bool, was: Verdict | None, early: Early, said_ms: int
    ) -> None:
        """Count an event of which the general rules made `verdict`, at stream time `said_ms`; `facts` know it already.

        `new`: it is a new fact, and no copy dated earlier, nor another submit of an attempt that is handed over. `was`
        is what was said before a report, None for a message that was open. `early` had waited for this submit.
        """
        submit = submit_of(facts, event)
        if event.__class__ is Submit:
            self._submit(event, verdict, new, said_ms)
            if early:
                self._early(early, submit, verdict, said_ms)
            if verdict.finding.derived and new:
                self.passed(verdict, said_ms)  # the submit came so late that its timeout was over
            return
        answered = event.__class__ is SubmitResponse
        place = (route_of(submit), time_of(event), said_ms)
        if not new:
            self._add(place, t.DUPLICATES)
            return
        if answered:
            self.answer(place, event, submit, sum(a.attempt == event.attempt for a in facts.answers) == 1)
        else:
            self._report(place, event, submit)
            if verdict.finding.conflict and not (was is not None and was.finding.conflict):
                self._add(place, t.CONFLICTS)
            if was is None or verdict.finding.status != was.finding.status:
                self._settled(place, verdict)
        if verdict.finding.late and event is (verdict.answer if answered else verdict.report):
            self._add(place, t.LATE)

    def _submit(self, event: Submit, verdict: Verdict, new: bool, said_ms: int) -> None:
        if new and event.disposition != words.SUBMITTED:
            return
        lane = self._lanes.of_route(route_of(event), event.submitted_at_ms, said_ms)
        if new:
            count_submit(lane, event, said_ms)
        else:
            lane.totals.add(t.DUPLICATES)

    def _early(self, early: Early, submit: Submit, verdict: Verdict, said_ms: int) -> None:
        """Count the facts that had waited for a submit, and what they make of it together."""
        route = route_of(submit)
        answered: set[int] = set()
        for fact in early:
            place = (route, time_of(fact), said_ms)
            if isinstance(fact, SubmitResponse):
                self.answer(place, fact, submit, fact.attempt not in answered)
                answered.add(fact.attempt)
            else:
                self._report(place, fact, submit)
        if verdict.report is not None:
            place = (route, verdict.report.received_at_ms, said_ms)
            self._settled(place, verdict)
            if verdict.finding.conflict:
                self._add(place, t.CONFLICTS)

    def answer(self, place: Place, event: SubmitResponse, submit: Submit, first: bool) -> None:
        """Count an answer that is a new fact; `first` of its attempt."""
        outcome = self._rules.answer(event.provider or submit.provider, event.code)
        measure = _ANSWERED.get(outcome.kind, t.RESPONSES_UNKNOWN)
        if measure == t.RESPONSES_UNKNOWN:
            self._add(place, t.UNKNOWN_CODES)
        if not first:
            return
        totals = self._totals(place)
        totals.add(measure)
        latency_ms = event.responded_at_ms - submit.submitted_at_ms
        totals.add(t.RESPONSE_LATENCY + buckets.bucket_index(latency_ms))
        if measure in (t.RESPONSES_TEMPORARY, t.RESPONSES_PERMANENT):
            totals.add_refusal(outcome.reason)

    def _report(self, place: Place, event: DeliveryReport, submit: Submit) -> None:
        """Count what a report is, not what it does to its message."""
        outcome = self._rules.report(event.provider or submit.provider, event.code, event.err, event.text)
        if not outcome.final:
            self._add(place, t.REPORTS_INTERMEDIATE)
        if not outcome.known:
            self._add(place, t.UNKNOWN_CODES)

    def _settled(self, place: Place, verdict: Verdict) -> None:
        """Count that a report, received at this place's time, settled a message, or settled it otherwise."""
        measure = t.FINAL.get(verdict.finding.status)
        if measure is None or verdict.finding.derived:
            return
        totals, received_ms = self._totals(place), place[1]
        totals.add(measure)
        totals.add(t.RECEIPT_LATENCY + buckets.bucket_index(received_ms - verdict.submitted_at_ms))
        if measure == t.FAILED:
            totals.add_failure(verdict.finding.reason)

    def _totals(self, place: Place) -> Totals:
        route, at_ms, said_ms = place
        return self._lanes.of_route(route, at_ms, said_ms).totals

    def _add(self, place: Place, measure: int) -> None:
        self._totals(place).add(measure)

    # ---- the rest -----------------------------------------------------------------------------------------------

    def copy(self, facts: Facts, event: Any, said_ms: int) -> None:
        """Count an event that said nothing new."""
        route = route_of(submit_of(facts, event)) if facts.submits else (event.account, event.provider, "", "unknown")
        self._add((route, time_of(event), said_ms), t.DUPLICATES)

    def passed(self, verdict: Verdict, at_ms: int) -> None:
        """Count a timeout by what it made of its message, which was not settled before."""
        if not verdict.finding.derived or not verdict.finding.settled:
            return
        measure = t.TIMEOUTS_NO_RESPONSE
        if verdict.finding.status == words.SENT_WITHOUT_SR:
            measure = t.TIMEOUTS_NO_RECEIPT
        elif verdict.finding.reason == words.EXPIRED_REASON.reason:
            measure = t.TIMEOUTS_EXPIRED
        at_ms = max(at_ms, self.oldest_ms)
        self._add((route_of(verdict.submit), at_ms, at_ms), measure)

    def given_up(self, orphan: OrphanReport, at_ms: int) -> None:
        """Count an answer or report that found no message."""
        at_ms = max(at_ms, self.oldest_ms)
        self._add(((orphan.account, orphan.provider, "", "unknown"), at_ms, at_ms), t.ORPHANS)

    def begin(self, stream_time_ms: int) -> None:
        """A step begins at this stream time."""
        self.oldest_ms = stream_time_ms - KEEP_MS


def time_of(event: Any) -> int:
    """Return the event time of an event, epoch milliseconds; it stands at the same place in all of them."""
    at_ms: int = event[4]
    return at_ms


_TIMES = (Submit._fields[4], SubmitResponse._fields[4], DeliveryReport._fields[4])
if _TIMES != ("submitted_at_ms", "responded_at_ms", "received_at_ms"):
    raise AssertionError("the fields of the events have changed: mend this module")


def submit_of(facts: Facts, event: Any) -> Submit:
    """Return the submit of the attempt that an event belongs to, as far as it can be told when it comes.

    Of an attempt without one, that of the nearest lower attempt, else of the lowest.
    """
    submits = facts.submits
    if len(submits) == 1:
        return next(iter(submits.values()))
    attempt = event.attempt
    if attempt is None:
        same_id = [a.attempt for a in facts.answers if a.provider_message_id == event.provider_message_id]
        begun = [number for number, submit in submits.items() if submit.submitted_at_ms <= event.received_at_ms]
        attempt = max(same_id if event.provider_message_id and same_id else begun or [min(submits)])
    own = submits.get(attempt)
    if own is not None:
        return own
    return submits[max((number for number in submits if number < attempt), default=min(submits))]
