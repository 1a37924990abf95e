"""The newest windows of one scope, as running totals: any span's sum is one subtraction."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from streams.detectors.awaited import Floats

SPANS = (1, 2, 3, 6, 12, 30, 180)
"""How many windows a measurement may cover: 10, 20, 30 s, 1, 2, 5 and 30 minutes."""

RING = 86
"""Windows that are kept one by one: as many as what is awaited in a minute that is learned late depends on."""

MINUTES = 31
MINUTE_WINDOWS = 6
_NOW = np.array([1, 2, 3, 6, 12, 30])


class Ring:
    """Running totals of the last fourteen minutes by window, and of the last thirty by minute.

    Windows are numbered by window_start_ms // window length. `last` is the newest one that was added.
    """

    def __init__(self, width: int, last: int) -> None:
        """Begin behind window `last`, with rows of `width` numbers."""
        self.last = last
        self.windows = np.zeros((RING, width))
        self.minutes = np.zeros((MINUTES, width))

    def add(self, row: Floats | None) -> None:
        """Add the row of the next window (None: nothing happened)."""
        before = self.windows[self.last % RING]
        self.last += 1
        self.windows[self.last % RING] = before if row is None else before + row
        if (self.last + 1) % MINUTE_WINDOWS == 0:
            self.minutes[(self.last + 1) // MINUTE_WINDOWS % MINUTES] = self.windows[self.last % RING]

    def mend(self, number: int, change: Floats) -> None:
        """Add what came late to window `number` and to every total since."""
        for later in range(max(number, self.last - RING + 1), self.last + 1):
            self.windows[later % RING, : len(change)] += change
        first_minute = number // MINUTE_WINDOWS + 1
        for minute in range(first_minute, (self.last + 1) // MINUTE_WINDOWS + 1):
            self.minutes[minute % MINUTES, : len(change)] += change

    def skip(self, last: int) -> None:
        """Go on behind window `last`, with nothing known of the windows before."""
        self.last = last
        self.windows[:] = 0.0
        self.minutes[:] = 0.0

    def sums(self) -> Floats:
        """Return the sums over `SPANS`, one row each."""
        now = self.windows[self.last % RING]
        spans = now - self.windows[(self.last - _NOW) % RING]
        long = now - self.minutes[((self.last + 1) // MINUTE_WINDOWS - (MINUTES - 1)) % MINUTES]
        return np.concatenate((spans, long[None, :]))

    def minute(self, minute: int) -> Floats:
        """Return the sum of a whole minute that is over, by number (start // 60 s)."""
        done: Floats = self.minutes[(minute + 1) % MINUTES] - self.minutes[minute % MINUTES]
        return done

    def column(self, column: int, count: int, ago: int = 0) -> Floats:
        """Return one number of the newest `count` windows, the newest first; `ago`: without the newest so many."""
        totals = self.windows[(self.last - ago - np.arange(count + 1)) % RING, column]
        each: Floats = totals[:-1] - totals[1:]
        return each

    def row(self, number: int) -> Floats:
        """Return the row of one of the newest windows."""
        row: Floats = self.windows[number % RING] - self.windows[(number - 1) % RING]
        return row

    def quiet(self) -> bool:
        """Tell whether nothing has happened for half an hour."""
        oldest = self.minutes[((self.last + 1) // MINUTE_WINDOWS + 1) % MINUTES]
        return bool((self.windows[self.last % RING] == oldest).all())

    def dump(self) -> tuple[int, int, bytes]:
        """Return it as plain values."""
        data = np.concatenate((self.windows, self.minutes)).T
        return self.last, self.windows.shape[1], zlib.compress(np.ascontiguousarray(data).tobytes(), 1)

    @classmethod
    def load(cls, dumped: Any) -> Ring:
        """Make it again from what `dump` gave."""
        last, width, packed = dumped
        ring = cls(width, last)
        data = np.frombuffer(zlib.decompress(packed)).reshape(width, RING + MINUTES).T
        ring.windows, ring.minutes = data[:RING].copy(), data[RING:].copy()
        return ring
