"""What is noted one by one: histories out of the plain course, copies, timeouts, orphans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streams.catalog.outcomes import OK, PERMANENT, TEMPORARY
from streams.correlator import measures as m
from streams.correlator import verdict as words
from streams.correlator.facts import Facts
from streams.correlator.lanes import KEEP_MS, Lanes, route_of
from streams.correlator.notes import Lane, note_submit
from streams.correlator.timeouts import Rules
from streams.correlator.verdict import Finding, Verdict
from streams.events import DeliveryReport, OrphanReport, Submit, SubmitResponse
from streams.health import buckets

_ANSWERED = {OK: m.RESPONSES_OK, TEMPORARY: m.RESPONSES_TEMPORARY, PERMANENT: m.RESPONSES_PERMANENT}

Early = Sequence[SubmitResponse | DeliveryReport]


class OneByOne:
    """Notes single events and timeouts.

    ``oldest_ms``: timeouts and orphans dated before it count there. It is `KEEP_MS` before stream time at the step's
    beginning: a step may move stream time by hours, and what passed on the way is dated on the way.
    """

    def __init__(self, rules: Rules, lanes: Lanes) -> None:
        """Look codes up in `rules`; note in `lanes`."""
        self._rules = rules
        self._lanes = lanes
        self.oldest_ms = 0

    # ---- events that the general rules took -----------------------------------------------------------------------

    def special(
        self, facts: Facts, event: Any, verdict: Verdict, new: bool, was: Finding | None, early: Early, said_ms: int
    ) -> None:
        """Note an event of which the general rules made `verdict`, at stream time `said_ms`; `facts` know it already.

        `new`: it is a new fact, and no copy dated earlier, nor another submit of an attempt that is handed over. `was`
        is what was found before a report, None for a message that was open. `early` had waited for this submit.
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
        lane = self._lanes.of_route(route_of(submit), time_of(event), said_ms)
        if not new:
            lane.log.append(m.DUPLICATES)
            return
        if answered:
            self.answer(lane, event, submit, sum(a.attempt == event.attempt for a in facts.answers) == 1)
        else:
            self._report(lane, event, submit)
            if verdict.finding.conflict and not (was is not None and was.conflict):
                lane.log.append(m.CONFLICTS)
            if was is None or verdict.finding.status != was.status:
                self._settled(lane, verdict, time_of(event))
        if verdict.finding.late and event is (verdict.answer if answered else verdict.report):
            lane.log.append(m.LATE)

    def _submit(self, event: Submit, verdict: Verdict, new: bool, said_ms: int) -> None:
        if new and event.disposition != words.SUBMITTED:
            return
        lane = self._lanes.of_route(route_of(event), event.submitted_at_ms, said_ms)
        if new:
            note_submit(lane, event, said_ms)
        else:
            lane.log.append(m.DUPLICATES)

    def _early(self, early: Early, submit: Submit, verdict: Verdict, said_ms: int) -> None:
        """Note the facts that had waited for a submit, and what they make of it together."""
        route = route_of(submit)
        answered: set[int] = set()
        for fact in early:
            lane = self._lanes.of_route(route, time_of(fact), said_ms)
            if isinstance(fact, SubmitResponse):
                self.answer(lane, fact, submit, fact.attempt not in answered)
                answered.add(fact.attempt)
            else:
                self._report(lane, fact, submit)
        if verdict.report is not None:
            received_ms = verdict.report.received_at_ms
            lane = self._lanes.of_route(route, received_ms, said_ms)
            self._settled(lane, verdict, received_ms)
            if verdict.finding.conflict:
                lane.log.append(m.CONFLICTS)

    def answer(self, lane: Lane, event: SubmitResponse, submit: Submit, first: bool) -> None:
        """Note an answer that is a new fact; `first` of its attempt."""
        outcome = self._rules.answer(event.provider or submit.provider, event.code)
        measure = _ANSWERED.get(outcome.kind, m.RESPONSES_UNKNOWN)
        if measure == m.RESPONSES_UNKNOWN:
            lane.log.append(m.UNKNOWN_CODES)
        if not first:
            return
        bucket = buckets.bucket_index(event.responded_at_ms - submit.submitted_at_ms)
        lane.log.append(m.ANSWERED_AFTER[measure][bucket])
        if measure in (m.RESPONSES_TEMPORARY, m.RESPONSES_PERMANENT):
            lane.named.append((m.REFUSALS, outcome.reason))

    def _report(self, lane: Lane, event: DeliveryReport, submit: Submit) -> None:
        """Note what a report is, not what it does to its message."""
        outcome = self._rules.report(event.provider or submit.provider, event.code, event.err, event.text)
        if not outcome.final:
            lane.log.append(m.REPORTS_INTERMEDIATE)
        if not outcome.known:
            lane.log.append(m.UNKNOWN_CODES)

    def _settled(self, lane: Lane, verdict: Verdict, received_ms: int) -> None:
        """Note that a report, received at `received_ms`, settled a message, or settled it otherwise."""
        status = verdict.finding.status
        after = m.SETTLED_AFTER.get(status)
        if after is None or verdict.finding.derived:
            return
        lane.log.append(after[buckets.bucket_index(received_ms - verdict.submitted_at_ms)])
        if status == words.FAILED:
            lane.named.append((m.FAILURES, verdict.finding.reason))

    # ---- the rest -----------------------------------------------------------------------------------------------

    def copy(self, facts: Facts, event: Any, said_ms: int) -> None:
        """Note an event that said nothing new."""
        route = route_of(submit_of(facts, event)) if facts.submits else (event.account, event.provider, "", "unknown")
        self._lanes.of_route(route, time_of(event), said_ms).log.append(m.DUPLICATES)

    def passed(self, verdict: Verdict, at_ms: int) -> None:
        """Note a timeout by what it made of its message, which was not settled before."""
        if not verdict.finding.derived or not verdict.finding.settled:
            return
        measure = m.TIMEOUTS_NO_RESPONSE
        if verdict.finding.status == words.SENT_WITHOUT_SR:
            measure = m.TIMEOUTS_NO_RECEIPT
        elif verdict.finding.reason == words.EXPIRED_REASON.reason:
            measure = m.TIMEOUTS_EXPIRED
        at_ms = max(at_ms, self.oldest_ms)
        self._lanes.of_route(route_of(verdict.submit), at_ms, at_ms).log.append(measure)

    def given_up(self, orphan: OrphanReport, at_ms: int) -> None:
        """Note an answer or report that found no message."""
        at_ms = max(at_ms, self.oldest_ms)
        self._lanes.of_route((orphan.account, orphan.provider, "", "unknown"), at_ms, at_ms).log.append(m.ORPHANS)

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
