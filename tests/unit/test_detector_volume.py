"""Silence and surges of what is sent: found soon where traffic is steady, and not at all where pauses are usual."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from streams.detectors import registry
from streams.detectors.config import DetectConfig
from streams.detectors.finding import Finding
from streams.detectors.scopes import ROUTE, Scope
from streams.detectors.sending import Sending
from streams.detectors.window import SCALARS, WINDOW_MS, C

MONDAY_MS = 1_767_571_200_000  # midnight UTC
MINUTE, HOUR, DAY = 6, 360, 8_640  # windows
NINE = MONDAY_MS // WINDOW_MS + 9 * HOUR

OTP = Scope(ROUTE, "bank", "aurora", "FR", "otp")
UNKNOWN = OTP._replace(traffic_type="unknown")

Shape = Callable[[int], float]
"""Messages that are to be expected in a window, by its number from the beginning."""


def look(shape: Shape, windows: int, scope: Scope = OTP, seed: int = 1) -> Iterator[tuple[int, Finding]]:
    """Yield what is surely not as usual, with the number of the window after which that was said."""
    rng = np.random.default_rng(seed)
    state = Sending(scope, NINE - 1)
    for number in range(windows):
        row = np.zeros(SCALARS)
        row[C.SUBMITS] = rng.poisson(shape(number))
        state.close(row, {})
        for finding in registry.look(state, set(), (NINE + number + 1) * WINDOW_MS, DetectConfig()):
            state.flag(0)  # as an open or pending anomaly does
            yield number, finding


def first(shape: Shape, windows: int, scope: Scope = OTP) -> tuple[str, int] | None:
    """Return the kind of what is said first, and after which window."""
    return next(((finding.kind, number) for number, finding in look(shape, windows, scope)), None)


@pytest.mark.parametrize(("per_minute", "within_s"), [(600, 30), (150, 30), (40, 60), (12, 180)])
def test_steady_traffic_that_stops_is_found_in_so_many_seconds(per_minute: int, within_s: int) -> None:
    found = first(lambda n: per_minute / MINUTE if n < HOUR else 0.0, HOUR + MINUTE * 5)
    assert found is not None
    kind, window = found
    assert kind == "volume_silent"
    assert HOUR <= window < HOUR + within_s // 10


def test_traffic_that_always_pauses_for_two_minutes_is_silent_only_when_it_pauses_for_longer() -> None:
    def shape(number: int) -> float:
        return 25.0 if number % (10 * MINUTE) >= 2 * MINUTE and number < 4 * HOUR else 0.0

    found = first(shape, 5 * HOUR)
    assert found is not None
    assert found[0] == "volume_silent"
    assert 4 * HOUR + 2 * MINUTE < found[1] <= 4 * HOUR + 20 * MINUTE


def test_what_fades_away_by_itself_on_the_first_weekend_is_no_silence() -> None:
    """Office hours: 9 to 17, with an hour of rise and fall, from Monday to Friday."""

    def shape(number: int) -> float:
        hour, day = (number / HOUR + 9) % 24, int((number / HOUR + 9) // 24)
        return 25.0 * max(0.0, min(1.0, hour - 8, 18 - hour)) if day < 5 else 0.0

    assert first(shape, 7 * DAY) is None


def test_nobody_knows_on_the_first_day_when_other_traffic_ends() -> None:
    assert first(lambda n: 25.0 if n < 8 * HOUR else 0.0, 10 * HOUR, UNKNOWN) is None


def test_what_has_never_paused_for_a_day_and_a_night_is_steady_whatever_it_is_called() -> None:
    found = first(lambda n: 25.0 if n < DAY + HOUR else 0.0, DAY + 2 * HOUR, UNKNOWN)
    assert found == ("volume_silent", DAY + HOUR + 2)


def test_four_times_as_much_is_a_surge_on_the_first_day_already() -> None:
    found = first(lambda n: 25.0 if n < 2 * HOUR else 100.0, 3 * HOUR)
    assert found is not None
    assert found[0] == "volume_surge"
    assert found[1] < 2 * HOUR + 6 * MINUTE


@pytest.mark.parametrize("times", [1.5, 2.0])
def test_a_campaign_of_double_size_is_no_surge(times: float) -> None:
    assert first(lambda n: 25.0 if n < 2 * HOUR else 25.0 * times, 4 * HOUR) is None
