"""Bounds: so many requests a second, told by a clock that only goes forward."""

from __future__ import annotations


class Bucket:
    """A token bucket: `rate` a second, and a burst of one second's worth."""

    def __init__(self, rate: float) -> None:
        """Start full."""
        self._rate = rate
        self._most = max(rate, 1.0)
        self._tokens = self._most
        self._then_s = 0.0

    def take(self, now_s: float) -> bool:
        """Take one token; False where there is none. `now_s` is a monotonic time."""
        if self._then_s:
            self._tokens = min(self._most, self._tokens + (now_s - self._then_s) * self._rate)
        self._then_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
