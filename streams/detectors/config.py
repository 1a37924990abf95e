"""What can be configured about the detectors. Times and durations in milliseconds, shares from 0 to 1."""

from __future__ import annotations

from typing import NamedTuple


class DetectConfig(NamedTuple):
    """Everything about detection that a user may set; what each means is in docs/anomalies.md."""

    lateness_ms: int = 5_000
