"""Where the totals are, and the way from a route and a time to those that count there.

A lane remembers the totals that its route counted in last, and a message remembers its lane.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streams.correlator.message import Message
from streams.correlator.recipients import value_of, values_of
from streams.correlator.totals import DETAIL_MS, KEEP_MS, SUBMITS, Lane, Route, Totals, is_marketing
from streams.events import Submit
from streams.health import sketch
from streams.health.heartbeat import WINDOW_MS


def route_of(submit: Submit) -> Route:
    """Return the route that a submit went (by position: this is on the hot path)."""
    return submit[0], submit[5], submit[9], submit[10]


if [Submit._fields[place] for place in (0, 5, 9, 10)] != ["account", "provider", "country", "traffic_type"]:
    raise AssertionError("the fields of sms.submit have changed: mend this module")


class Lanes:
    """All routes that have been seen, and their totals: by route in the lanes, and all of a window (from 1970).

    ``open`` are the windows of which recipients are kept.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.windows: dict[int, list[Totals]] = {}
        self.open: set[int] = set()
        self._touched: list[Totals] = []
        self._lanes: dict[Route, Lane] = {}
        self._used: list[Lane] = []

    def of(self, route: Route) -> Lane:
        """Return the lane of a route."""
        lane = self._lanes.get(route)
        if lane is None:
            lane = self._lanes[route] = Lane(route)
        return lane

    def of_message(self, message: Message, submit: Submit, at_ms: int, said_ms: int) -> Lane:
        """Return the lane of a message, ready to count what is dated `at_ms` and was said at stream time `said_ms`.

        A message that has none yet gets that of the submit.
        """
        lane = message.lane
        if lane is None:
            lane = message.lane = self.of(route_of(submit))
        oldest_ms = said_ms - KEEP_MS
        if at_ms < oldest_ms:
            at_ms = oldest_ms
        if at_ms < lane.start_ms or at_ms >= lane.end_ms:
            self._move(lane, at_ms)
        return lane

    def of_route(self, route: Route, at_ms: int, said_ms: int) -> Lane:
        """Return the lane of a route, as `of_message`."""
        lane = self.of(route)
        at_ms = max(at_ms, said_ms - KEEP_MS)
        if not lane.start_ms <= at_ms < lane.end_ms:
            self._move(lane, at_ms)
        return lane

    def _move(self, lane: Lane, at_ms: int) -> None:
        window = at_ms // WINDOW_MS
        if lane.start_ms == lane.end_ms:
            self._used.append(lane)
        else:
            lane.flush()
        lane.start_ms = window * WINDOW_MS
        lane.end_ms = lane.start_ms + WINDOW_MS
        lane.totals = self.totals(window, lane)
        if not lane.totals.touched:
            lane.totals.touched = True
            self._touched.append(lane.totals)

    def totals(self, window: int, lane: Lane) -> Totals:
        """Return the totals of a window, new ones where there were none."""
        totals = lane.windows.get(window)
        if totals is None:
            totals = lane.windows[window] = Totals(window, lane.route)
            others = self.windows.get(window)
            if others is None:
                others = self.windows[window] = []
            others.append(totals)
            self.open.add(window)
        return totals

    def forget(self, window: int) -> list[Totals]:
        """Forget a window; return what it had."""
        self.open.discard(window)
        gone = self.windows.pop(window)
        for totals in gone:
            del self._lanes[totals.route].windows[window]
        return gone

    def end_step(self) -> list[Totals]:
        """Return what has changed in this step; the next one asks again."""
        for lane in self._used:
            lane.flush()
            lane.start_ms = lane.end_ms = 0
        self._used = []
        touched, self._touched = self._touched, []
        take_recipients(touched)
        return touched


def count_submit(lane: Lane, submit: tuple[Any, ...], said_ms: int) -> None:
    """Count a submit that was handed over, and its recipient (fields by position: this is on the hot path)."""
    if said_ms < lane.end_ms + DETAIL_MS:
        lane.submits.append(submit)
        return
    lane.log.append(SUBMITS)
    if lane.marketing:  # too late for the sketches; a sample is exact
        lane.totals.add_sample(submit[6], sketch.mix(value_of(submit[8])))


def take_recipients(totals: list[Totals]) -> None:
    """Make values of the recipients that a step brought, all of them at once; count those that are in the sample."""
    having = [one for one in totals if one.submits]
    if not having:
        return
    values = values_of([submit[8] for one in having for submit in one.submits])
    hashes = sketch.mix_many(values)
    sampled: list[int] = np.flatnonzero(hashes & np.uint64(sketch.SAMPLE - 1) == 0).tolist()
    place = start = 0
    for one in having:
        end = start + len(one.submits)
        one.add_recipients(values[start:end])
        marketing = is_marketing(one.route)
        while place < len(sampled) and sampled[place] < end:
            if marketing:
                one.add_sample(one.submits[sampled[place] - start][6], int(hashes[sampled[place]]))
            place += 1
        one.submits = []
        start = end
