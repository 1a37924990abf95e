"""The statistics of the detectors: exact tails of binomial and negative binomial counts, intervals of shares.

Counts of real traffic scatter more than coin tosses do: messages of one campaign or one minute share their luck. So
trials are first made fewer (`effective`) by what the scatter of the past says, and the tails are taken of those.
Counts may be fractions; the tails go on between whole numbers (regularised incomplete beta function).
"""

from __future__ import annotations

import math

_TINY = 1e-300
_NOTHING = 1e-12  # counts below are none: the gamma function has no bounds there
_PRECISION = 3e-12
_STEPS = 300


def effective(trials: float, correlation: float) -> float:
    """Return how many independent trials `trials` are worth when any two of them correlate by `correlation`.

    The design effect of beta-binomial counts: n / (1 + (n - 1) rho), never more than 1 / rho.
    """
    return trials / (1.0 + max(trials - 1.0, 0.0) * correlation)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), for a, b > 0 (Numerical Recipes, section 6.4)."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    front = math.exp(log_front) if log_front > -745 else 0.0
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _continued_fraction(a, b, x) / a
    return 1.0 - front * _continued_fraction(b, a, 1.0 - x) / b


def _continued_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / _nonzero(1.0 - (a + b) * x / (a + 1.0))
    h = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        d = 1.0 / _nonzero(1.0 + even * d)
        c = _nonzero(1.0 + even / c)
        h *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        d = 1.0 / _nonzero(1.0 + odd * d)
        c = _nonzero(1.0 + odd / c)
        h *= d * c
        if abs(d * c - 1.0) < _PRECISION:
            break
    return h


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def at_most(count: float, trials: float, chance: float) -> float:
    """Return the probability of `count` or fewer successes in `trials` with `chance` each."""
    if count >= trials:
        return 1.0
    return incomplete_beta(trials - max(count, 0.0), max(count, 0.0) + 1.0, 1.0 - chance)


def at_least(count: float, trials: float, chance: float) -> float:
    """Return the probability of `count` or more successes in `trials` with `chance` each."""
    if count <= _NOTHING:
        return 1.0
    return incomplete_beta(min(count, trials), max(trials - count, 0.0) + 1.0, chance)


def count_at_most(count: float, mean: float, dispersion: float) -> float:
    """Return the probability of a count as low as `count`: negative binomial, variance mean + dispersion mean²."""
    size = 1.0 / max(dispersion, 1e-6)
    return incomplete_beta(size, count + 1.0, size / (size + mean))


def count_at_least(count: float, mean: float, dispersion: float) -> float:
    """Return the probability of a count as high as `count`: negative binomial, variance mean + dispersion mean²."""
    if count <= _NOTHING:
        return 1.0
    size = 1.0 / max(dispersion, 1e-6)
    return incomplete_beta(count, size, mean / (size + mean))


def wilson(count: float, trials: float, z: float = 1.96) -> tuple[float, float]:
    """Return the confidence interval of a share (Wilson 1927); z = 1.96 gives 95 percent. (0, 1) without trials."""
    if trials <= 0.0:
        return 0.0, 1.0
    share = min(count / trials, 1.0)
    middle = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
