"""Histograms and sketches of recipients: what merges gives what the whole would have given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.health.buckets import BOUNDS, NAMES, bucket, bucket_index, counts, index_of, merge, quantile_ms
from streams.health.sketch import (
    KEPT_RANGES,
    SAMPLE,
    Distinct,
    digits,
    distinct,
    fullest,
    mix,
    mix_many,
    number_hash,
    number_range,
    sample_key,
    sampled_campaign,
)

HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=800)
LATENCIES = st.lists(st.integers(-(10**6), 10**10), max_size=50)


@given(st.integers(-(10**12), 10**12))
def test_a_latency_is_in_the_first_bucket_that_holds_it(latency_ms: int) -> None:
    index = bucket_index(latency_ms)
    assert latency_ms <= BOUNDS[index] or index == len(BOUNDS) - 1
    assert index == 0 or latency_ms > BOUNDS[index - 1]
    assert index_of(bucket(latency_ms)) == index


def test_a_bound_belongs_to_the_bucket_below_it() -> None:
    for index, bound in enumerate(BOUNDS[:-1]):
        assert (bucket_index(bound), bucket_index(bound + 1)) == (index, index + 1)


def test_buckets_double_every_second_bound_and_keep_their_names() -> None:
    assert NAMES[:6] == ("4", "6", "8", "11", "16", "23")
    assert BOUNDS[-1] == 2**28
    assert all(later == pytest.approx(2 * bound, abs=1) for bound, later in zip(BOUNDS, BOUNDS[2:], strict=False))


@given(LATENCIES, LATENCIES)
def test_merged_histograms_are_the_histogram_of_everything(one: list[int], other: list[int]) -> None:
    def histogram(values: list[int]) -> dict[str, int]:
        return merge({bucket(value): 1} for value in values)

    assert merge([histogram(one), histogram(other)]) == histogram(one + other)
    assert sum(counts(histogram(one + other))) == len(one + other)


def test_a_bucket_of_another_version_goes_where_it_fits() -> None:
    assert index_of("90") == index_of("91")
    assert index_of("more") == len(BOUNDS) - 1


def test_quantiles_lie_between_the_bounds_of_their_bucket() -> None:
    row = counts({"91": 50, "181": 50})
    assert 64 <= quantile_ms(row, 0.25) <= 91
    assert 128 <= quantile_ms(row, 0.75) <= 181
    assert quantile_ms([0] * len(BOUNDS), 0.5) == 0.0


@given(HASHES)
def test_hashes_at_once_are_hashes_one_by_one(hashes: list[int]) -> None:
    many, single = Distinct(), Distinct()
    many.add_many(np.array(hashes, np.uint64))
    for hash_ in hashes:
        single.add(hash_)
    assert many.data() == single.data()


@pytest.mark.parametrize("rest", [0, 1, 2, 3, 4, 2**53 - 1, 2**53, 2**54 - 1, 2**54 - 2])
def test_ranks_at_the_ends_are_the_same_both_ways(rest: int) -> None:
    many, single = Distinct(), Distinct()
    many.add_many(np.array([rest], np.uint64))
    single.add(rest)
    assert many.data() == single.data()


@given(HASHES, HASHES)
def test_a_merged_sketch_is_the_sketch_of_everything(one: list[int], other: list[int]) -> None:
    both, whole = Distinct(), Distinct()
    for part in (one, other):
        sketch = Distinct()
        sketch.add_many(np.array(part, np.uint64))
        both.merge(sketch.data())
    whole.add_many(np.array(one + other, np.uint64))
    assert both.data() == whole.data()
    assert Distinct(both.data()).data() == whole.data()


@pytest.mark.parametrize("recipients", [0, 1, 10, 500, 3_000, 50_000])
def test_distinct_recipients_are_counted_within_a_tenth(recipients: int) -> None:
    sketch = Distinct()
    sketch.add_many(mix_many(np.arange(33_600_000_000, 33_600_000_000 + recipients, dtype=np.uint64)))
    sketch.add_many(mix_many(np.arange(33_600_000_000, 33_600_000_000 + recipients, dtype=np.uint64)))
    assert distinct([sketch.data()]) == pytest.approx(recipients, rel=0.1)


@given(st.binary(max_size=40))
def test_what_is_no_sketch_stops_nothing(data: bytes) -> None:
    assert Distinct(data).count() >= 0


def test_ways_to_write_a_number_are_one_recipient() -> None:
    assert digits("+33 6 12-34 56 78") == digits("33612345678") == 33612345678
    assert number_hash("+33612345678") == number_hash("33612345678") == mix(33612345678)
    assert number_hash("Maison") != number_hash("maison")


@given(st.integers(0, 2**64 - 1))
def test_mixing_many_is_mixing_each(value: int) -> None:
    assert int(mix_many(np.array([value], np.uint64))[0]) == mix(value)


def test_ranges_have_a_hundred_numbers_and_the_fullest_are_kept() -> None:
    assert number_range("+33612345678") == "336123456"
    assert number_range("77") == number_range("shop") == ""
    ranges = {str(n): 1 for n in range(1_000)} | {"336": 9, "337": 2, "": 50}
    kept = fullest(ranges)
    assert len(kept) == KEPT_RANGES
    assert list(kept.items())[:2] == [("336", 9), ("337", 2)]
    assert fullest(dict(reversed(ranges.items()))) == kept


def test_one_recipient_in_sixteen_is_in_the_sample_always_the_same() -> None:
    keys = [sample_key("sale/2", number_hash(f"+336{n:08d}")) for n in range(16_000)]
    chosen = [key for key in keys if key]
    assert len(chosen) == pytest.approx(16_000 / SAMPLE, rel=0.15)
    assert {sampled_campaign(key)[0] for key in chosen} == {"sale/2"}
    assert len(set(chosen)) == len(chosen)
