"""What a step did, counted by route and window.

In the plain course (`streams.correlator.noted`) no event is looked at alone: columns are made of the events and their
revisions, and numpy counts. What was special is counted one by one, in `streams.correlator.counting_one`.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.correlator import totals as t
from streams.correlator import verdict as words
from streams.correlator.counting_one import Groups, OneByOne, TotalsOf, route_of
from streams.correlator.message import Message
from streams.correlator.recipients import values_of
from streams.correlator.step import Delta
from streams.correlator.streamtime import ANSWERS, REPORTS, SUBMITS
from streams.correlator.timeouts import Rules
from streams.correlator.totals import DETAIL_MS, KEEP_MS, Route
from streams.correlator.verdict import Verdict
from streams.events import Submit
from streams.health import buckets, sketch
from streams.health.heartbeat import WINDOW_MS
from streams.health.sketch import UInts

Ints = npt.NDArray[np.int64]

_FIRST_TWO = 512
"""The version of a message of which one submit and one answer are known."""
_FIRST: Any = itemgetter(0)
_SECOND: Any = itemgetter(1)
_get_route: Any = attrgetter("route")
_get_status: Any = itemgetter(Verdict._fields.index("status"))
_get_submitted_at: Any = itemgetter(Verdict._fields.index("submitted_at_ms"))
_get_version: Any = itemgetter(Verdict._fields.index("version"))
_get_unknown: Any = itemgetter(Verdict._fields.index("unknown_code"))
_RECIPIENT = Submit._fields.index("recipient")

_CODE = {status: number for number, status in enumerate((*words.OPEN_ORDER, words.EXCLUDED, *t.FINAL))}
_SUBMITTED, _ACCEPTED = _CODE[words.SUBMITTED], _CODE[words.ACCEPTED]
_FIRST_FINAL, _FAILED = _CODE[words.DELIVERED], _CODE[words.FAILED]
_MEASURE_OF = np.array([t.FINAL.get(status, -1) for status in _CODE], np.int64)
_BOUNDS = np.array(buckets.BOUNDS, np.int64)
_MOST_DENSE = 1 << 17


class Routes:
    """Routes by number, from 1 on; a message remembers the number of its first one."""

    def __init__(self) -> None:
        """Start with none."""
        self.names: list[Route] = [("", "", "", "unknown")]
        self._numbers: dict[Route, int] = {}

    def number(self, route: Route) -> int:
        """Return the number of a route."""
        found = self._numbers.get(route)
        if found is None:
            found = self._numbers[route] = len(self.names)
            self.names.append(route)
        return found

    def of(self, messages: list[Message], verdicts: list[Verdict]) -> Ints:
        """Return the numbers of messages' routes; those that have none yet get that of their verdict's submit."""
        numbers: list[int] = list(map(_get_route, messages))
        fresh = [place for place, number in enumerate(numbers) if not number]
        known = self._numbers.get
        for place, route in zip(fresh, map(route_of, [verdicts[place].submit for place in fresh]), strict=True):
            numbers[place] = messages[place].route = known(route) or self.number(route)
        return np.array(numbers, np.int64)


class Columns(NamedTuple):
    """The plain events of a step, each with its message and verdict: one entry each, in every column."""

    events: list[Any]
    messages: list[Message]
    verdicts: list[Verdict]
    sources: Ints
    times_ms: Ints
    said_ms: Ints
    status: Ints


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
        found: list[Ints] = []
        if noted.events:
            rest = one.events_of(delta)
            if len(rest.plain[0]):
                found = Plain(_columns(delta, *rest.plain), groups, one, self._routes).count()
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
        places = np.concatenate([*found, np.array(groups.places, np.int64)])
        counts = np.bincount(places, minlength=len(groups.totals) * t.MEASURES).reshape(-1, t.MEASURES)
        for totals, row in zip(groups.totals, counts, strict=True):
            totals.counts += row


class Plain:
    """The plain events of one step."""

    def __init__(self, columns: Columns, groups: Groups, one: OneByOne, routes: Routes) -> None:
        """Find out which window and route each of them counts in."""
        own = routes.of(columns.messages, columns.verdicts)
        self._windows = np.maximum(columns.times_ms, columns.said_ms - KEEP_MS) // WINDOW_MS
        first = int(self._windows.min())
        width = int(self._windows.max()) - first + 1
        numbers, keys = _compress(own * width + (self._windows - first))
        known = [groups.number(key % width + first, routes.names[key // width]) for key in keys.tolist()]
        self._groups = np.array(known, np.int64)[numbers]
        self._totals = groups.totals
        self._columns = columns
        self._one = one

    def count(self) -> list[Ints]:
        """Return the places of what is counted, once for each time."""
        return [*self._submits(), *self._answers(), *self._reports()]

    def _submits(self) -> list[Ints]:
        """Count submits, and hand their recipients to the totals of their windows."""
        columns, totals = self._columns, self._totals
        where = np.flatnonzero((columns.sources == SUBMITS) & (columns.status == _SUBMITTED))
        if not len(where):
            return []
        events = [columns.events[i] for i in where.tolist()]
        own = self._groups[where]
        values = values_of([event[_RECIPIENT] for event in events])
        hashes = sketch.mix_many(values)
        for i in np.flatnonzero(hashes % np.uint64(sketch.SAMPLE) == 0).tolist():
            totals[own[i]].add_sample(events[i], int(hashes[i]))
        open_still = columns.said_ms[where] < (self._windows[where] + 1) * WINDOW_MS + DETAIL_MS
        for group, part in _split(own[open_still], values[open_still]):
            totals[group].add_recipients(part)
        return [own * t.MEASURES + t.SUBMITS]

    def _answers(self) -> list[Ints]:
        """Count first answers that are OK; what else there is, one by one."""
        columns, groups = self._columns, self._groups
        where = np.flatnonzero(columns.sources == ANSWERS)
        if not len(where):
            return []
        verdicts = [columns.verdicts[i] for i in where.tolist()]
        first = np.array([*map(_get_version, verdicts)], np.int64) == _FIRST_TWO
        plain = first & (columns.status[where] == _ACCEPTED)
        for i in np.flatnonzero(~plain).tolist():
            at = int(where[i])
            self._one.answer(int(groups[at]), columns.events[at], verdicts[i].submit, bool(first[i]))
        submitted = np.array([*map(_get_submitted_at, verdicts)], np.int64)[plain]
        where = where[plain]
        latency = columns.times_ms[where] - submitted
        return [groups[where] * t.MEASURES + t.RESPONSES_OK, _histogram(groups[where], t.RESPONSE_LATENCY, latency)]

    def _reports(self) -> list[Ints]:
        """Count reports that settled their message; what else there is, one by one."""
        columns, groups = self._columns, self._groups
        where = np.flatnonzero(columns.sources == REPORTS)
        if not len(where):
            return []
        verdicts = [columns.verdicts[i] for i in where.tolist()]
        status = columns.status[where]
        final = status >= _FIRST_FINAL
        unknown = np.array([*map(_get_unknown, verdicts)], bool)
        for i in np.flatnonzero(~final | unknown).tolist():
            at = int(where[i])
            self._one.report(int(groups[at]), columns.events[at], verdicts[i].submit)
        for i in np.flatnonzero(status == _FAILED).tolist():
            self._totals[groups[where[i]]].add_failure(verdicts[i].reason)
        submitted = np.array([*map(_get_submitted_at, verdicts)], np.int64)[final]
        where, status = where[final], status[final]
        latency = columns.times_ms[where] - submitted
        return [
            groups[where] * t.MEASURES + _MEASURE_OF[status],
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
    verdicts = [*map(_SECOND, revisions)]
    status = np.array([*map(_CODE.__getitem__, map(_get_status, verdicts))], np.int64)
    return Columns(events, [*map(_FIRST, revisions)], verdicts, sources, times, said, status)


def _split(groups: Ints, values: UInts) -> Iterator[tuple[int, UInts]]:
    """Yield the values of each group."""
    order = np.argsort(groups, kind="stable")
    in_order = groups[order]
    starts = np.flatnonzero(np.diff(in_order, prepend=-1))
    if len(starts):
        yield from zip(in_order[starts].tolist(), np.split(values[order], starts[1:]), strict=True)


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
