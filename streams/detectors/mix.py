"""What is usual of a whole whose parts differ: what is usual of each part, in the proportion of what each did now.

A provider that delivers 94 % of the one-time codes and 75 % of the campaigns delivers less when a campaign begins, and
nothing is wrong. So a whole is not compared with its own past, but with the past of its parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from streams.detectors.awaited import Floats
from streams.detectors.rates import COUNTED, PRIOR, PRIOR_N

_NONE = 1e-9

REASON_PRIOR, REASON_PRIOR_N = 0.005, 50.0
"""The share of a reason that is believed, as if so many reports had shown it, until a route has a past of its own."""


class Measured(NamedTuple):
    """What was measured of every rate (columns), over some spans (rows).

    ``share``: the usual one; ``weight``: the trials behind that; ``correlation``: of any two trials.
    """

    hits: Floats
    trials: Floats
    share: Floats
    weight: Floats
    correlation: Floats


def mixed(whole: Measured, parts: Sequence[Measured]) -> Measured:
    """Return what was measured of a whole with what is usual of its parts.

    Of a part of which little is known the whole's own past stands in, where a prior did; and the less is known of what
    makes most of the whole, the less weight the usual share has.
    """
    trials = np.stack([part.trials for part in parts])
    total = trials.sum(axis=0)
    proportion = trials / np.maximum(total, _NONE)
    weights = np.stack([part.weight for part in parts])
    usual = np.stack([part.share for part in parts])
    known = weights[..., :COUNTED]
    doubt = PRIOR_N / np.maximum(known, PRIOR_N)
    usual[..., :COUNTED] += doubt * (whole.share[:, :COUNTED] - np.where(known > 0, PRIOR, 0.0))  # new: not even that
    square = proportion**2
    correlation = (square * np.stack([part.correlation for part in parts])).sum(axis=0)
    unsure = (square / (weights + 1.0)).sum(axis=0)
    some = total > 0
    share = whole.share.copy()
    counted = some[:, :COUNTED]
    share[:, :COUNTED][counted] = (proportion * usual).sum(axis=0)[:, :COUNTED][counted]
    weight = np.where(some, np.minimum(whole.weight, 1.0 / np.maximum(unsure, _NONE) - 1.0), whole.weight)
    return Measured(whole.hits, whole.trials, share, weight, np.maximum(whole.correlation, correlation))


def mixed_share(share: float, weight: float, parts: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """Return the usual share of one reason in a whole, and its weight; of each part: trials, share, weight."""
    total = sum(trials for trials, _, _ in parts)
    usual = unsure = 0.0
    for trials, own, known in parts:
        usual += trials / total * (own + REASON_PRIOR_N / known * (share - REASON_PRIOR))
        unsure += (trials / total) ** 2 / (known + 1.0)
    return usual, min(weight, 1.0 / unsure - 1.0)
