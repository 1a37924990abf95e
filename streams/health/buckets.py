"""Latency histograms: counts by fixed, log-spaced buckets, two to each doubling, from 4 ms to 74 hours.

A histogram is a mapping from bucket to count. A bucket is named by its upper bound in milliseconds, inclusive, as
text: ``"91"`` holds latencies of 65 to 91 ms. What is shorter than the first bound (a negative latency of a wrong
clock too) is in the first bucket, what is longer than the last bound in the last. Buckets never change, so
histograms of different windows, partitions and versions add up.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Final

_FIRST_POWER, _LAST_POWER = 4, 56  # of the square root of two: 4 ms to 2**28 ms

BOUNDS: tuple[int, ...] = tuple(round(2 ** (power / 2)) for power in range(_FIRST_POWER, _LAST_POWER + 1))
"""Upper bounds of the buckets, milliseconds."""

NAMES: tuple[str, ...] = tuple(str(bound) for bound in BOUNDS)
"""The buckets by name, in order."""

_INDEX: Final = {name: index for index, name in enumerate(NAMES)}


_SHORT: Final = bytes(bisect_left(BOUNDS, latency_ms) for latency_ms in range(4096))
_LONG: Final = bytes(bisect_left(BOUNDS, latency_ms << 10) for latency_ms in range(4097))
"""By latencies in units of 1,024 ms. Bytes: an eighth of the room of a tuple, so that it stays in the nearest cache."""
_LAST: Final = len(BOUNDS) - 1


def bucket_index(latency_ms: int) -> int:
    """Return which bucket (from 0) a latency in milliseconds belongs to."""
    if latency_ms < 4096:
        return _SHORT[latency_ms] if latency_ms > 0 else 0
    if latency_ms < 4096 << 10:
        unit = latency_ms >> 10
        index = _LONG[unit]
        # From four units on there is never more than one bound within a unit, and mostly none.
        return index if index == _LONG[unit + 1] or BOUNDS[index] >= latency_ms else index + 1
    return min(bisect_left(BOUNDS, latency_ms), _LAST)


def bucket(latency_ms: int) -> str:
    """Return the name of the bucket of a latency in milliseconds."""
    return NAMES[bucket_index(latency_ms)]


def index_of(name: str) -> int:
    """Return which bucket a name means; a bound that is not one of ours (another version's) goes where it fits."""
    known = _INDEX.get(name)
    if known is not None:
        return known
    try:
        return bucket_index(int(name))
    except ValueError:
        return len(BOUNDS) - 1


def merge(histograms: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add histograms."""
    total: dict[str, int] = {}
    for histogram in histograms:
        for name, count in histogram.items():
            total[name] = total.get(name, 0) + count
    return total


def counts(histogram: Mapping[str, int]) -> list[int]:
    """Return the counts by bucket index, as long as `BOUNDS`."""
    row = [0] * len(BOUNDS)
    for name, count in histogram.items():
        row[index_of(name)] += count
    return row


def quantile_ms(row: Iterable[float], share: float) -> float:
    """Return the latency in milliseconds below which `share` (0 to 1) of the counts by bucket index lie.

    Within a bucket, values are taken to be spread evenly on the logarithmic scale. 0.0 where there are no counts.
    """
    values = list(row)
    wanted = sum(values) * share
    if wanted <= 0:
        return 0.0
    seen = 0.0
    for index, count in enumerate(values):
        if count and seen + count >= wanted:
            low = BOUNDS[index - 1] if index else BOUNDS[0] / 2
            return float(low * (BOUNDS[index] / low) ** ((wanted - seen) / count))
        seen += count
    return float(BOUNDS[-1])
