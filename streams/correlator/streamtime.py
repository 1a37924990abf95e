"""Stream time: how far event time has got on a partition (design: "Time").

It is the smallest over the inputs of the newest event time seen there. An input that was read to its end does
not hold it back; when all were, wall clock may move it (`advance`). It never goes back.
"""

from __future__ import annotations

SUBMITS, ANSWERS, REPORTS = 0, 1, 2
INPUTS = 3

UNKNOWN_TIME = 0
"""Stream time before every input that is not at its end has shown an event."""


class StreamTime:
    """Stream time of one partition. All times are epoch milliseconds UTC."""

    __slots__ = ("at_end", "newest", "now_ms")

    def __init__(self) -> None:
        """Start before the first event."""
        self.newest = [UNKNOWN_TIME] * INPUTS
        self.at_end = [False] * INPUTS
        self.now_ms = UNKNOWN_TIME

    def see(self, source: int, event_ms: int) -> int:
        """Take in the time of an event and return the stream time now."""
        newest = self.newest
        if event_ms > newest[source]:
            newest[source] = event_ms
            held = self.held_back_to()
            if held is not None and held > self.now_ms:
                self.now_ms = held
        return self.now_ms

    def held_back_to(self) -> int | None:
        """Return the smallest newest time of the inputs that are not at their end, None if all are."""
        return min((newest for newest, end in zip(self.newest, self.at_end, strict=True) if not end), default=None)

    def ended(self, source: int, at_end: bool) -> None:
        """Note whether an input has been read to its end; that alone does not move time."""
        self.at_end[source] = at_end

    def advance(self, to_ms: int) -> int:
        """Move stream time forward, never back, and return it."""
        self.now_ms = max(self.now_ms, to_ms)
        return self.now_ms

    def base_ms(self) -> int:
        """Return the time from which keeping is counted: stream time, or while unknown the newest event."""
        return self.now_ms or max(self.newest)
