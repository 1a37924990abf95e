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
from streams.correlator.lanes import KEEP_MS
from streams.correlator.notes import DETAIL_MS, Change
from streams.correlator.timeouts import Rules
from streams.correlator.totals import Totals
from streams.correlator.window import Window
from streams.events import RouteHealth
from streams.health.heartbeat import WINDOW_MS

RETELL_MS: Final = 5_000
"""A window that is over is told again after so much stream time at the soonest."""


class Told(NamedTuple):
    """What a source partition tells at a stream time: totals, and that it has got so far (a heartbeat)."""

    source_partition: int
    stream_time_ms: int
    totals: Sequence[Totals]
    heartbeat: bool

    def records(self) -> list[RouteHealth]:
        """Return the totals as records."""
        return [totals.record(self.source_partition, self.stream_time_ms) for totals in self.totals]


class Health:
    """The windows of one source partition; ``counting`` is told by `streams.correlator.step` what happens."""

    def __init__(self, partition: int, rules: Rules) -> None:
        """Start with nothing counted."""
        self._partition = partition
        self.counting = Counting(rules)
        self._windows: dict[int, Window] = {}
        self._open: set[int] = set()
        self._untold: set[int] = set()
        self._changes: list[Change] = []
        self._told_ms: dict[int, int] = {}
        self._beat = 0

    # ---- counting ----------------------------------------------------------------------------------------------

    def end_step(self, now_ms: int) -> None:
        """A step has moved stream time to `now_ms`: take in what it noted, and close the windows that are over.

        Closing is no change to be logged: restored from what was logged before, a window is open and closes again.
        """
        for change in self.counting.lanes.end_step(now_ms):
            self._changes.append(change)
            self._untold.add(change.window)
            self._add(change)
        for number in [n for n in self._open if (n + 1) * WINDOW_MS + DETAIL_MS <= now_ms]:
            self._open.discard(number)
            self._windows[number].close()

    def _add(self, change: Change) -> None:
        window = self._windows.get(change.window)
        if window is None:
            window = self._windows[change.window] = Window(change.window)
            self._open.add(change.window)
        window.add(change)

    # ---- telling -----------------------------------------------------------------------------------------------

    def tell(self, now_ms: int) -> Told | None:
        """Return what is to be told at stream time `now_ms`, if anything, and forget what is over for good.

        Once a window there is a heartbeat.
        """
        due = sorted(number for number in self._untold if self._is_due(number, now_ms))
        totals = [one for number in due for one in self._windows[number].tell()]
        self._untold.difference_update(due)
        for number in due:
            self._told_ms[number] = now_ms
        self._forget(now_ms)
        beats = now_ms // WINDOW_MS > self._beat
        if beats:
            self._beat = now_ms // WINDOW_MS
        return Told(self._partition, now_ms, totals, beats) if totals or beats else None

    def heartbeat(self, now_ms: int) -> Told:
        """Return what says how far this partition has got."""
        return Told(self._partition, now_ms, [], True)

    def _is_due(self, number: int, now_ms: int) -> bool:
        end_ms = (number + 1) * WINDOW_MS
        last_ms = self._told_ms.get(number)
        return end_ms <= now_ms and (last_ms is None or last_ms + RETELL_MS <= now_ms or end_ms + KEEP_MS <= now_ms)

    def _forget(self, now_ms: int) -> None:
        """Forget the windows that are over for good."""
        for number in [number for number in self._windows if _over_ms(number) <= now_ms]:
            del self._windows[number]
            self._open.discard(number)
            self._told_ms.pop(number, None)

    # ---- state -------------------------------------------------------------------------------------------------

    def changes(self) -> list[tuple[int, Change]]:
        """Return what has changed since the last time, and until when (stream time) it matters."""
        changes, self._changes = self._changes, []
        return [(_over_ms(change.window), change) for change in changes if change.window in self._windows]

    def restore(self, change: Change) -> None:
        """Take in what `changes` gave."""
        self._add(change)

    def restored(self, now_ms: int) -> None:
        """Go on at stream time `now_ms`: what may not have been told yet is told (again)."""
        self._forget(now_ms)
        for number, window in self._windows.items():
            window.untold = set()
            if (number + 1) * WINDOW_MS > now_ms or window.changed_ms >= now_ms - RETELL_MS:
                window.tell_all()
                self._untold.add(number)
        self._beat = now_ms // WINDOW_MS - 1

    def everything(self) -> list[Any]:
        """Return all windows, for a checkpoint."""
        return [window.pack() for window in self._windows.values()]

    def recall(self, windows: list[Any]) -> None:
        """Take back what `everything` gave."""
        for packed in windows:
            window = Window.unpack(packed)
            self._windows[window.number] = window
            if window.recipients is not None:
                self._open.add(window.number)


def _over_ms(number: int) -> int:
    """Return the stream time at which a window is over for good."""
    return (number + 1) * WINDOW_MS + KEEP_MS
