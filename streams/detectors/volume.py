"""How much is usually sent, and whether it has gone silent or surged.

What is expected in a minute is the season (the same hour of the week, mixed from hour to hour; in the first week the
same hour of the days before) times the level of the last half hour. How far five-minute totals of the past were
from that gives the scatter: traffic that comes in blasts scatters so much that silence is nothing special there.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any, NamedTuple

import numpy as np

from streams.detectors.baseline import HOUR_MS, WEEK_HOURS, hour_of_week
from streams.detectors.config import DetectConfig
from streams.detectors.finding import Finding
from streams.detectors.scopes import Scope
from streams.detectors.stats import count_at_least, count_at_most
from streams.detectors.window import WINDOW_MS
from streams.detectors.words import count, name, span

DAY_MINUTES = 24 * 60
_RECENT = 0.5 ** (1 / 20)
_LEVEL = 0.5 ** (1 / 30)
_DAY = 0.5 ** (1 / 3)
_SCATTER = 0.5 ** (1 / (3 * 24 * 12))  # of five-minute totals
_PEAK = 0.5 ** (1 / (14 * 24 * 12))
_WEEK_KEPT = 0.6
_CELL_KNOWN = 20.0
_START_SCATTER, _START_WEIGHT = 0.15, 12.0
_WILD = 25.0
_STEADY = ("otp", "notification")
_SILENT_SPANS, _SURGE_SPANS = (6, 12, 30), (6, 30)

LONGEST = 30
"""Windows that must be known before anything is said about volume."""

_LEAST_EXPECTED, _LEAST_SURGE = 20.0, 60.0
_SILENT_SHARE, _HOLD_SHARE = 0.1, 0.35
_SURGE, _SURGE_PEAK, _SURGE_HOLD = 3.0, 2.6, 2.0
_YOUNG_SURGE, _YOUNG_PEAK = 6.0, 4.0


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
        self.peak = 0.0
        self.minutes = 0

    def expect(self, at_ms: int) -> Expected:
        """Return what is to be expected at a time."""
        recent, minutes, observed, usual = self.memory[:4].tolist()
        season = self._usual(at_ms)
        if season is None:
            return Expected(recent / minutes if minutes > 3 else 0.0, "recent")
        level = (observed + season * 5) / (usual + season * 5) if usual + season > 0 else 1.0
        known = self.season[hour_of_week(at_ms), 1] >= _CELL_KNOWN
        return Expected(season * min(max(level, 0.25), 4.0), "season" if known else "recent")

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

    @property
    def scatter(self) -> float:
        """How much five-minute totals scatter around what was expected: variance mean + scatter mean squared."""
        number, weight = self.memory[4:6].tolist()
        return float(max(0.02, (number + _START_SCATTER * _START_WEIGHT) / (weight + _START_WEIGHT)))

    def learn(self, at_ms: int, messages: float, skip: bool) -> None:
        """Take in the minute that began at `at_ms`; skipped ones only make time pass."""
        if skip:
            return
        expected, usual = self.expect(at_ms).per_minute, self._usual(at_ms)
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


def look(
    scope: Scope, volume: Volume, sums: dict[int, float], open_kinds: Set[str], at_ms: int, config: DetectConfig
) -> list[Finding]:
    """Judge the submits of the newest windows (`sums`: by number of windows)."""
    expected = volume.expect(at_ms)
    found = [judge(scope, volume, expected, sums, open_kinds, config) for judge in (_silent, _surge)]
    return [finding for finding in found if finding is not None]


def _silent(
    scope: Scope, volume: Volume, expected: Expected, sums: dict[int, float], open_kinds: Set[str], config: DetectConfig
) -> Finding | None:
    kind = "volume_silent"
    if kind in open_kinds:
        usual = expected.per_minute
        bad = sums[6] <= _HOLD_SHARE * usual and usual >= 1.0
        return _finding(kind, scope, sums[6], usual, 6, expected, 1.0, sure=False, bad=bad)
    if not _ready(scope, volume, expected, least_minutes=30):
        return None
    best = None
    for windows in _SILENT_SPANS:
        usual = expected.per_minute * windows / 6
        if usual < _LEAST_EXPECTED or sums[windows] > _SILENT_SHARE * usual:
            continue
        chance = count_at_most(sums[windows], usual, volume.scatter)
        if chance <= config.chance and (best is None or chance < best.chance):
            best = _finding(kind, scope, sums[windows], usual, windows, expected, chance, sure=True, bad=True)
    return best


def _surge(
    scope: Scope, volume: Volume, expected: Expected, sums: dict[int, float], open_kinds: Set[str], config: DetectConfig
) -> Finding | None:
    kind = "volume_surge"
    if kind in open_kinds:
        usual = expected.per_minute * 5
        bad = sums[30] >= _SURGE_HOLD * usual
        return _finding(kind, scope, sums[30], usual, 30, expected, 1.0, sure=False, bad=bad)
    if not _ready(scope, volume, expected, least_minutes=60):
        return None
    young = volume.minutes < 2 * DAY_MINUTES
    factor, peaks = (_YOUNG_SURGE, _YOUNG_PEAK) if young else (_SURGE, _SURGE_PEAK)
    best = None
    for windows in _SURGE_SPANS:
        usual = expected.per_minute * windows / 6
        least = max(_LEAST_SURGE, factor * usual, peaks * volume.peak * windows / 30)
        if sums[windows] < least:
            continue
        chance = count_at_least(sums[windows], max(usual, 1.0), volume.scatter)
        if chance <= config.chance and (best is None or chance < best.chance):
            best = _finding(kind, scope, sums[windows], usual, windows, expected, chance, sure=True, bad=True)
    return best


def _ready(scope: Scope, volume: Volume, expected: Expected, least_minutes: int) -> bool:
    """Tell whether enough is known. Blasts end and begin at any time, until the hours of the week are known."""
    if expected.basis == "season":
        return True
    if scope.traffic_type in _STEADY:
        return volume.minutes >= least_minutes
    return volume.minutes >= 7 * DAY_MINUTES


def _finding(
    kind: str,
    scope: Scope,
    observed: float,
    usual: float,
    windows: int,
    expected: Expected,
    chance: float,
    *,
    sure: bool,
    bad: bool,
) -> Finding:
    reach = 1.96 * max(observed, 1.0) ** 0.5
    more = kind == "volume_surge"
    effect = 1 - usual / max(observed, usual, 1e-9) if more else 1 - observed / max(usual, observed, 1e-9)
    season = "usual at this hour of the week are" if expected.basis == "season" else "usual lately are"
    said = f"{count(observed)} messages handed over in {span(windows * WINDOW_MS)}; {season} {count(round(usual))}"
    return Finding(
        kind,
        sure,
        bad,
        observed,
        usual,
        max(0.0, observed - reach),
        observed + reach,
        "messages",
        round(observed),
        windows * WINDOW_MS,
        expected.basis,
        chance,
        observed - usual if more else usual - observed,
        effect,
        f"{name(scope)}: {said}",
    )
