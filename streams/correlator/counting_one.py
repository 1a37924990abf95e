"""What is counted one by one: histories out of the plain course, copies, timeouts, orphans."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
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
from streams.correlator.totals import DETAIL_MS, KEEP_MS, Route, Totals
from streams.correlator.verdict import Verdict
from streams.events import DeliveryReport, OrphanReport, Submit, SubmitResponse
from streams.health import buckets, sketch
from streams.health.heartbeat import WINDOW_MS

Ints = npt.NDArray[np.int64]
TotalsOf = Callable[[int, Route], Totals]

_ANSWERED = {OK: t.RESPONSES_OK, TEMPORARY: t.RESPONSES_TEMPORARY, PERMANENT: t.RESPONSES_PERMANENT}


class Rest(NamedTuple):
    """The events of a step sorted: `plain` are places of events and positions of their revisions, the same number."""

    plain: tuple[Ints, Ints]
    special: list[tuple[Special, Any]]
    silent: list[tuple[Silent, Any]]


class Groups:
    """The totals that one step counts in, by number; what is counted one by one is gathered in ``places``.

    The place of a measure of a group is group * `totals.MEASURES` + measure.
    """

    def __init__(self, totals_of: TotalsOf) -> None:
        """Take the totals of a window (from 1970) and a route from `totals_of`."""
        self._totals_of = totals_of
        self._numbers: dict[tuple[int, Route], int] = {}
        self.totals: list[Totals] = []
        self.places: list[int] = []

    def number(self, window: int, route: Route) -> int:
        """Return the number of a window and a route."""
        key = (window, route)
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.totals)
            self.totals.append(self._totals_of(window, route))
        return found

    def at(self, when_ms: int, said_ms: int, route: Route) -> int:
        """Return the number for what is dated `when_ms` and was said at stream time `said_ms`."""
        return self.number(max(when_ms, said_ms - KEEP_MS) // WINDOW_MS, route)

    def add(self, group: int, measure: int) -> None:
        """Count one."""
        self.places.append(group * t.MEASURES + measure)


class OneByOne:
    """Counts single events of one step."""

    def __init__(self, rules: Rules, groups: Groups) -> None:
        """Look codes up in `rules`; count in `groups`."""
        self._rules = rules
        self._groups = groups

    @staticmethod
    def events_of(delta: Delta) -> Rest:
        """Tell which event made which revision: both stand in order, but for those that `delta.noted` names."""
        noted = delta.noted
        before = np.array([silent.before for silent in noted.silent], np.int64)
        passed = np.array([passed.position for passed in noted.passed], np.int64)
        silent_places = before - np.searchsorted(passed, before) + np.arange(len(before))
        places = np.delete(np.arange(len(noted.events)), silent_places)
        positions = np.delete(np.arange(len(delta.revisions)), passed)
        special = np.searchsorted(positions, [special.position for special in noted.special])
        return Rest(
            (np.delete(places, special), np.delete(positions, special)),
            list(zip(noted.special, [noted.events[i] for i in places[special].tolist()], strict=True)),
            list(zip(noted.silent, [noted.events[i] for i in silent_places.tolist()], strict=True)),
        )

    # ---- events that the general rules took -----------------------------------------------------------------------

    def special(self, special: Special, event: Any, verdict: Verdict, said_ms: int) -> None:
        """Count an event that the general rules made a revision of."""
        submit, groups = special.submit, self._groups
        kind = event.__class__
        if kind is Submit:
            self._submit(special, event, verdict, said_ms)
            return
        answered = kind is SubmitResponse
        group = groups.at(event.responded_at_ms if answered else event.received_at_ms, said_ms, route_of(submit))
        if not special.new:
            groups.add(group, t.DUPLICATES)
            return
        if answered:
            self.answer(group, event, submit, special.first)
        else:
            self.report(group, event, submit)
            if verdict.conflict and not special.was_conflict:
                groups.add(group, t.CONFLICTS)
            if verdict.status != special.was:
                self._settled(group, verdict, event.received_at_ms)
        if verdict.late and event is (verdict.answer if answered else verdict.report):
            groups.add(group, t.LATE)

    def _submit(self, special: Special, event: Submit, verdict: Verdict, said_ms: int) -> None:
        route, groups = route_of(event), self._groups
        group = groups.at(event.submitted_at_ms, said_ms, route)
        if not special.new:
            groups.add(group, t.DUPLICATES)
        elif event.disposition == words.SUBMITTED:
            groups.add(group, t.SUBMITS)
            value = value_of(event.recipient)
            totals = groups.totals[group]
            totals.add_sample(event, sketch.mix(value))
            window = max(event.submitted_at_ms, said_ms - KEEP_MS) // WINDOW_MS
            if said_ms < (window + 1) * WINDOW_MS + DETAIL_MS:
                totals.add_recipients(np.array([value], np.uint64))
        if special.early:
            self._early(special, route, verdict, said_ms)
        if verdict.derived and special.new:
            self.passed(verdict, said_ms)  # the submit came so late that its timeout was over

    def _early(self, special: Special, route: Route, verdict: Verdict, said_ms: int) -> None:
        """Count the facts that had waited for a submit, and what they make of it together."""
        groups = self._groups
        answered: set[int] = set()
        for fact in special.early:
            if isinstance(fact, SubmitResponse):
                group = groups.at(fact.responded_at_ms, said_ms, route)
                self.answer(group, fact, special.submit, fact.attempt not in answered)
                answered.add(fact.attempt)
            else:
                self.report(groups.at(fact.received_at_ms, said_ms, route), fact, special.submit)
        if verdict.report is not None:
            received_ms = verdict.report.received_at_ms
            group = groups.at(received_ms, said_ms, route)
            self._settled(group, verdict, received_ms)
            if verdict.conflict:
                groups.add(group, t.CONFLICTS)

    def answer(self, group: int, event: SubmitResponse, submit: Submit, first: bool) -> None:
        """Count an answer that is a new fact; `first` of its attempt."""
        groups = self._groups
        outcome = self._rules.answer(event.provider or submit.provider, event.code)
        measure = _ANSWERED.get(outcome.kind, t.RESPONSES_UNKNOWN)
        if measure == t.RESPONSES_UNKNOWN:
            groups.add(group, t.UNKNOWN_CODES)
        if not first:
            return
        groups.add(group, measure)
        latency_ms = event.responded_at_ms - submit.submitted_at_ms
        groups.add(group, t.RESPONSE_LATENCY + buckets.bucket_index(latency_ms))
        if measure in (t.RESPONSES_TEMPORARY, t.RESPONSES_PERMANENT):
            groups.totals[group].add_refusal(outcome.reason)

    def report(self, group: int, event: DeliveryReport, submit: Submit) -> None:
        """Count what a report is, not what it does to its message."""
        outcome = self._rules.report(event.provider or submit.provider, event.code, event.err, event.text)
        if not outcome.final:
            self._groups.add(group, t.REPORTS_INTERMEDIATE)
        if not outcome.known:
            self._groups.add(group, t.UNKNOWN_CODES)

    def _settled(self, group: int, verdict: Verdict, received_ms: int) -> None:
        """Count that a report settled a message, or settled it otherwise."""
        measure = t.FINAL.get(verdict.status)
        if measure is None or verdict.derived:
            return
        groups = self._groups
        groups.add(group, measure)
        groups.add(group, t.RECEIPT_LATENCY + buckets.bucket_index(received_ms - verdict.submitted_at_ms))
        if measure == t.FAILED:
            groups.totals[group].add_failure(verdict.reason)

    # ---- the rest -----------------------------------------------------------------------------------------------

    def silent(self, silent: Silent, event: Any) -> None:
        """Count an event that made no revision: a copy; what waits for its submit counts when that comes."""
        if silent.copy:
            route = (event.account, event.provider, "", "unknown")
            if silent.submit is not None:
                route = route_of(silent.submit)
            self._groups.add(self._groups.at(_time_of(event), silent.at_ms, route), t.DUPLICATES)

    def passed(self, verdict: Verdict, at_ms: int) -> None:
        """Count a timeout by what it made of its message."""
        if not verdict.derived or not verdict.settled:
            return
        measure = t.TIMEOUTS_NO_RESPONSE
        if verdict.status == words.SENT_WITHOUT_SR:
            measure = t.TIMEOUTS_NO_RECEIPT
        elif verdict.reason == words.EXPIRED_REASON.reason:
            measure = t.TIMEOUTS_EXPIRED
        self._groups.add(self._groups.number(at_ms // WINDOW_MS, route_of(verdict.submit)), measure)

    def given_up(self, orphan: OrphanReport, at_ms: int) -> None:
        """Count an answer or report that found no message."""
        route = (orphan.account, orphan.provider, "", "unknown")
        self._groups.add(self._groups.number(at_ms // WINDOW_MS, route), t.ORPHANS)


_route: Callable[[Submit], Route] = itemgetter(
    *map(Submit._fields.index, ("account", "provider", "country", "traffic_type"))
)


def route_of(submit: Submit) -> Route:
    """Return the route that a submit went."""
    return _route(submit)


def _time_of(event: Any) -> int:
    if isinstance(event, Submit):
        return event.submitted_at_ms
    return int(event.responded_at_ms if isinstance(event, SubmitResponse) else event.received_at_ms)
