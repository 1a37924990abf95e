"""Route health of one partition: what a step did, counted by route and window (`sms.route-health`).

Everything counts once, in the window of its own event time: submits, first answers, reports, the changes of status
that reports make; timeouts in the window of their deadline. Totals are kept, and told as absolute numbers, so what is
told again replaces what was told before. A window is told when it is over by stream time, and again when something
more came (not more often than every `RETELL_MS`). It is forgotten `KEEP_MS` after its end, and what is dated earlier
than that counts at the edge, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from streams.correlator.counting import Counting
from streams.correlator.recipients import details_of
from streams.correlator.timeouts import Rules
from streams.correlator.totals import DETAIL_MS, KEEP_MS, Totals
from streams.events import RouteHealth
from streams.health.heartbeat import WINDOW_MS

RETELL_MS: Final = 5_000
"""A window that is over is told again after so much stream time at the soonest."""


class Told(NamedTuple):
    """What a source partition tells at a stream time: totals, and that it has got so far (a heartbeat).

    The totals are those that are counted in: they must be written before the partition's next step.
    """

    source_partition: int
    stream_time_ms: int
    totals: Sequence[Totals]
    heartbeat: bool

    def records(self) -> list[RouteHealth]:
        """Return the totals as records."""
        return [totals.record(self.source_partition, self.stream_time_ms) for totals in self.totals]


class Health:
    """The totals of one source partition; ``counting`` is told by `streams.correlator.step` what happens."""

    def __init__(self, partition: int, rules: Rules) -> None:
        """Start with nothing counted."""
        self._partition = partition
        self.counting = Counting(rules)
        self._lanes = self.counting.lanes
        self._changed: list[Totals] = []
        self._untold: dict[int, list[Totals]] = {}
        self._told_ms: dict[int, int] = {}
        self._beat = 0

    # ---- counting ----------------------------------------------------------------------------------------------

    def end_step(self, now_ms: int) -> None:
        """A step has moved stream time to `now_ms`: note what it changed, and close the windows that are over.

        Closing is no change to be logged: restored from what was logged before, a window is open and closes again.
        """
        lanes = self._lanes
        for totals in lanes.end_step():
            totals.touched = False
            totals.changed_ms = now_ms
            self._note_changed(totals)
            if not totals.untold:
                totals.untold = True
                self._untold.setdefault(totals.window, []).append(totals)
        over = [w for w in lanes.open if (w + 1) * WINDOW_MS + DETAIL_MS <= now_ms]
        _detail([totals for window in over for totals in lanes.windows[window]])
        for window in over:
            lanes.open.discard(window)
            for totals in lanes.windows[window]:
                totals.close()

    def _note_changed(self, totals: Totals) -> None:
        if not totals.changed:
            totals.changed = True
            self._changed.append(totals)

    # ---- telling -----------------------------------------------------------------------------------------------

    def tell(self, now_ms: int) -> Told | None:
        """Return what is to be told at stream time `now_ms`, if anything, and forget what is over for good.

        Once a window there is a heartbeat.
        """
        due = [w for w in self._untold if self._is_due(w, now_ms)]
        due.sort()
        chosen = [totals for window in due for totals in self._untold.pop(window)]
        _detail(chosen)
        for totals in chosen:
            totals.untold = False
        for window in due:
            self._told_ms[window] = now_ms
        for window in self._gone(now_ms):
            for totals in self._lanes.forget(window):
                totals.changed = False  # the changelog forgets it too
            self._told_ms.pop(window, None)
        beats = now_ms // WINDOW_MS > self._beat
        if beats:
            self._beat = now_ms // WINDOW_MS
        return Told(self._partition, now_ms, chosen, beats) if chosen or beats else None

    def heartbeat(self, now_ms: int) -> Told:
        """Return what says how far this partition has got."""
        return Told(self._partition, now_ms, [], True)

    def _gone(self, now_ms: int) -> list[int]:
        """Return the windows that are over for good."""
        return [window for window in self._lanes.windows if (window + 1) * WINDOW_MS + KEEP_MS <= now_ms]

    def _is_due(self, window: int, now_ms: int) -> bool:
        end_ms = (window + 1) * WINDOW_MS
        last_ms = self._told_ms.get(window)
        return end_ms <= now_ms and (last_ms is None or last_ms + RETELL_MS <= now_ms or end_ms + KEEP_MS <= now_ms)

    # ---- state -------------------------------------------------------------------------------------------------

    def changes(self) -> list[tuple[int, Any]]:
        """Return what changed since the last time: until when (stream time) it matters, and the packed totals."""
        changed, self._changed = self._changed, []
        packed: list[tuple[int, Any]] = []
        for totals in changed:
            if totals.changed:
                totals.changed = False
                until_ms = (totals.window + 1) * WINDOW_MS + KEEP_MS
                packed.append((until_ms, (totals.window, totals.route, totals.pack())))
        return packed

    def restore(self, change: Any) -> None:
        """Take in what `changes` gave; in the same order."""
        window, route, packed = change
        self._lanes.totals(window, self._lanes.of(tuple(route))).unpack(packed)

    def restored(self, now_ms: int) -> None:
        """Go on at stream time `now_ms`: what may not have been told yet is told (again)."""
        lanes = self._lanes
        for window in self._gone(now_ms):
            lanes.forget(window)
        for window, routes in lanes.windows.items():
            if all(totals.recipients is None for totals in routes):
                lanes.open.discard(window)
            since_ms = now_ms - RETELL_MS if (window + 1) * WINDOW_MS <= now_ms else 0
            untold = [totals for totals in routes if totals.changed_ms >= since_ms]
            for totals in untold:
                totals.untold = True
            if untold:
                self._untold[window] = untold
        self._beat = now_ms // WINDOW_MS - 1

    def everything(self) -> list[Any]:
        """Return all totals as `changes` would, for a checkpoint. Nothing may be counted afterwards."""
        for routes in self._lanes.windows.values():
            for totals in routes:
                totals.fresh = totals.recipients or []
                self._note_changed(totals)
        return [change for _, change in self.changes()]


def _detail(totals: list[Totals]) -> None:
    """Work out what is said of the recipients, where they changed."""
    stale = [one for one in totals if one.details is None]
    values = [one.recipients for one in stale if one.recipients is not None]
    if values:
        for one, details in zip(stale, details_of(values), strict=True):
            one.details = details
