"""What a step did, counted by route and window.

In the plain course (`streams.correlator.noted`) no event is looked at alone: columns are made of the events and their
revisions, and numpy counts. What was special is counted one by one, in `streams.correlator.counting_one`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.correlator import totals as t
from streams.correlator import verdict as words
from streams.correlator.counting_one import OneByOne
from streams.correlator.message import Message
from streams.correlator.recipients import values_of
from streams.correlator.step import Delta
from streams.correlator.streamtime import ANSWERS, REPORTS, SUBMITS
from streams.correlator.timeouts import Rules
from streams.correlator.totals import DETAIL_MS, KEEP_MS, WINDOW_MS, Route, Totals
from streams.correlator.verdict import Verdict
from streams.events import Submit
from streams.health import buckets, sketch

Ints = npt.NDArray[np.int64]
TotalsOf = Callable[[int, Route], Totals]

_FIRST_TWO = 512
"""The version of a message of which one submit and one answer are known."""
_STATUS = Verdict._fields.index("status")
_SUBMITTED_AT = Verdict._fields.index("submitted_at_ms")
_VERSION = Verdict._fields.index("version")
_UNKNOWN = Verdict._fields.index("unknown_code")
_RECIPIENT = Submit._fields.index("recipient")

_CODE = {status: number for number, status in enumerate((*words.OPEN_ORDER, words.EXCLUDED, *t.FINAL))}
_SUBMITTED, _ACCEPTED = _CODE[words.SUBMITTED], _CODE[words.ACCEPTED]
_FIRST_FINAL = _CODE[words.DELIVERED]
_MEASURE_OF = np.array([t.FINAL.get(status, -1) for status in _CODE], np.int64)
_BOUNDS = np.array(buckets.BOUNDS, np.int64)
_MOST_DENSE = 1 << 17


class Routes:
    """Routes by number, from 1 on; a message remembers the number of its own."""

    def __init__(self) -> None:
        """Start with none."""
        self.names: list[Route] = [("", "", "", "unknown")]
        self._numbers: dict[Route, int] = {}

    def number(self, message: Message, submit: Submit) -> int:
        """Return the number of a submit's route, and leave it with its message."""
        route = route_of(submit)
        found = self._numbers.get(route)
        if found is None:
            found = self._numbers[route] = len(self.names)
            self.names.append(route)
        message.route = found
        return found


def route_of(submit: Submit) -> Route:
    """Return the route that a submit went."""
    return submit.account, submit.provider, submit.country, submit.traffic_type


class Columns(NamedTuple):
    """The plain events of a step, each with its revision: one entry each, in every array."""

    events: list[Any]
    revisions: Sequence[tuple[Message, Verdict]]
    sources: Ints
    times_ms: Ints
    said_ms: Ints
    status: Ints


class Counting:
    """Counts what one step after the other did."""

    def __init__(self, rules: Rules, totals_of: TotalsOf) -> None:
        """Add to the totals that `totals_of` gives for a window (from 1970) and a route."""
        self._totals_of = totals_of
        self._one = OneByOne(rules, totals_of)
        self._routes = Routes()

    def count(self, delta: Delta, oldest_ms: int) -> None:
        """Count what a step did; what is dated before `oldest_ms` counts there."""
        noted, revisions = delta.noted, delta.revisions
        if noted.events:
            rest = self._one.events_of(delta)
            columns = _columns(delta, *rest.plain)
            for special, event in rest.special:
                self._one.special(special, event, revisions[special.position][1], delta.said_ms[special.position])
            for silent, event in rest.silent:
                self._one.silent(silent, event)
            if columns.events:
                self._plain(columns)
        for position in noted.passed:
            self._one.passed(revisions[position][1], max(delta.said_ms[position], oldest_ms))
        for at_ms, orphan in noted.given_up:
            self._one.given_up(orphan, max(at_ms, oldest_ms))

    def _plain(self, columns: Columns) -> None:
        number = self._routes.number
        routes = np.array([m.route or number(m, v[1]) for m, v in columns.revisions], np.int64)
        windows = np.maximum(columns.times_ms, columns.said_ms - KEEP_MS) // WINDOW_MS
        first = int(windows.min())
        width = int(windows.max()) - first + 1
        groups, keys = _compress(routes * width + (windows - first))
        totals = [self._totals_of(int(key % width) + first, self._routes.names[key // width]) for key in keys.tolist()]
        found = [
            self._submits(columns, groups, windows, totals),
            *self._answers(columns, groups, totals),
            *self._reports(columns, groups, totals),
        ]
        which, numbers = np.unique(np.concatenate(found), return_counts=True)
        for place, more in zip(which.tolist(), numbers.tolist(), strict=True):
            counts = totals[place // t.MEASURES].counts
            measure = place % t.MEASURES
            counts[measure] = counts.get(measure, 0) + more

    def _submits(self, columns: Columns, groups: Ints, windows: Ints, totals: list[Totals]) -> Ints:
        """Count submits, and hand their recipients to the totals of their windows."""
        where = np.flatnonzero((columns.sources == SUBMITS) & (columns.status == _SUBMITTED))
        if not len(where):
            return where
        events = [columns.events[i] for i in where.tolist()]
        own = groups[where]
        values = values_of([event[_RECIPIENT] for event in events])
        hashes = sketch.mix_many(values)
        for i in np.flatnonzero(hashes % np.uint64(sketch.SAMPLE) == 0).tolist():
            totals[own[i]].add_sample(events[i], int(hashes[i]))
        open_still = columns.said_ms[where] < (windows[where] + 1) * WINDOW_MS + DETAIL_MS
        open_groups, values = own[open_still], values[open_still]
        order = np.argsort(open_groups, kind="stable")
        starts = np.flatnonzero(np.diff(open_groups[order], prepend=-1))
        for group, part in zip(
            open_groups[order][starts].tolist(), np.split(values[order], starts[1:]) if len(starts) else [], strict=True
        ):
            totals[group].add_recipients(part)
        return own * t.MEASURES + t.SUBMITS

    def _answers(self, columns: Columns, groups: Ints, totals: list[Totals]) -> list[Ints]:
        """Count first answers that are OK; what else there is, one by one."""
        where = np.flatnonzero(columns.sources == ANSWERS)
        if not len(where):
            return []
        verdicts = [columns.revisions[i][1] for i in where.tolist()]
        first = np.array([v[_VERSION] for v in verdicts], np.int64) == _FIRST_TWO
        plain = first & (columns.status[where] == _ACCEPTED)
        for i in np.flatnonzero(~plain).tolist():
            at = int(where[i])
            self._one.answer(totals[groups[at]], columns.events[at], verdicts[i].submit, bool(first[i]))
        where = where[plain]
        latency = columns.times_ms[where] - _submitted_at(columns, where)
        return [groups[where] * t.MEASURES + t.RESPONSES_OK, _histogram(groups[where], t.RESPONSE_LATENCY, latency)]

    def _reports(self, columns: Columns, groups: Ints, totals: list[Totals]) -> list[Ints]:
        """Count reports that settled their message; what else there is, one by one."""
        where = np.flatnonzero(columns.sources == REPORTS)
        if not len(where):
            return []
        final = columns.status[where] >= _FIRST_FINAL
        failed = columns.status[where] == _CODE[words.FAILED]
        unknown = np.array([columns.revisions[i][1][_UNKNOWN] for i in where.tolist()])
        for i in np.flatnonzero(~final | unknown).tolist():
            at = int(where[i])
            self._one.report(totals[groups[at]], columns.events[at], columns.revisions[at][1].submit)
        for at in where[failed].tolist():
            totals[groups[at]].add_failure(columns.revisions[at][1].reason)
        where = where[final]
        latency = columns.times_ms[where] - _submitted_at(columns, where)
        return [
            groups[where] * t.MEASURES + _MEASURE_OF[columns.status[where]],
            _histogram(groups[where], t.RECEIPT_LATENCY, latency),
        ]


def _columns(delta: Delta, event_places: Ints, positions: Ints) -> Columns:
    """Make columns of the events at these places and the revisions at these positions, which belong together."""
    noted, revisions = delta.noted, delta.revisions
    said = np.array(delta.said_ms, np.int64)
    sources, times = np.array(noted.sources, np.int64), np.array(noted.times_ms, np.int64)
    events = noted.events
    if len(positions) < len(revisions):
        revisions = [revisions[i] for i in positions.tolist()]
        said = said[positions]
    if len(event_places) < len(events):
        events = [events[i] for i in event_places.tolist()]
        sources, times = sources[event_places], times[event_places]
    status = np.array([_CODE[v[_STATUS]] for _, v in revisions], np.int64)
    return Columns(events, revisions, sources, times, said, status)


def _submitted_at(columns: Columns, where: Ints) -> Ints:
    return np.array([columns.revisions[i][1][_SUBMITTED_AT] for i in where.tolist()], np.int64)


def _histogram(groups: Ints, first: int, latency_ms: Ints) -> Ints:
    bucket = np.minimum(np.searchsorted(_BOUNDS, latency_ms), len(_BOUNDS) - 1)
    return groups * t.MEASURES + first + bucket


def _compress(keys: Ints) -> tuple[Ints, Ints]:
    """Number the distinct keys from 0; return the number of each key, and the keys by number."""
    highest = int(keys.max())
    if highest >= _MOST_DENSE:
        distinct, numbers = np.unique(keys, return_inverse=True)
        return numbers.astype(np.int64), distinct
    distinct = np.flatnonzero(np.bincount(keys, minlength=highest + 1))
    places = np.zeros(highest + 1, np.int64)
    places[distinct] = np.arange(len(distinct))
    return places[keys], distinct
