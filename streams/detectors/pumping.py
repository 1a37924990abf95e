"""Artificially inflated traffic: messages that pour into few number ranges, or into numbers one after another.

Marketing is left out: its lists are often sorted by number. Ranges are those of a hundred numbers that
``sms.route-health`` counts; a hundred of them make a block of ten thousand, as operators hand them out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from streams.detectors.config import DetectConfig
from streams.detectors.finding import Finding
from streams.detectors.scopes import Scope
from streams.detectors.stats import at_least, effective, wilson
from streams.detectors.window import WINDOW_MS
from streams.detectors.words import count, name, percent, span

KIND = "pumping"
WINDOWS = 30
QUICK_WINDOWS = 6
_DENSE = 5  # messages to a hundred numbers within the time that is looked at
_LEAST, _LEAST_COUNT = 60, 40
_SHARE, _MORE, _FACTOR = 0.2, 0.1, 3.0
_QUICK_SHARE = 0.4  # in a single minute: a list that is worked off is no news yet
_HOLD = 0.5
_CORRELATION = 0.02
_LEAST_USUAL = 0.03


def concentration(ranges: Mapping[str, int]) -> tuple[int, str, int]:
    """Return messages in the fullest block of ten thousand numbers, that block, and those in dense ranges."""
    blocks: Counter[str] = Counter()
    dense = 0
    for range_, messages in ranges.items():
        blocks[range_[:-2]] += messages
        if messages >= _DENSE:
            dense += messages
    if not blocks:
        return 0, "", 0
    block, most = min(blocks.items(), key=lambda item: (-item[1], item[0]))
    return most, block, dense


def look(
    scope: Scope,
    found: tuple[int, str, int],
    messages: float,
    usual: float | None,
    opened: bool,
    config: DetectConfig,
    windows: int = WINDOWS,
) -> Finding | None:
    """Judge the messages of the newest windows that are no marketing; `usual`: the share usually concentrated.

    `found` is their `concentration`. Where `usual` is not known yet (None), only numbers next to each other count:
    some countries have few blocks.
    """
    if messages < _LEAST:
        return None
    most, block, dense = found
    counted = min(float(dense if usual is None else max(most, dense)), messages)
    usual = usual or 0.0
    share = counted / messages
    floor = max(usual, _LEAST_USUAL)
    needed = max(_SHARE if windows == WINDOWS else _QUICK_SHARE, usual + _MORE, usual * _FACTOR)
    bad = share >= needed * _HOLD
    trials = effective(messages, _CORRELATION)
    chance = at_least(share * trials, trials, floor) if share >= needed and counted >= _LEAST_COUNT else 1.0
    if not opened and chance > config.chance:
        return None
    low, high = wilson(share * trials, trials)
    how = f"{percent(dense / messages)} to numbers next to each other" if dense > most / 2 else "to scattered numbers"
    said = (
        f"{percent(share)} of {count(messages)} messages in {span(windows * WINDOW_MS)} went into few number ranges, "
        f"the fullest {block or '?'}xxxx ({count(most)} messages), {how}; usual are {percent(usual)}"
    )
    return Finding(
        KIND,
        not opened,
        not opened or bad,
        share,
        usual,
        low,
        high,
        "share",
        round(messages),
        windows * WINDOW_MS,
        "recent",
        chance,
        counted - messages * usual,
        share,
        f"{name(scope)}: {said}",
        {f"range={block}": most / max(counted, 1.0)} if block else {},
    )
