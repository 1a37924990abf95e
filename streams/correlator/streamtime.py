"""Stream time: how far event time has got on a partition (design: "Time").

It is the smallest over the inputs of the newest event time seen there. An input that was read to its end does
not hold it back; when all were, wall clock may move it (`advance`). It never goes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

SUBMITS: Final = 0
ANSWERS: Final = 1
REPORTS: Final = 2
INPUTS: Final = 3

UNKNOWN_TIME: Final = 0
"""Stream time before every input that is not at its end has shown an event."""


class StreamTime:
    """Stream time of one partition. All times are epoch milliseconds UTC."""

    __slots__ = ("at_end", "newest", "now_ms")

    def __init__(self, inputs: int = INPUTS) -> None:
        """Start before the first event of any of `inputs` inputs."""
        self.newest = [UNKNOWN_TIME] * inputs
        self.at_end = [False] * inputs
        self.now_ms = UNKNOWN_TIME

    def see(self, sources: Sequence[int], times_ms: Sequence[int]) -> tuple[list[int], list[int]]:
        """Take in the times of a batch of events, by input.

        Returns the stream time after each of them, and the time from which keeping is counted then: stream time, or
        while that is unknown the newest event time seen.
        """
        if not times_ms:
            return [], []
        which, times = np.array(sources, np.int8), np.array(times_ms, np.int64)
        newest = [np.maximum.accumulate(np.where(which == s, times, n)) for s, n in enumerate(self.newest)]
        newest = [np.maximum(seen, n) for seen, n in zip(newest, self.newest, strict=True)]
        self.newest = [int(seen[-1]) for seen in newest]
        held = [seen for seen, end in zip(newest, self.at_end, strict=True) if not end]
        if not held:
            now = [self.now_ms] * len(times_ms)
        else:
            now = np.maximum(np.maximum.accumulate(np.minimum.reduce(held)), self.now_ms).tolist()
            self.now_ms = now[-1]
        if now[0] != UNKNOWN_TIME:
            return now, now
        return now, np.where(np.array(now) != UNKNOWN_TIME, now, np.maximum.reduce(newest)).tolist()

    def ended(self, source: int, at_end: bool) -> None:
        """Note whether an input has been read to its end; that alone does not move time."""
        self.at_end[source] = at_end

    def advance(self, to_ms: int) -> int:
        """Move stream time forward, never back, and return it."""
        self.now_ms = max(self.now_ms, to_ms)
        return self.now_ms
