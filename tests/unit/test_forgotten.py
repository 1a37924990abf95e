"""Which groups have their offsets where, and what stands still: the pure half of `streams.kafka.forgotten`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.forgotten import means_nothing, neighbour, offsets_partition, unchanged

PLACES = st.dictionaries(st.tuples(st.sampled_from("ab"), st.integers(0, 2)), st.integers(0, 3))


@pytest.mark.parametrize(
    ("group", "hashed"),
    [("", 0), ("a", 97), ("sms-correlate", 150_038_293), ("polygenelubricants", 0), ("é😀", 1_996_812)],
)
def test_offsets_are_where_java_hashes_the_group(group: str, hashed: int) -> None:
    """The figures are of Java's `Math.abs(group.hashCode())`; that of the fourth is the lowest, taken as 0 by Kafka."""
    assert offsets_partition(group, 2**31) == hashed


@given(st.text(max_size=20), st.integers(1, 100))
def test_a_neighbour_is_another_group_in_the_same_partition(group: str, partitions: int) -> None:
    found = neighbour(group, partitions)
    assert found != group
    assert found.startswith(group)
    assert offsets_partition(found, partitions) == offsets_partition(group, partitions) < partitions


@given(PLACES, PLACES)
def test_what_stands_is_what_has_not_moved(before: dict[tuple[str, int], int], now: dict[tuple[str, int], int]) -> None:
    assert unchanged(before, now).items() == before.items() & now.items()


def test_only_our_own_mark_means_nothing() -> None:
    assert means_nothing(b"\0closes a transaction", None)
    assert not means_nothing(b"\0closes a transaction", b"")
    assert not means_nothing(b"message-1", None)
    assert not means_nothing(None, None)
