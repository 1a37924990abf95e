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
_ENOUGH = 0.97  # of what comes within reach: the few that take much longer are not worth waiting for


class Kernel(NamedTuple):
    """``due`` by windows later: the share of hand-overs that are answered then, ``mass`` of them altogether.

    ``upto``: only latencies up to this bucket take part. ``slow`` and ``all``: the same spread, of what is usually
    slower than `slow_from` and of everything within reach.
    """

    due: Floats
    mass: float
    upto: int
    slow: Floats
    all: Floats
    slow_from: int


_NONE = np.zeros(REACH + 1)
NOTHING = Kernel(_NONE, 0.0, 0, _NONE, _NONE, _BUCKETS)


def kernel(histogram: Floats, handed_over: float) -> Kernel:
    """Make the kernel of a usual latency histogram (counts by bucket) and the hand-overs it belongs to."""
    within = np.cumsum(histogram[: LONGEST + 1])
    if handed_over <= 0 or within[-1] <= 0:
        return NOTHING
    upto = int(np.searchsorted(within, within[-1] * _ENOUGH))
    shares = histogram[: upto + 1] / handed_over
    total = float(shares.sum())
    if total > 1.0:  # more answers than hand-overs: the histogram reaches further back than the hand-overs
        shares = shares / total
    slow_from = int(np.searchsorted(within, within[-1] * _NORMAL)) + 1
    every = histogram[: LONGEST + 1] / handed_over
    return Kernel(
        shares @ _SPREAD[: upto + 1],
        min(total, 1.0),
        upto,
        every[slow_from:] @ _SPREAD[slow_from : LONGEST + 1],
        every @ _SPREAD[: LONGEST + 1],
        slow_from,
    )
