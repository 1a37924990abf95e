"""What is counted one by one: histories out of the plain course, copies, timeouts, orphans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.catalog.outcomes import OK, PERMANENT, TEMPORARY
from streams.correlator import totals as t
from streams.correlator import verdict as words
from streams.correlator.noted import Silent, Special
from streams.correlator.recipients import value_of
from streams.correlator.step import Delta
from streams.correlator.timeouts import Rules
from streams.correlator.totals import DETAIL_MS, KEEP_MS, WINDOW_MS, Route, Totals
from streams.correlator.verdict import Verdict
from streams.events import DeliveryReport, OrphanReport, Submit, SubmitResponse
from streams.health import sketch

Ints = npt.NDArray[np.int64]

_ANSWERED = {OK: t.RESPONSES_OK, TEMPORARY: t.RESPONSES_TEMPORARY, PERMANENT: t.RESPONSES_PERMANENT}
_DERIVED = {words.SENT_WITHOUT_SR: t.TIMEOUTS_NO_RECEIPT}


class Rest(NamedTuple):
    """The events of a step sorted: `plain` are places of events and positions of their revisions, the same number."""

    plain: tuple[Ints, Ints]
    special: list[tuple[Special, Any]]
    silent: list[tuple[Silent, Any]]


class OneByOne:
    """Counts single events."""

    def __init__(self, rules: Rules, totals_of: Callable[[int, Route], Totals]) -> None:
        """Look codes up in `rules`; add to the totals that `totals_of` gives for a window and a route."""
        self._rules = rules
        self._totals_of = totals_of

    @staticmethod
    def events_of(delta: Delta) -> Rest:
        """Tell which event made which revision: both stand in order, but for those that `delta.noted` names."""
        noted = delta.noted
        before = np.array([silent.before for silent in noted.silent], np.int64)
        passed = np.array(noted.passed, np.int64)
        silent_places = before - np.searchsorted(passed, before) + np.arange(len(before))
        places = np.delete(np.arange(len(noted.events)), silent_places)
        positions = np.delete(np.arange(len(delta.revisions)), passed)
        special = np.searchsorted(positions, [special.position for special in noted.special])
        return Rest(
            (np.delete(places, special), np.delete(positions, special)),
            list(zip(noted.special, [noted.events[i] for i in places[special].tolist()], strict=True)),
            list(zip(noted.silent, [noted.events[i] for i in silent_places.tolist()], strict=True)),
        )

    def _at(self, when_ms: int, said_ms: int, route: Route) -> Totals:
        return self._totals_of(max(when_ms, said_ms - KEEP_MS) // WINDOW_MS, route)

    # ---- events that the general rules took -----------------------------------------------------------------------

    def special(self, special: Special, event: Any, verdict: Verdict, said_ms: int) -> None:
        """Count an event that the general rules made a revision of."""
        route = route_of(special.submit)
        if isinstance(event, Submit):
            self._submit(special, event, verdict, said_ms)
        elif isinstance(event, SubmitResponse):
            totals = self._at(event.responded_at_ms, said_ms, route)
            if not special.new:
                totals.add(t.DUPLICATES)
                return
            self.answer(totals, event, special.submit, special.first)
            if verdict.late and verdict.answer is event:
                totals.add(t.LATE)
        else:
            totals = self._at(event.received_at_ms, said_ms, route)
            if not special.new:
                totals.add(t.DUPLICATES)
                return
            self.report(totals, event, special.submit)
            if verdict.late and verdict.report is event:
                totals.add(t.LATE)
            if verdict.conflict and not special.was_conflict:
                totals.add(t.CONFLICTS)
            if verdict.status != special.was:
                self._settled(totals, verdict, event.received_at_ms)
        if verdict.derived:
            self._derived_at_once(special, verdict, said_ms)

    def _submit(self, special: Special, event: Submit, verdict: Verdict, said_ms: int) -> None:
        route = route_of(event)
        totals = self._at(event.submitted_at_ms, said_ms, route)
        if not special.new:
            totals.add(t.DUPLICATES)
        elif event.disposition == words.SUBMITTED:
            totals.add(t.SUBMITS)
            value = value_of(event.recipient)
            totals.add_sample(event, sketch.mix(value))
            window = max(event.submitted_at_ms, said_ms - KEEP_MS) // WINDOW_MS
            if said_ms < (window + 1) * WINDOW_MS + DETAIL_MS:
                totals.add_recipients(np.array([value], np.uint64))
        answered: set[int] = set()
        for fact in special.early:
            if isinstance(fact, SubmitResponse):
                at = self._at(fact.responded_at_ms, said_ms, route)
                self.answer(at, fact, event, fact.attempt not in answered)
                answered.add(fact.attempt)
            else:
                self.report(self._at(fact.received_at_ms, said_ms, route), fact, event)
        if special.early and verdict.report is not None:
            received_ms = verdict.report.received_at_ms
            at = self._at(received_ms, said_ms, route)
            self._settled(at, verdict, received_ms)
            if verdict.conflict:
                at.add(t.CONFLICTS)

    def answer(self, totals: Totals, event: SubmitResponse, submit: Submit, first: bool) -> None:
        """Count an answer that is a new fact; `first` of its attempt."""
        outcome = self._rules.answer(event.provider or submit.provider, event.code)
        measure = _ANSWERED.get(outcome.kind, t.RESPONSES_UNKNOWN)
        if measure == t.RESPONSES_UNKNOWN:
            totals.add(t.UNKNOWN_CODES)
        if not first:
            return
        totals.add(measure)
        totals.add_latency(t.RESPONSE_LATENCY, event.responded_at_ms - submit.submitted_at_ms)
        if measure in (t.RESPONSES_TEMPORARY, t.RESPONSES_PERMANENT):
            totals.add_refusal(outcome.reason)

    def report(self, totals: Totals, event: DeliveryReport, submit: Submit) -> None:
        """Count what a report is, not what it does to its message."""
        outcome = self._rules.report(event.provider or submit.provider, event.code, event.err, event.text)
        if not outcome.final:
            totals.add(t.REPORTS_INTERMEDIATE)
        if not outcome.known:
            totals.add(t.UNKNOWN_CODES)

    @staticmethod
    def _settled(totals: Totals, verdict: Verdict, received_ms: int) -> None:
        """Count that a report settled a message, or settled it otherwise."""
        measure = t.FINAL.get(verdict.status)
        if measure is None or verdict.derived:
            return
        totals.add(measure)
        totals.add_latency(t.RECEIPT_LATENCY, received_ms - verdict.submitted_at_ms)
        if measure == t.FAILED:
            totals.add_failure(verdict.reason)

    def _derived_at_once(self, special: Special, verdict: Verdict, said_ms: int) -> None:
        """A fact came to light whose timeout had passed already."""
        if isinstance(special.submit, Submit) and special.was == "":
            self.passed(verdict, said_ms)

    # ---- the rest -----------------------------------------------------------------------------------------------

    def silent(self, silent: Silent, event: Any) -> None:
        """Count an event that made no revision: a copy; what waits for its submit counts when that comes."""
        if silent.copy:
            route = (event.account, event.provider, "", "unknown")
            if silent.submit is not None:
                route = route_of(silent.submit)
            self._at(_time_of(event), silent.at_ms, route).add(t.DUPLICATES)

    def passed(self, verdict: Verdict, at_ms: int) -> None:
        """Count a timeout by what it made of its message."""
        if not verdict.derived:
            return
        measure = t.TIMEOUTS_NO_RESPONSE
        if verdict.status == words.SENT_WITHOUT_SR:
            measure = t.TIMEOUTS_NO_RECEIPT
        elif verdict.reason == words.EXPIRED_REASON.reason:
            measure = t.TIMEOUTS_EXPIRED
        self._totals_of(at_ms // WINDOW_MS, route_of(verdict.submit)).add(measure)

    def given_up(self, orphan: OrphanReport, at_ms: int) -> None:
        """Count an answer or report that found no message."""
        self._totals_of(at_ms // WINDOW_MS, (orphan.account, orphan.provider, "", "unknown")).add(t.ORPHANS)


def route_of(submit: Submit) -> Route:
    """Return the route that a submit went."""
    return submit.account, submit.provider, submit.country, submit.traffic_type


def _time_of(event: Any) -> int:
    if isinstance(event, Submit):
        return event.submitted_at_ms
    return int(event.responded_at_ms if isinstance(event, SubmitResponse) else event.received_at_ms)
