"""From a route and a time to the totals that count there.

Events come nearly in the order of their times, so a route counts in the same window again and again: its lane
remembers the totals it counted in last, and messages remember the number of their lane.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import numpy as np

from streams.correlator.message import Message
from streams.correlator.recipients import value_of, values_of
from streams.correlator.totals import DETAIL_MS, KEEP_MS, SUBMITS, Route, Totals
from streams.events import Submit
from streams.health import sketch
from streams.health.heartbeat import WINDOW_MS
from streams.health.sketch import UInts

TotalsOf = Callable[[int, Route], Totals]
"""From a window (from 1970) and a route: the totals, which are about to change."""

_NOWHERE: Route = ("", "", "", "unknown")
_MARKETING: Final = "marketing"
_NONE: Final = -(1 << 40)
_RECIPIENT, _CAMPAIGN = Submit._fields.index("recipient"), Submit._fields.index("campaign")

_route: Callable[[Submit], Route] = itemgetter(
    *map(Submit._fields.index, ("account", "provider", "country", "traffic_type"))
)


def route_of(submit: Submit) -> Route:
    """Return the route that a submit went."""
    return _route(submit)


class Lane:
    """A route, and the totals in which it counted last in this step (``window`` is below all others before that)."""

    __slots__ = ("marketing", "route", "totals", "window")

    def __init__(self, route: Route) -> None:
        """Begin with none."""
        self.route = route
        self.marketing = route[3] == _MARKETING
        self.window = _NONE
        self.totals = Totals(_NONE, route)


class Lanes:
    """All routes, by number from 1 on."""

    def __init__(self, totals_of: TotalsOf) -> None:
        """Ask `totals_of` for totals, once a step."""
        self._totals_of = totals_of
        self._lanes: list[Lane] = [Lane(_NOWHERE)]
        self._numbers: dict[Route, int] = {}
        self._used: list[Lane] = []

    def number_of(self, route: Route) -> int:
        """Return the number of a route."""
        number = self._numbers.get(route)
        if number is None:
            number = self._numbers[route] = len(self._lanes)
            self._lanes.append(Lane(route))
        return number

    def of_message(self, message: Message, submit: Submit, at_ms: int, said_ms: int) -> Lane:
        """Return the lane of a message, ready to count what is dated `at_ms` and was said at stream time `said_ms`.

        A message that has none yet gets that of the submit.
        """
        number = message.route
        if not number:
            number = message.route = self.number_of(_route(submit))
        return self._ready(number, at_ms, said_ms)

    def of_route(self, route: Route, at_ms: int, said_ms: int) -> Lane:
        """Return the lane of a route, as `of_message`."""
        return self._ready(self.number_of(route), at_ms, said_ms)

    def _ready(self, number: int, at_ms: int, said_ms: int) -> Lane:
        lane = self._lanes[number]
        oldest_ms = said_ms - KEEP_MS
        window = (at_ms if at_ms > oldest_ms else oldest_ms) // WINDOW_MS
        if window != lane.window:
            if lane.window == _NONE:
                self._used.append(lane)
            lane.window = window
            lane.totals = self._totals_of(window, lane.route)
        return lane

    def end_step(self) -> None:
        """Forget what was counted in: the next step asks again."""
        for lane in self._used:
            lane.window = _NONE
        self._used = []


def count_submit(lane: Lane, submit: Any, said_ms: int) -> None:
    """Count a submit that was handed over, and its recipient."""
    totals = lane.totals
    totals.counts[SUBMITS] += 1
    if said_ms < (lane.window + 1) * WINDOW_MS + DETAIL_MS:
        totals.numbers.append(submit[_RECIPIENT])
        if lane.marketing:
            totals.campaigns.append(submit[_CAMPAIGN])
    elif lane.marketing:  # too late for the sketches; a sample is exact
        totals.add_sample(submit.campaign, sketch.mix(value_of(submit.recipient)))


def take_numbers(totals: list[Totals]) -> None:
    """Make values of the recipients that a step brought, all of them at once; count those that are in the sample."""
    having = [one for one in totals if one.numbers]
    if not having:
        return
    values = values_of(list(chain.from_iterable([one.numbers for one in having])))
    hashes = sketch.mix_many(values)
    start = 0
    for one in having:
        end = start + len(one.numbers)
        one.add_recipients(values[start:end])
        if one.campaigns:
            _sample(one, hashes[start:end])
        one.numbers, one.campaigns = [], []
        start = end


def _sample(totals: Totals, hashes: UInts) -> None:
    for place in np.flatnonzero(hashes % np.uint64(sketch.SAMPLE) == 0).tolist():
        totals.add_sample(totals.campaigns[place], int(hashes[place]))
