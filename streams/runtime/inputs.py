"""The inputs of one partition, aligned in time.

While catching up, one topic is read faster than another. Events are held back until the inputs that are not at their
end have got as far, so that a message's answer is not processed hours (of event time) after its receipt timeout.
"""

from __future__ import annotations

from collections import deque
from operator import itemgetter
from typing import Any

from streams.correlator.streamtime import INPUTS
from streams.events import DeadLetter, InputEvent

Entry = tuple[int, int, InputEvent | DeadLetter]
"""Event time in milliseconds (0 for what cannot be used: it never waits), offset, what was read."""

PAUSE_AT = 20_000
RESUME_AT = 5_000
_ALL = 1 << 62
_TIME: Any = itemgetter(0)
_WHAT: Any = itemgetter(2)


class Input:
    """One topic of the partition: what was read of it and not processed yet.

    It starts paused, until the partition's state is restored.
    """

    __slots__ = ("at_end", "newest_read_ms", "next_offset", "paused", "waiting")

    def __init__(self) -> None:
        """Start with nothing read."""
        self.waiting: deque[Entry] = deque()
        self.newest_read_ms = 0
        self.at_end = False
        self.paused = True
        self.next_offset: int | None = None

    def read(self, entries: list[Entry]) -> None:
        """Take in records, in the order of their offsets."""
        self.waiting.extend(entries)
        self.newest_read_ms = max(self.newest_read_ms, max(map(_TIME, entries)))
        self.at_end = False


class Inputs:
    """The inputs of one partition."""

    def __init__(self, count: int = INPUTS) -> None:
        """Start with nothing read of any of `count` inputs."""
        self.inputs = [Input() for _ in range(count)]

    def resume(self, newest_ms: list[int]) -> None:
        """Go on, where the partition is taken over, from the newest event times seen before."""
        for source, newest in zip(self.inputs, newest_ms, strict=True):
            source.newest_read_ms = max(source.newest_read_ms, newest)

    def take(self) -> tuple[list[InputEvent], list[DeadLetter]]:
        """Remove and return what may be processed now: events in order of event time, and dead letters."""
        until = min((i.newest_read_ms for i in self.inputs if not i.at_end), default=_ALL)
        taken: list[Entry] = []
        for source in self.inputs:
            waiting = source.waiting
            if waiting and until >= source.newest_read_ms:
                taken.extend(waiting)
                source.next_offset = waiting[-1][1] + 1
                waiting.clear()
                continue
            while waiting and waiting[0][0] <= until:
                entry = waiting.popleft()
                taken.append(entry)
                source.next_offset = entry[1] + 1
        taken.sort(key=_TIME)
        found: list[Any] = list(map(_WHAT, taken))
        if DeadLetter not in set(map(type, found)):
            return found, []
        return (
            [what for what in found if not isinstance(what, DeadLetter)],
            [what for what in found if isinstance(what, DeadLetter)],
        )

    def drained(self, source: int) -> bool:
        """Tell whether an input was read to its end and all of it taken."""
        found = self.inputs[source]
        return found.at_end and not found.waiting

    def pace(self) -> tuple[list[int], list[int]]:
        """Return the inputs to be paused, which run ahead, and those to be resumed."""
        pause, resume = [], []
        for which, source in enumerate(self.inputs):
            waiting = len(source.waiting)
            if waiting > PAUSE_AT and not source.paused:
                source.paused = True
                pause.append(which)
            elif source.paused and waiting < RESUME_AT:
                source.paused = False
                resume.append(which)
        return pause, resume
