"""Recipients by the batch give what they give one by one."""

from __future__ import annotations

import random
import zlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.correlator.recipients import details_of, value_of, values_of
from streams.health.sketch import Distinct, digits, fullest, mix_many, number_range

WRITTEN = st.text("+-_ 0123456789a٣", max_size=24)


@given(WRITTEN)
@example("-33612345678")
@example("1_000")
@example("+" + "9" * 18)
@example("0" * 19)
@example("٣٣٦")
def test_the_value_of_a_recipient_is_its_digits_or_beyond_all_numbers(recipient: str) -> None:
    assert value_of(recipient) == digits(recipient) or value_of(recipient) == zlib.crc32(recipient.encode()) | 1 << 63
    assert (value_of(recipient) < 1 << 63) == bool(digits(recipient))
    assert values_of([recipient, "33"]).tolist() == [value_of(recipient), 33]


@given(st.lists(st.one_of(st.integers(0, 10**20).map("+{}".format), st.text("+,0123", max_size=20)), max_size=8))
@example(["+33", "", "+44"])
@example(["+", "33,44"])
@example(["0"])
@example(["3+3", "+" + "0" * 17 + "33"])
@example(["+33612345678", "33712345678"])
def test_the_values_of_many_are_those_of_each(recipients: list[str]) -> None:
    assert values_of(recipients).tolist() == [value_of(recipient) for recipient in recipients]


@pytest.mark.parametrize("seed", range(12))
def test_the_details_of_many_windows_are_those_of_each(seed: int) -> None:
    rng = random.Random(seed)
    lengths = [rng.choice((0, 1, 7, 30, 600, 3_000)) for _ in range(rng.choice((1, 5, 40)))]
    ends = rng.choice((3, 1_200, 40_000, 10**6))  # few numbers: full ranges; many: all different
    first = rng.choice((33_600_000_000, 10**17, 0))
    windows = [
        [f"+{first + rng.randrange(ends)}" if rng.random() < 0.97 else "shop" for _ in range(n)] for n in lengths
    ]
    if seed % 4 == 0:
        windows.append(["+33600000101"] * 2_000)  # more than the short keys hold
    owned = [(group, recipient) for group, window in enumerate(windows) for recipient in window]
    rng.shuffle(owned)
    groups = np.array([group for group, _ in owned], np.int64)
    details = details_of(groups, values_of([recipient for _, recipient in owned]), len(windows))
    for window, found in zip(windows, details, strict=True):
        sketch = Distinct()
        sketch.add_many(mix_many(values_of(window)))
        assert found.distinct == sketch.data()
        assert found.fullest() == fullest(Counter(map(number_range, window)))


def test_nobody_gives_no_details() -> None:
    found = details_of(np.array([], np.int64), np.array([], np.uint64), 2)
    assert [(one.distinct, one.fullest()) for one in found] == [(b"", {})] * 2
