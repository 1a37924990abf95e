"""What is usual of a whole whose parts differ: what is usual of each part, in the proportion of what each did now.

A provider that delivers 94 % of the one-time codes and 75 % of the campaigns delivers less when a campaign begins, and
nothing is wrong. So a whole is not compared with its own past, but with the past of its parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from streams.detectors.awaited import Due, Floats, due
from streams.detectors.rates import AWAITED, COUNTED, PRIOR, PRIOR_N

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
    """Return what was measured of a whole with what is usual of its parts."""
    _, trials, share, weight, correlation = (np.stack(each) for each in zip(*parts, strict=True))
    counted = np.s_[..., :COUNTED]
    usual = whole.share.copy()
    usual[counted] = _share(whole.share[counted], trials[counted], share[counted], weight[counted], (PRIOR, PRIOR_N))
    return Measured(
        whole.hits,
        whole.trials,
        usual,
        _weight(whole.weight, trials, weight),
        np.maximum(whole.correlation, (_proportion(trials) ** 2 * correlation).sum(axis=0)),
    )


def mixed_share(share: float, weight: float, parts: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """Return the usual share of one reason in a whole, and its weight; of each part: trials, share, weight."""
    trials, own, known = np.array(parts).T
    usual = _share(np.array(share), trials, own, known, (REASON_PRIOR, REASON_PRIOR_N))
    return float(usual), float(_weight(np.array(weight), trials, known))


def _proportion(trials: Floats) -> Floats:
    """Return what each part did of all that was done. Parts are along the first axis, here and below."""
    part: Floats = trials / np.maximum(trials.sum(axis=0), _NONE)
    return part


def _share(whole: Floats, trials: Floats, share: Floats, weight: Floats, prior: tuple[Any, Any]) -> Floats:
    """Mix the usual shares; where nothing was done the whole's own stays.

    Of a part of which little is known the whole's own stands in, where the `prior` (share, trials) did.
    """
    believed, trials_of_prior = prior
    doubt = trials_of_prior / np.maximum(weight, trials_of_prior)
    usual = share + doubt * (whole - np.where(weight > 0, believed, 0.0))  # new: not even the prior
    return np.where(trials.sum(axis=0) > 0, (_proportion(trials) * usual).sum(axis=0), whole)


def _weight(whole: Floats, trials: Floats, weight: Floats) -> Floats:
    """Mix the weights: the less is known of what makes most of a whole, the less its usual share weighs."""
    unsure = (_proportion(trials) ** 2 / (weight + 1.0)).sum(axis=0)
    known = np.minimum(whole, 1.0 / np.maximum(unsure, _NONE) - 1.0)
    return np.where(trials.sum(axis=0) > 0, known, whole)


def owed(parts: Sequence[Measured]) -> Due:
    """Return what was due of a whole: what was of its parts, of their mean and variance."""
    trials = np.stack([part.trials[:, AWAITED] for part in parts])
    share = np.stack([part.share[:, AWAITED] for part in parts])
    mean = trials * share
    return due(mean.sum(axis=0), (mean * (1.0 - share)).sum(axis=0))
