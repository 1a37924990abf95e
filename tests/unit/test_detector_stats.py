"""The tails and intervals are those of the textbooks, and go on between whole numbers; so do mixed shares."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.detectors.mix import Measured, mixed
from streams.detectors.rates import COUNTED, RATES
from streams.detectors.stats import at_least, at_most, count_at_least, count_at_most, effective, wilson

CHANCES = st.floats(0.01, 0.99)


def binomial(count: int, trials: int, chance: float) -> float:
    return math.comb(trials, count) * chance**count * (1 - chance) ** (trials - count)


@given(st.integers(1, 60), CHANCES, st.data())
def test_tails_are_the_sums_of_the_binomial(trials: int, chance: float, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, trials))
    below = sum(binomial(k, trials, chance) for k in range(count + 1))
    above = sum(binomial(k, trials, chance) for k in range(count, trials + 1))
    assert at_most(count, trials, chance) == pytest.approx(below, rel=1e-6, abs=1e-12)
    assert at_least(count, trials, chance) == pytest.approx(above, rel=1e-6, abs=1e-12)


def test_very_small_tails_keep_their_size() -> None:
    assert at_most(0, 200, 0.9) == pytest.approx(1e-200, rel=1e-6)
    assert at_least(200, 200, 0.1) == pytest.approx(1e-200, rel=1e-6)


@given(st.floats(0, 50), st.floats(0.1, 9), CHANCES)
@example(5e-324, 1.0, 0.015625)
def test_more_of_what_is_bad_is_never_more_probable(count: float, more: float, chance: float) -> None:
    assert at_least(count + more, 60, chance) <= at_least(count, 60, chance) + 1e-12
    assert at_most(count, 60, chance) <= at_most(count + more, 60, chance) + 1e-12


@pytest.mark.parametrize(("mean", "dispersion"), [(5.0, 0.5), (40.0, 0.1), (100.0, 2.0)])
def test_scattered_counts_have_the_tails_of_the_negative_binomial(mean: float, dispersion: float) -> None:
    size = 1 / dispersion
    share = size / (size + mean)

    def chance(count: int) -> float:
        logs = math.lgamma(count + size) - math.lgamma(size) - math.lgamma(count + 1)
        return math.exp(logs + size * math.log(share) + count * math.log1p(-share))

    below = sum(chance(k) for k in range(8))
    assert count_at_most(7, mean, dispersion) == pytest.approx(below, rel=1e-6)
    assert count_at_least(8, mean, dispersion) == pytest.approx(1 - below, rel=1e-6)


def test_correlated_trials_are_worth_fewer() -> None:
    assert effective(1, 0.5) == 1
    assert effective(100, 0.0) == 100
    assert effective(10**9, 0.01) == pytest.approx(100, rel=1e-3)


@given(st.integers(0, 500), st.integers(1, 500))
def test_an_interval_holds_the_share_that_was_seen(count: int, trials: int) -> None:
    low, high = wilson(min(count, trials), trials)
    assert 0 <= low <= min(count, trials) / trials + 1e-9
    assert min(count, trials) / trials - 1e-9 <= high <= 1
    assert wilson(0, 0) == (0.0, 1.0)


def test_of_a_part_of_which_nothing_is_known_yet_the_past_of_the_whole_stands_in() -> None:
    def measured(share: float, weight: float) -> Measured:
        shape = (1, len(RATES))
        return Measured(*(np.full(shape, value) for value in (1.0, 30.0, share, weight, 0.01)))

    new = measured(0.0, 0.0)
    assert mixed(measured(0.005, 900.0), [new]).share[0, :COUNTED] == pytest.approx(0.005)
