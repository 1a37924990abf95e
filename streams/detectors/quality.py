"""What is kept of one scope of a provider: its newest windows, what is usual there, and which minutes to learn from."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from streams.detectors.awaited import REACH, Floats
from streams.detectors.baseline import WEEK_HOURS
from streams.detectors.gauge import Gauge
from streams.detectors.rates import COUNTED, RATES
from streams.detectors.ring import MINUTE_WINDOWS, Ring
from streams.detectors.scopes import Scope
from streams.detectors.window import SCALARS, WINDOW_MS

MINUTE_MS = 60_000
LAG = 3
"""Minutes before a minute is learned: time for a detector to find out that it should not be."""


class Quality(Gauge):
    """One scope of a provider."""

    def __init__(self, scope: Scope, last: int) -> None:
        """Begin behind window `last`."""
        super().__init__(last)
        self.scope = scope
        self.failures: list[dict[str, int]] = []  # of the newest windows, the newest last
        self.flags: dict[int, Floats] = {}  # by minute: which rates are not to be learned from it
        self.expected_at_ms = -1
        self.suspected = -1  # the newest window after which a reason of failures looked wrong
        self.told: dict[str, int] = {}  # by kind: the newest window that an anomaly which is over was about
        self.told_until = np.zeros(len(RATES))
        self.fresh_hours: set[int] = set()

    def close(self, row: Floats | None, failures: dict[str, int]) -> None:
        """Add the next window."""
        self.add(row)
        self.failures.append(failures)
        del self.failures[: -REACH - LAG * MINUTE_WINDOWS]
        if (self.ring.last + 1) % MINUTE_WINDOWS == 0:
            self._learn((self.ring.last + 1) // MINUTE_WINDOWS)

    def skip(self, last: int) -> None:
        """Go on behind window `last`, with nothing known of the windows before."""
        self.forget(last)
        self.failures.clear()
        self.flags.clear()

    def idle(self) -> bool:
        """Tell whether there is nothing to judge."""
        return self.ring.quiet()

    def flag(self, index: int) -> None:
        """Say that the rate is not as usual now: nothing is learned about it from these minutes."""
        minute = self.ring.last // MINUTE_WINDOWS
        flags = self.flags.get(minute)
        if flags is None:
            flags = self.flags[minute] = np.zeros(len(RATES))
        flags[index] = 1.0

    def over(self, kind: str, number: int) -> None:
        """Say that an anomaly is over that was about windows up to `number`: they are not to be told of again."""
        self.told[kind] = max(number, self.told.get(kind, 0))
        for index, rate in enumerate(RATES):
            self.told_until[index] = self.told.get(rate.kind, 0)

    def _learn(self, minutes: int) -> None:
        """Learn from the minute that ended `LAG` minutes before minute `minutes` begins."""
        minute = minutes - 1 - LAG
        row = self.ring.minute(minute)
        skip = np.zeros(len(RATES))
        for flagged in [*self.flags]:
            if flagged >= minute:
                np.maximum(skip, self.flags[flagged], out=skip)
            else:
                del self.flags[flagged]
        at_ms = minute * MINUTE_WINDOWS * WINDOW_MS
        if row[:SCALARS].any():
            hour_before = self.baseline.hour_at
            measured = self.minute(minute, LAG * MINUTE_WINDOWS)
            self.baseline.learn(at_ms, row, measured, skip, self._failures_of(LAG * MINUTE_WINDOWS))
            if self.baseline.hour_at != hour_before >= 0:
                self.fresh_hours.add(hour_before % WEEK_HOURS)
        self.expect((minutes * MINUTE_WINDOWS) * WINDOW_MS)

    def expect(self, at_ms: int) -> None:
        """As `Gauge.expect`; the time is part of the state."""
        self.expected_at_ms = at_ms
        super().expect(at_ms)

    def _failures_of(self, windows_ago: int) -> dict[str, int]:
        end = len(self.failures) - windows_ago
        return _added(self.failures[max(0, end - MINUTE_WINDOWS) : max(0, end)])

    def failures_within(self, windows: int) -> dict[str, int]:
        """Return the failures by reason in the newest windows."""
        return _added(self.failures[-windows:])

    def dump(self) -> dict[str, Any]:
        """Return everything but the season as plain values."""
        return {
            "scope": list(self.scope),
            "ring": self.ring.dump(),
            "baseline": [zlib.compress(array.tobytes(), 1) for array in self._arrays()],
            "reasons": self.baseline.reasons,
            "failures": self.failures,
            "flags": {minute: flags.tolist() for minute, flags in self.flags.items()},
            "expected_at_ms": self.expected_at_ms,
            "hour_at": self.baseline.hour_at,
            "suspected": self.suspected,
            "age": self.baseline.age,
            "told": self.told,
        }

    def _arrays(self) -> tuple[Any, ...]:
        base = self.baseline
        return base.recent, base.slow, base.histograms, base.scatter, base.correlation, base.hour

    def dump_hour(self, hour: int) -> bytes:
        """Return one cell of the season."""
        week, cell = int(self.baseline.season_week[hour]), bytes(self.baseline.season[hour].tobytes())
        return week.to_bytes(8, "big") + cell

    def load_hour(self, hour: int, data: bytes) -> None:
        """Take back one cell of the season."""
        self.baseline.season_week[hour] = int.from_bytes(data[:8], "big")
        self.baseline.season[hour] = np.frombuffer(data[8:]).reshape(2, COUNTED)

    @classmethod
    def load(cls, dumped: dict[str, Any], hours: dict[int, bytes]) -> Quality:
        """Make it again from what `dump` and `dump_hour` gave."""
        state = cls(Scope(*dumped["scope"]), 0)
        state.ring = Ring.load(dumped["ring"])
        for array, packed in zip(state._arrays(), dumped["baseline"], strict=True):
            array[...] = np.frombuffer(zlib.decompress(packed)).reshape(array.shape)
        state.baseline.reasons = {name: list(memory) for name, memory in dumped["reasons"].items()}
        state.failures = [dict(failures) for failures in dumped["failures"]]
        state.flags = {int(minute): np.array(flags) for minute, flags in dumped["flags"].items()}
        state.baseline.age = dumped["age"]
        state.baseline.hour_at, state.suspected = dumped["hour_at"], dumped["suspected"]
        for kind, number in dumped["told"].items():
            state.over(kind, number)
        for hour, data in hours.items():
            state.load_hour(hour, data)
        if dumped["expected_at_ms"] >= 0:
            state.expect(dumped["expected_at_ms"])
        return state


def _added(dicts: list[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in dicts:
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return total
