"""What is kept of one scope of an account: what it sends, how much of it and to whom."""

from __future__ import annotations

import zlib
from collections import Counter
from typing import Any

import numpy as np

from streams.detectors.awaited import Floats
from streams.detectors.baseline import WEEK_HOURS
from streams.detectors.pumping import QUICK_WINDOWS, concentration
from streams.detectors.pumping import WINDOWS as RANGE_WINDOWS
from streams.detectors.quality import LAG
from streams.detectors.repeats import Campaign
from streams.detectors.ring import MINUTE_WINDOWS, SPANS, Ring
from streams.detectors.scopes import ACCOUNT_COUNTRY, Scope
from streams.detectors.usual_volume import Volume
from streams.detectors.window import SCALARS, WINDOW_MS, C

_USUAL = 0.5 ** (1 / (24 * 60))
_RANGES_EVERY = 3  # windows
VOLUME, PUMPING = 0, 1
"""What may be flagged as not usual."""


class Sending:
    """One scope of an account."""

    def __init__(self, scope: Scope, last: int) -> None:
        """Begin behind window `last`."""
        self.scope = scope
        self.ring = Ring(SCALARS, last)
        self.volume = Volume()
        self.ranges: list[dict[str, int]] = []  # of the newest windows, where the scope looks at them
        self.range_sum: Counter[str] = Counter()
        self.concentration = (0, "", 0)  # of the last five minutes, looked at twice a minute
        self.newest_concentration = (0, "", 0)  # of the last minute
        self.concentrated = [0.0, 0.0]  # messages in the fullest block, and all; half-life a day
        self.campaigns: dict[str, Campaign] = {}
        self.flags: dict[int, set[int]] = {}
        self.since = last + 1  # nothing is known of the windows before this one
        self.fresh_hours: set[int] = set()

    @property
    def wants_ranges(self) -> bool:
        """Whether this scope looks at number ranges."""
        return self.scope.level == ACCOUNT_COUNTRY

    def close(self, row: Floats | None, ranges: dict[str, int]) -> None:
        """Add the next window."""
        self.ring.add(None if row is None else row[:SCALARS])
        if self.wants_ranges:
            self.ranges.append(ranges)
            self.range_sum.update(ranges)
            if len(self.ranges) > RANGE_WINDOWS:
                self.range_sum.subtract(self.ranges.pop(0))
            if (self.ring.last + 1) % _RANGES_EVERY == 0:
                self.range_sum = +self.range_sum
                self.concentration = concentration(self.range_sum)
                newest: Counter[str] = Counter()
                for each in self.ranges[-QUICK_WINDOWS:]:
                    newest.update(each)
                self.newest_concentration = concentration(newest)
        if (self.ring.last + 1) % MINUTE_WINDOWS == 0:
            self._learn((self.ring.last + 1) // MINUTE_WINDOWS)

    def skip(self, last: int) -> None:
        """Go on behind window `last`, with nothing known of the windows before."""
        self.ring.skip(last)
        self.since = last + 1
        self.ranges.clear()
        self.range_sum.clear()
        self.flags.clear()

    def mend(self, number: int, change: Floats) -> None:
        """Add what came late to window `number`."""
        self.ring.mend(number, change[:SCALARS])

    def idle(self) -> bool:
        """Tell whether nothing is sent, and nothing is expected to be."""
        return self.ring.quiet() and self.volume.expect((self.ring.last + 1) * WINDOW_MS).per_minute < 1.0

    def marketing(self, windows: int) -> Floats:
        """Return the marketing messages of the newest windows, the newest first."""
        return self.ring.column(C.MARKETING, windows)

    def messages(self, windows: int) -> float:
        """Return the submits of the newest windows; to a country: those that are no marketing."""
        return float(self.messages_of(self.ring.sums()[SPANS.index(windows)]))

    def messages_of(self, row: Floats) -> Any:
        """Return the submits of a row of sums; to a country: those that are no marketing."""
        return row[C.SUBMITS] - row[C.MARKETING] if self.wants_ranges else row[C.SUBMITS]

    @property
    def usual_concentration(self) -> float | None:
        """The share of messages that is usually in the fullest block of numbers; None: not known yet."""
        return self.concentrated[0] / self.concentrated[1] if self.concentrated[1] > 1_000 else None

    def flag(self, what: int) -> None:
        """Say that something is not as usual now: nothing is learned about it from these minutes."""
        self.flags.setdefault(self.ring.last // MINUTE_WINDOWS, set()).add(what)

    def _learn(self, minutes: int) -> None:
        minute = minutes - 1 - LAG
        if minute * MINUTE_WINDOWS < self.since:
            return
        skip: set[int] = set()
        for flagged in [*self.flags]:
            if flagged >= minute:
                skip |= self.flags[flagged]
            else:
                del self.flags[flagged]
        at_ms = minute * MINUTE_WINDOWS * WINDOW_MS
        hour_before = self.volume.hour_at
        self.volume.learn(at_ms, self._windows_of(LAG * MINUTE_WINDOWS), VOLUME in skip)
        if self.volume.hour_at != hour_before >= 0:
            self.fresh_hours.add(hour_before % WEEK_HOURS)
        if self.wants_ranges and PUMPING not in skip and self.range_sum:
            messages = self.messages(RANGE_WINDOWS)
            most, _, dense = self.concentration
            if messages >= 1:
                self.concentrated[0] = self.concentrated[0] * _USUAL + min(max(most, dense), messages)
                self.concentrated[1] = self.concentrated[1] * _USUAL + messages

    def _windows_of(self, windows_ago: int) -> Floats:
        """Return the submits of the windows of a minute that ended so many windows ago, the oldest first."""
        columns = [self.ring.column(column, MINUTE_WINDOWS, windows_ago)[::-1] for column in (C.SUBMITS, C.MARKETING)]
        return columns[0] - columns[1] if self.wants_ranges else columns[0]

    def dump(self) -> dict[str, Any]:
        """Return everything but the season as plain values."""
        return {
            "scope": list(self.scope),
            "ring": self.ring.dump(),
            "volume": [zlib.compress(array.tobytes(), 1) for array in self.volume.arrays()],
            "short": [*self.volume.short.tolist(), self.volume.pausing],
            "peak": self.volume.peak,
            "hour_at": self.volume.hour_at,
            "minutes": self.volume.minutes,
            "ranges": self.ranges,
            "concentrated": self.concentrated,
            "concentration": self.concentration,
            "newest_concentration": self.newest_concentration,
            "since": self.since,
            "campaigns": {name: campaign.dump() for name, campaign in self.campaigns.items()},
            "flags": {minute: sorted(flags) for minute, flags in self.flags.items()},
        }

    def dump_hour(self, hour: int) -> bytes:
        """Return one cell of the season."""
        week, cell = int(self.volume.season_week[hour]), bytes(self.volume.season[hour].tobytes())
        return week.to_bytes(8, "big") + cell

    def load_hour(self, hour: int, data: bytes) -> None:
        """Take back one cell of the season."""
        self.volume.season_week[hour] = int.from_bytes(data[:8], "big")
        self.volume.season[hour] = np.frombuffer(data[8:])

    @classmethod
    def load(cls, dumped: dict[str, Any], hours: dict[int, bytes]) -> Sending:
        """Make it again from what `dump` and `dump_hour` gave."""
        state = cls(Scope(*dumped["scope"]), 0)
        state.ring = Ring.load(dumped["ring"])
        for array, packed in zip(state.volume.arrays(), dumped["volume"], strict=True):
            array[...] = np.frombuffer(zlib.decompress(packed), array.dtype).reshape(array.shape)
        state.volume.short[:], state.volume.pausing = dumped["short"][:3], dumped["short"][3]
        state.since = dumped["since"]
        state.volume.peak, state.volume.minutes = dumped["peak"], dumped["minutes"]
        state.volume.hour_at = dumped["hour_at"]
        state.ranges = [dict(ranges) for ranges in dumped["ranges"]]
        for ranges in state.ranges:
            state.range_sum.update(ranges)
        state.concentrated = list(dumped["concentrated"])
        state.concentration = _concentration(dumped["concentration"])
        state.newest_concentration = _concentration(dumped["newest_concentration"])
        state.campaigns = {name: Campaign.load(known) for name, known in dumped["campaigns"].items()}
        state.flags = {int(minute): set(flags) for minute, flags in dumped["flags"].items()}
        for hour, data in hours.items():
            state.load_hour(hour, data)
        return state


def _concentration(dumped: list[Any]) -> tuple[int, str, int]:
    most, block, dense = dumped
    return most, block, dense
