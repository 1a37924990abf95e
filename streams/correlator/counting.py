"""What a step did, counted by route and window.

The plain course of events (`streams.correlator.noted`) is gone through once, in a loop that looks nothing up but the
event's place: what is counted becomes a number in a list, and numpy counts the numbers. What was special is left to
`streams.correlator.counting_one`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from streams.correlator import totals as t
from streams.correlator import verdict as words
from streams.correlator.counting_one import Groups, OneByOne, TotalsOf, route_of
from streams.correlator.message import Message
from streams.correlator.recipients import values_of
from streams.correlator.step import Delta
from streams.correlator.streamtime import ANSWERS, REPORTS
from streams.correlator.timeouts import Rules
from streams.correlator.totals import DETAIL_MS, KEEP_MS, MEASURES, Route
from streams.correlator.verdict import Verdict
from streams.events import Submit
from streams.health import buckets, sketch
from streams.health.heartbeat import WINDOW_MS
from streams.health.sketch import UInts

Ints = npt.NDArray[np.int64]

_FIRST_TWO = 512
"""The version of a message of which one submit and one answer are known."""
_STATUS = Verdict._fields.index("status")
_SUBMITTED_AT = Verdict._fields.index("submitted_at_ms")
_VERSION = Verdict._fields.index("version")
_UNKNOWN = Verdict._fields.index("unknown_code")
_LAST_BUCKET = len(buckets.BOUNDS) - 1


class Routes:
    """Routes by number, from 1 on; a message remembers the number of its first one."""

    def __init__(self) -> None:
        """Start with none."""
        self.names: list[Route] = [("", "", "", "unknown")]
        self._numbers: dict[Route, int] = {}

    def of(self, message: Message, submit: Submit) -> int:
        """Return the number of a submit's route, and leave it with its message."""
        route = route_of(submit)
        found = self._numbers.get(route)
        if found is None:
            found = self._numbers[route] = len(self.names)
            self.names.append(route)
        message.route = found
        return found


class Counting:
    """Counts what one step after the other did."""

    def __init__(self, rules: Rules, totals_of: TotalsOf) -> None:
        """Add to the totals that `totals_of` gives for a window (from 1970) and a route."""
        self._rules = rules
        self._totals_of = totals_of
        self._routes = Routes()

    def count(self, delta: Delta, oldest_ms: int) -> None:
        """Count what a step did; timeouts and orphans dated before `oldest_ms` count there."""
        noted, revisions = delta.noted, delta.revisions
        groups = Groups(self._totals_of)
        one = OneByOne(self._rules, groups)
        if noted.events:
            rest = one.events_of(delta)
            self._plain(delta, rest.plain, groups, one)
            for special, event in rest.special:
                one.special(special, event, revisions[special.position][1], delta.said_ms[special.position])
            for silent, event in rest.silent:
                one.silent(silent, event)
        for position, settled in noted.passed:
            if not settled:
                one.passed(revisions[position][1], max(delta.said_ms[position], oldest_ms))
        for at_ms, orphan in noted.given_up:
            one.given_up(orphan, max(at_ms, oldest_ms))
        if not groups.totals:
            return
        places = np.array(groups.places, np.int64)
        counts = np.bincount(places, minlength=len(groups.totals) * MEASURES).reshape(-1, MEASURES)
        for totals, row in zip(groups.totals, counts, strict=True):
            totals.counts += row

    def _plain(self, delta: Delta, plain: tuple[Ints, Ints], groups: Groups, one: OneByOne) -> None:
        """Count the events that stand beside the revision they made."""
        events, sources, times, revisions, said = _beside(delta, *plain)
        submits: list[tuple[int, Submit, bool]] = []
        add, bounds, known_final = groups.places.append, buckets.BOUNDS, t.FINAL.get
        number, names = self._routes.of, self._routes.names
        from_ms = to_ms = window = 0
        places: dict[int, int] = {}  # of the routes in the window at hand
        group: int | None
        for event, source, at_ms, (message, verdict), said_ms in zip(
            events, sources, times, revisions, said, strict=True
        ):
            if not from_ms <= at_ms < to_ms or said_ms - at_ms > KEEP_MS:
                window = max(at_ms, said_ms - KEEP_MS) // WINDOW_MS
                from_ms, to_ms, places = window * WINDOW_MS, (window + 1) * WINDOW_MS, groups.places_in(window)
            route = message.route or number(message, verdict.submit)
            group = places.get(route)
            if group is None:
                group = places[route] = groups.number(window, names[route])
            place = group * MEASURES
            status = verdict[_STATUS]
            if source == ANSWERS:
                if verdict[_VERSION] == _FIRST_TWO and status == words.ACCEPTED:
                    add(place + t.RESPONSES_OK)
                    add(
                        place
                        + t.RESPONSE_LATENCY
                        + min(bisect_left(bounds, at_ms - verdict[_SUBMITTED_AT]), _LAST_BUCKET)
                    )
                else:
                    one.answer(group, event, verdict.submit, verdict[_VERSION] == _FIRST_TWO)
            elif source == REPORTS:
                measure = known_final(status)
                if measure is not None:
                    add(place + measure)
                    add(
                        place
                        + t.RECEIPT_LATENCY
                        + min(bisect_left(bounds, at_ms - verdict[_SUBMITTED_AT]), _LAST_BUCKET)
                    )
                    if measure == t.FAILED:
                        groups.totals[group].add_failure(verdict.reason)
                if measure is None or verdict[_UNKNOWN]:
                    one.report(group, event, verdict.submit)
            elif status == words.SUBMITTED:
                add(place)
                submits.append((group, event, said_ms < to_ms + DETAIL_MS))
        if submits:
            _recipients(submits, groups)


def _recipients(submits: list[tuple[int, Submit, bool]], groups: Groups) -> None:
    """Hand the recipients of submits (with their groups, and whether these are open still) to their totals."""
    totals = groups.totals
    values = values_of([event.recipient for _, event, _ in submits])
    hashes = sketch.mix_many(values)
    for place in np.flatnonzero(hashes % np.uint64(sketch.SAMPLE) == 0).tolist():
        group, event, _ = submits[place]
        totals[group].add_sample(event, int(hashes[place]))
    open_still = np.array([still for _, _, still in submits], bool)
    for group, part in _split(np.array([group for group, _, _ in submits], np.int64)[open_still], values[open_still]):
        totals[group].add_recipients(part)


def _beside(delta: Delta, event_places: Ints, positions: Ints) -> tuple[Any, Any, Any, Any, Any]:
    """Return the events at these places with their inputs and times, and the revisions at these positions."""
    noted, revisions, said = delta.noted, delta.revisions, delta.said_ms
    events, sources, times = noted.events, noted.sources, noted.times_ms
    if len(positions) < len(revisions):
        at = positions.tolist()
        revisions, said = [revisions[i] for i in at], [said[i] for i in at]
    if len(event_places) < len(events):
        at = event_places.tolist()
        events, sources, times = [events[i] for i in at], [sources[i] for i in at], [times[i] for i in at]
    return events, sources, times, revisions, said


def _split(groups: Ints, values: UInts) -> Iterator[tuple[int, UInts]]:
    """Yield the values of each group."""
    order = np.argsort(groups, kind="stable")
    in_order = groups[order]
    starts = np.flatnonzero(np.diff(in_order, prepend=-1))
    if len(starts):
        yield from zip(in_order[starts].tolist(), np.split(values[order], starts[1:]), strict=True)
