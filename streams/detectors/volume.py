"""Whether what is sent has gone silent, or surged, beside what is usual (`usual_volume`)."""

from __future__ import annotations

from collections.abc import Set

from streams.detectors.config import DetectConfig
from streams.detectors.finding import Finding
from streams.detectors.scopes import Scope
from streams.detectors.stats import count_at_least, count_at_most
from streams.detectors.usual_volume import Expected, Volume
from streams.detectors.window import WINDOW_MS
from streams.detectors.words import count, name, span

DAY_MINUTES = 24 * 60
_STEADY = ("otp", "notification")
_SILENT_SPANS, _SURGE_SPANS = (3, 6, 12, 30, 180), (6, 30)

LEAST_KNOWN = 30
"""Windows that must be known before anything is said about volume."""

_LEAST_EXPECTED, _LEAST_SURGE = 20.0, 60.0
_SILENT_SHARE, _HOLD_SHARE = 0.1, 0.35
_LONGER_PAUSE = 1.5  # than any pause of the last weeks
_FROM_PEAK = 0.5  # until the hours of the week are known: what ends in the evening has become less before
_NO_PAUSE = 60.0  # messages: what has never paused for longer, a day and a night long, is sent all the time
_SURGE, _SURGE_PEAK, _SURGE_HOLD = 3.0, 2.6, 2.0
_YOUNG_SURGE, _YOUNG_PEAK = 6.0, 4.0


def look(
    scope: Scope, volume: Volume, sums: dict[int, float], open_kinds: Set[str], at_ms: int, config: DetectConfig
) -> list[Finding]:
    """Judge the submits of the newest windows (`sums`: by number of windows, of at least `LEAST_KNOWN`)."""
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
    if not _ready(scope, volume, expected, least_minutes=20):
        return None
    if expected.basis != "season" and expected.per_minute < _FROM_PEAK * volume.peak_per_minute:
        return None
    best = None
    for windows in [known for known in _SILENT_SPANS if known in sums]:
        usual = expected.per_minute * windows / 6
        least = max(_LEAST_EXPECTED, _LONGER_PAUSE * volume.pause)
        if usual < least or sums[windows] > _SILENT_SHARE * usual:
            continue
        chance = count_at_most(sums[windows], usual, volume.scatter(windows))
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
    if not _ready(scope, volume, expected, least_minutes=30):
        return None
    young = volume.minutes < 2 * DAY_MINUTES and scope.traffic_type not in _STEADY
    factor, peaks = (_YOUNG_SURGE, _YOUNG_PEAK) if young else (_SURGE, _SURGE_PEAK)
    best = None
    for windows in _SURGE_SPANS:
        usual = expected.per_minute * windows / 6
        least = max(_LEAST_SURGE, factor * usual, peaks * volume.peak_per_minute * windows / 6)
        if sums[windows] < least:
            continue
        chance = count_at_least(sums[windows], max(usual, 1.0), volume.scatter(windows))
        if chance <= config.chance and (best is None or chance < best.chance):
            best = _finding(kind, scope, sums[windows], usual, windows, expected, chance, sure=True, bad=True)
    return best


def _ready(scope: Scope, volume: Volume, expected: Expected, least_minutes: int) -> bool:
    """Tell whether enough is known. Blasts end and begin at any time, until the hours of the week are known."""
    if expected.basis == "season":
        return True
    if scope.traffic_type in _STEADY:
        return volume.minutes >= least_minutes
    return volume.minutes >= (DAY_MINUTES if volume.pause < _NO_PAUSE else 7 * DAY_MINUTES)


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
