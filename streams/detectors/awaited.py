"""How many answers or reports should have come by now: what was handed over, spread by how long things usually take.

A report counts in the window in which it came. How many of them are due in a window follows from the hand-overs of
the windows before and from the usual latency histogram; so a double-sized campaign doubles what is due, and a
provider that stops confirming is seen as soon as its reports are overdue, not when timeouts pass a day later.
Only latencies up to five minutes take part: what usually takes longer is not awaited.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streams.detectors.window import WINDOW_MS
from streams.health.buckets import BOUNDS

Floats = npt.NDArray[np.float64]

REACH = 30
"""Windows looked back: five minutes."""

_STEPS = 24
_BUCKETS = len(BOUNDS)


def _spread() -> Floats:
    """Chance, by bucket and number of windows later, that something of this latency comes in that window.

    Hand-overs are taken to be spread evenly in their window, latencies evenly on the logarithmic scale in a bucket.
    """
    spread = np.zeros((_BUCKETS, REACH + 1))
    starts = (np.arange(_STEPS) + 0.5) / _STEPS * WINDOW_MS
    lows = [BOUNDS[0] / 2, *BOUNDS[:-1]]
    for bucket, (low, high) in enumerate(zip(lows, BOUNDS, strict=True)):
        latencies = low * (high / low) ** ((np.arange(_STEPS) + 0.5) / _STEPS)
        later = ((starts[:, None] + latencies[None, :]) // WINDOW_MS).astype(int).ravel()
        later = later[later <= REACH]
        spread[bucket] = np.bincount(later, minlength=REACH + 1)[: REACH + 1] / _STEPS**2
    return spread


_SPREAD = _spread()
LONGEST: int = int(np.searchsorted(BOUNDS, REACH * WINDOW_MS * 0.9)) - 1
_NORMAL = 0.9  # what is slower than this share of the usual ones is called slow

LENGTHS = (1, 2, 3, 6, 12, 30)
"""Spans, in windows, for which it is worked out how much is due and how surely."""

HISTORY = REACH + 30
"""Windows of hand-overs that have a part in what is due in the longest of them."""


class Kernel(NamedTuple):
    """``due`` by windows later: the share of hand-overs that are answered then, ``mass`` of them altogether.

    ``slow``: the same, of those that take longer than nine in ten (from bucket ``slow_from`` on). ``mean`` and
    ``variance``: of what comes within each of `LENGTHS`, by windows between the hand-over and the end of the span.
    """

    due: Floats
    mass: float
    slow: Floats
    slow_from: int
    mean: Floats
    variance: Floats


_NONE = np.zeros(REACH + 1)
_NEVER = np.zeros((len(LENGTHS), HISTORY))
NOTHING = Kernel(_NONE, 0.0, _NONE, _BUCKETS, _NEVER, _NEVER)


class Due(NamedTuple):
    """What should have come in some spans, as trials with a chance each, of the same mean and variance.

    Messages in the middle of a span come with the chance of `Kernel.mass`; those at its ends may come just outside
    of it, which makes the count less sure and so the trials more and their chance smaller.
    """

    trials: Floats
    chance: Floats


def due(mean: Floats, variance: Floats) -> Due:
    """Make trials with a chance of counts of this mean and variance."""
    chance = np.clip(1.0 - variance / np.maximum(mean, 1e-9), 0.02, 1.0)
    return Due(mean / chance, chance)


def kernel(histogram: Floats, handed_over: float) -> Kernel:
    """Make the kernel of a usual latency histogram (counts by bucket) and the hand-overs it belongs to."""
    within = np.cumsum(histogram[: LONGEST + 1])
    if handed_over <= 0 or within[-1] <= 0:
        return NOTHING
    shares = histogram[: LONGEST + 1] / handed_over
    total = float(shares.sum())
    if total > 1.0:  # more answers than hand-overs: the histogram reaches further back than the hand-overs
        shares = shares / total
    slow_from = int(np.searchsorted(within, within[-1] * _NORMAL)) + 1
    due = shares @ _SPREAD[: LONGEST + 1]
    by_then = np.concatenate(([0.0], np.cumsum(due), np.full(HISTORY, due.sum())))
    ago = np.arange(HISTORY)
    mean = np.stack([by_then[ago + 1] - by_then[np.maximum(ago + 1 - length, 0)] for length in LENGTHS])
    slow = shares[slow_from:] @ _SPREAD[slow_from : LONGEST + 1]
    return Kernel(due, min(total, 1.0), slow, slow_from, mean, mean * (1.0 - mean))
