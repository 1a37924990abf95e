"""What can be configured about the detectors. Times and durations in milliseconds, shares from 0 to 1."""

from __future__ import annotations

from typing import NamedTuple

from streams.detectors.hours import FRENCH_HOURS, Hours
from streams.detectors.silence import Silence


class DetectConfig(NamedTuple):
    """Everything about detection that a user may set; what each means is in docs/anomalies.md."""

    lateness_ms: int = 5_000
    chance: float = 1e-7
    instant_chance: float = 1e-11
    confirm_windows: int = 2
    resolve_after_ms: int = 300_000
    give_up_after_ms: int = 1_800_000
    update_every_ms: int = 300_000
    adapt_after_ms: int = 86_400_000
    least_marketing: int = 5
    repeat_share: float = 0.03
    repeats: int = 5
    disabled: tuple[str, ...] = ()
    silences: tuple[Silence, ...] = ()
    hours: tuple[Hours, ...] = FRENCH_HOURS
