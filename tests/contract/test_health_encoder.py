"""The encoder of sms.route-health gives, byte for byte, what the reference codec gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.codec.avro import Encoder
from streams.codec.health import HealthEncoder
from streams.events import ROUTE_HEALTH, RouteHealth
from tests.contract.examples import Example, examples

REFERENCE, OURS = Encoder(ROUTE_HEALTH), HealthEncoder()
longs = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(0, 5_000)
ints = st.integers(-(1 << 31), (1 << 31) - 1)
maps = st.dictionaries(st.text(max_size=8), longs, max_size=4)
records = st.builds(
    RouteHealth._make,
    st.tuples(
        *[st.text(max_size=8)] * 3,
        st.sampled_from(["unknown", "marketing", "notification", "otp"]),
        *(longs, ints, ints),
        *[longs] * 19,
        *[maps] * 4,
        st.none() | st.binary(max_size=20),
        *[maps] * 2,
    ),
)


@pytest.mark.parametrize(
    "example", [e for e in examples() if e.topic == ROUTE_HEALTH], ids=lambda example: str(example.name)
)
def test_a_golden_example_has_its_bytes(example: Example) -> None:
    assert OURS.encode(RouteHealth(**example.record)) == example.value


@given(records)
def test_any_record_has_the_bytes_of_the_reference_codec(record: RouteHealth) -> None:
    assert OURS.encode(record) == REFERENCE.encode(record)
