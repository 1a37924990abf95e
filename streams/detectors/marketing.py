"""Marketing outside the hours at which the recipient's country permits it. A rule: one message too many is one."""

from __future__ import annotations

from functools import lru_cache

from streams.detectors.awaited import Floats
from streams.detectors.config import DetectConfig
from streams.detectors.finding import Finding
from streams.detectors.hours import Hours
from streams.detectors.scopes import Scope
from streams.detectors.window import WINDOW_MS
from streams.detectors.words import count, name, span

KIND = "marketing_hours"
WINDOWS = 6


@lru_cache(maxsize=4_096)
def _forbids(hours: Hours, minute_ms: int) -> str:
    return hours.forbids(minute_ms)


def look(scope: Scope, newest: Floats, opened: bool, at_ms: int, config: DetectConfig) -> Finding | None:
    """Judge the marketing messages by window (`newest`, the newest first) before `at_ms`."""
    if not opened and not newest.any():
        return None
    rules = [hours for hours in config.hours if hours.country == scope.country]
    counted, why = 0.0, ""
    for ago, messages in enumerate(newest.tolist()):
        start_ms = at_ms - (ago + 1) * WINDOW_MS
        if messages and (reason := next(filter(None, (_forbids(h, start_ms // 60_000 * 60_000) for h in rules)), "")):
            counted += messages
            why = why or reason
    many = counted >= config.least_marketing
    if not opened and not many:
        return None
    said = f"{count(counted)} marketing messages in {span(WINDOWS * WINDOW_MS)} {why or 'outside the permitted hours'}"
    return Finding(
        KIND,
        not opened,
        many,
        counted,
        0.0,
        counted,
        counted,
        "messages",
        round(counted),
        WINDOWS * WINDOW_MS,
        "rule",
        0.0,
        counted,
        1.0 if many else 0.0,
        f"{name(scope)}: {said}; permitted are none",
    )
