"""How much is usually sent: learned minute by minute for one scope.

What is expected in a minute is the season (the same hour of the week, mixed from hour to hour; in the first week the
same hour of the days before) times the level of the last half hour. How far five-minute and half-minute totals of the
past were from that gives the scatter, and the longest pause says what a lull of this traffic looks like.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from streams.detectors.awaited import Floats
from streams.detectors.baseline import HOUR_MS, WEEK_HOURS, hour_of_week

_RECENT = 0.5 ** (1 / 10)
_LEVEL = 0.5 ** (1 / 30)
_DAY = 0.5 ** (1 / 3)
_SCATTER = 0.5 ** (1 / (3 * 24 * 12))  # of five-minute totals
_SHORT = 0.5 ** (1 / (3 * 24 * 120))  # of half-minute totals
_PEAK = 0.5 ** (1 / (14 * 24 * 12))
_PAUSE = 0.5 ** (1 / (14 * 24 * 60))
_WEEK_KEPT = 0.6
_CELL_KNOWN = 20.0
_START_SCATTER, _START_WEIGHT = 0.15, 12.0
_LEAST_SCATTER = 0.02
_WILD = 25.0
_HALF = 3  # windows of a half-minute total
_LEAST_HALF = 5.0  # messages expected in one, else it says little about scatter
_EMPTY = 0.1  # of what was expected: a window with less is part of a pause
_MOST_RISE = 2.0


FIVE_MINUTES = 30
"""Windows."""


class Expected(NamedTuple):
    """Messages a minute, and what that rests on: season, recent."""

    per_minute: float
    basis: str


class Volume:
    """What is usual of one scope; learned minute by minute."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self.season = np.zeros((WEEK_HOURS, 2))
        self.season_week = np.zeros(WEEK_HOURS, np.int64)
        self.day = np.zeros((24, 2))
        self.day_at = np.zeros(24, np.int64)
        # recent sum and minutes, level observed and expected, scatter and weight, five minutes observed and expected
        self.memory = np.zeros(8)
        self.hour = np.zeros(2)  # of the hour that is not over: messages, minutes
        self.hour_at = -1
        self.short = np.zeros(3)  # scatter of half minutes and its weight; the longest pause
        self.pausing = 0.0
        self.peak = 0.0
        self.minutes = 0

    def expect(self, at_ms: int) -> Expected:
        """Return what is to be expected at a time."""
        recent, minutes, observed, usual = self.memory[:4].tolist()
        season = self._usual(at_ms)
        if season is None:
            return Expected(recent / minutes if minutes > 3 else 0.0, "recent")
        level = (observed + season * 5) / (usual + season * 5) if usual + season > 0 else 1.0
        season *= min(max(level, 0.25), 4.0)
        if self.season[hour_of_week(at_ms), 1] >= _CELL_KNOWN:
            return Expected(season, "season")
        # other days of the week may be other: what has faded away by itself is not expected to be there
        return Expected(min(season, _MOST_RISE * recent / minutes) if minutes > 3 else season, "recent")

    def _usual(self, at_ms: int) -> float | None:
        """Return the usual messages a minute at this time of the week (else of the day), mixed from hour to hour."""
        middle = at_ms - HOUR_MS // 2
        part = (middle % HOUR_MS) / HOUR_MS
        cells = [self._cell(middle), self._cell(middle + HOUR_MS)]
        known = [(cell, weight) for cell, weight in zip(cells, (1 - part, part), strict=True) if cell is not None]
        total = sum(weight for _, weight in known)
        return float(sum(cell * weight for cell, weight in known) / total) if total > 0.3 else None

    def _cell(self, at_ms: int) -> float | None:
        total, minutes = self.season[hour_of_week(at_ms)].tolist()
        if minutes < _CELL_KNOWN:
            total, minutes = self.day[at_ms // HOUR_MS % 24].tolist()
        return float(total / minutes) if minutes >= _CELL_KNOWN else None

    def scatter(self, windows: int) -> float:
        """How much totals of so many windows scatter around what was expected: variance mean + scatter mean squared."""
        number, weight = (self.memory[4:6] if windows >= FIVE_MINUTES else self.short[:2]).tolist()
        return float(max(_LEAST_SCATTER, (number + _START_SCATTER * _START_WEIGHT) / (weight + _START_WEIGHT)))

    @property
    def pause(self) -> float:
        """The longest pause of the last weeks: messages that were expected in it, as it grew long."""
        return float(self.short[2])

    @property
    def peak_per_minute(self) -> float:
        """The most messages a minute in any five minutes of the last weeks."""
        return self.peak / 5

    def learn(self, at_ms: int, windows: Floats, skip: bool) -> None:
        """Take in the minute that began at `at_ms`, the oldest window first; skipped ones only make time pass."""
        if skip:
            self.pausing = 0.0
            return
        messages = float(windows.sum())
        expected, usual = self.expect(at_ms).per_minute, self._usual(at_ms)
        self._learn_short(windows, expected / len(windows))
        self.minutes += 1
        self.memory[:2] = self.memory[:2] * _RECENT + (messages, 1.0)
        self.memory[2:4] = self.memory[2:4] * _LEVEL + ((messages, usual) if usual is not None else (0.0, 0.0))
        self.memory[6:8] += (messages, expected)
        if at_ms // HOUR_MS != self.hour_at:
            self._end_hour(at_ms)
        self.hour += (messages, 1.0)
        if (at_ms // 60_000 + 1) % 5 == 0:
            self._learn_five()

    def _end_hour(self, at_ms: int) -> None:
        """Put the hour that is over into its cells: of the week, of the day."""
        if self.hour_at >= 0:
            for cells, passed_at, hours, kept in (
                (self.season, self.season_week, WEEK_HOURS, _WEEK_KEPT),
                (self.day, self.day_at, 24, _DAY),
            ):
                index, now = self.hour_at % hours, self.hour_at // hours + 1
                cells[index] = cells[index] * kept ** min(now - int(passed_at[index]), 60) + self.hour
                passed_at[index] = now
        self.hour[:] = 0.0
        self.hour_at = at_ms // HOUR_MS

    def _learn_short(self, windows: Floats, expected: float) -> None:
        """Learn from the half-minutes and pauses of a minute in whose windows so much was expected."""
        half = expected * _HALF
        if half >= _LEAST_HALF and self.minutes > 5:
            square = ((windows.reshape(-1, _HALF).sum(axis=1) - half) ** 2 - half) / half**2
            self.short[:2] = self.short[:2] * _SHORT + (np.minimum(square, _WILD).mean(), 1.0)
        self.short[2] *= _PAUSE
        for empty in (windows <= _EMPTY * expected).tolist():
            self.pausing = self.pausing + expected if empty else 0.0
            self.short[2] = max(self.short[2], self.pausing)

    def _learn_five(self) -> None:
        observed, expected = self.memory[6:8].tolist()
        self.memory[6:8] = 0.0
        if expected >= 5.0 and self.minutes > 15:
            square = min(((observed - expected) ** 2 - expected) / expected**2, _WILD)
            self.memory[4:6] = self.memory[4:6] * _SCATTER + (square, 1.0)
        self.peak = max(self.peak * _PEAK, observed)

    def arrays(self) -> tuple[Any, ...]:
        """Return what is kept beside `peak` and `minutes`, the season apart."""
        return self.day, self.day_at, self.memory, self.hour
