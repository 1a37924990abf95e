"""The way from a route and a time to where that route notes what happened.

A lane remembers the window that its route noted in last, and a message remembers its lane.
"""

from __future__ import annotations

from typing import Any, Final

from streams.correlator.message import Message
from streams.correlator.notes import Change, Lane, Notes, Route
from streams.events import Submit
from streams.health.heartbeat import WINDOW_MS

KEEP_MS: Final = 10 * 60_000
"""How far behind stream time an event may be dated and still count in its own window; older ones count there."""


def route_of(submit: tuple[Any, ...]) -> Route:
    """Return the route that a submit went (by position: this is on the hot path)."""
    return submit[0], submit[5], submit[9], submit[10]


if [Submit._fields[place] for place in (0, 5, 9, 10)] != ["account", "provider", "country", "traffic_type"]:
    raise AssertionError("the fields of sms.submit have changed: mend this module")


class Lanes:
    """All routes that have been seen, and what the step that is going on has noted, by window."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lanes: dict[Route, Lane] = {}
        self._used: list[Lane] = []
        self._notes: dict[int, Notes] = {}

    def of_message(self, message: Message, submit: Submit, at_ms: int, said_ms: int) -> Lane:
        """Return the lane of a message, ready to note what is dated `at_ms` and was said at stream time `said_ms`.

        A message that has none yet gets that of the submit.
        """
        lane = message.lane
        if lane is None:
            lane = message.lane = self._of(route_of(submit))
        oldest_ms = said_ms - KEEP_MS
        if at_ms < oldest_ms:
            at_ms = oldest_ms
        if at_ms < lane.start_ms or at_ms >= lane.end_ms:
            self._move(lane, at_ms)
        return lane

    def of_route(self, route: Route, at_ms: int, said_ms: int) -> Lane:
        """Return the lane of a route, as `of_message`; it stays there until the lane is asked for again."""
        lane = self._of(route)
        at_ms = max(at_ms, said_ms - KEEP_MS)
        if not lane.start_ms <= at_ms < lane.end_ms:
            self._move(lane, at_ms)
        return lane

    def _of(self, route: Route) -> Lane:
        lane = self._lanes.get(route)
        if lane is None:
            lane = self._lanes[route] = Lane(route)
        return lane

    def _move(self, lane: Lane, at_ms: int) -> None:
        if lane.start_ms == lane.end_ms:
            self._used.append(lane)
        else:
            lane.flush()
        window = at_ms // WINDOW_MS
        lane.start_ms = window * WINDOW_MS
        lane.end_ms = lane.start_ms + WINDOW_MS
        notes = self._notes.get(window)
        if notes is None:
            notes = self._notes[window] = Notes()
        lane.notes = notes

    def end_step(self, now_ms: int) -> list[Change]:
        """Return what this step has noted, by window; it ends at stream time `now_ms`."""
        for lane in self._used:
            lane.flush()
            lane.start_ms = lane.end_ms = 0
        self._used = []
        noted, self._notes = self._notes, {}
        return [notes.change(window, now_ms) for window, notes in noted.items() if notes.lanes]
