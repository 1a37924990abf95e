"""The encoder of sms.route-health gives, byte for byte, what the reference codec gives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.codec.avro import Encoder
from streams.codec.health import HealthEncoder
from streams.correlator.health import Told
from streams.correlator.measures import COUNTERS, MEASURES, NAMED, RECEIPT_LATENCY, RESPONSE_LATENCY
from streams.correlator.recipients import NO_DETAILS, Details
from streams.correlator.totals import Totals
from streams.events import ROUTE_HEALTH, RouteHealth
from streams.health.buckets import index_of
from streams.health.heartbeat import WINDOW_MS
from tests.contract.examples import Example, examples

REFERENCE, OURS = Encoder(ROUTE_HEALTH), HealthEncoder()
LONGS = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(0, 5_000)
INTS = st.integers(-(1 << 31), (1 << 31) - 1)
MAPS = st.dictionaries(st.text(max_size=8) | st.text("0123456789", max_size=80), LONGS, max_size=4)


MANY = st.integers(1, (1 << 63) - 1) | st.integers(1, 100)
RANGES = st.dictionaries(MANY, MANY, max_size=6)


def details_with(distinct: bytes, ranges: Mapping[int, int]) -> Details:
    return Details(distinct, np.array(list(ranges), np.uint64), np.array(list(ranges.values()), np.int64))


@st.composite
def any_totals(draw: st.DrawFn) -> Totals:
    names = [draw(st.text(max_size=8)) for _ in range(3)]
    route = (names[0], names[1], names[2], draw(st.sampled_from(["unknown", "marketing", "notification", "otp"])))
    window, measures = draw(st.integers(-(1 << 49), 1 << 49)), draw(st.sets(st.integers(0, MEASURES - 1), max_size=30))
    counts, named = [draw(LONGS.filter(bool)) for _ in measures], [draw(MAPS) for _ in range(NAMED)]
    details = details_with(draw(st.binary(max_size=20)), draw(RANGES))
    return Totals(window, route, sorted(measures), counts, named, details)


def totals_of(record: RouteHealth) -> Totals:
    route = (record.account, record.provider, record.country, record.traffic_type)
    counts = {measure: getattr(record, name) for measure, name in enumerate(COUNTERS) if getattr(record, name)}
    for first, histogram in ((RESPONSE_LATENCY, record.response_latency), (RECEIPT_LATENCY, record.receipt_latency)):
        counts |= {first + index_of(bucket): count for bucket, count in histogram.items()}
    measures = sorted(counts)
    named = [record.refusal_reasons, record.failure_reasons, record.campaign_sample]
    details = details_with(record.recipients or b"", {int(name): many for name, many in record.ranges.items()})
    window = record.window_start_ms // WINDOW_MS
    return Totals(window, route, measures, [counts[measure] for measure in measures], named, details)


# All but the one that no totals make: it begins between two windows, and its buckets are none.
@pytest.mark.parametrize(
    "example",
    [e for e in examples() if e.topic == ROUTE_HEALTH and not e.name.endswith("/edge")],
    ids=lambda example: str(example.name),
)
def test_a_golden_example_has_its_bytes(example: Example) -> None:
    record = RouteHealth(**example.record)
    told = Told(record.source_partition, record.stream_time_ms, [totals_of(record)], False)
    assert told.records() == [record]
    assert [value for _, value in OURS.encode_all(told)] == [example.value]


@given(INTS, LONGS, st.lists(any_totals(), max_size=5))
def test_any_totals_have_the_bytes_of_the_reference_codec(source: int, now_ms: int, totals: list[Totals]) -> None:
    told = Told(source, now_ms, totals, False)
    assert [value for _, value in OURS.encode_all(told)] == [REFERENCE.encode(record) for record in told.records()]


def test_a_key_has_the_fields_that_topics_yaml_names() -> None:
    totals = Totals(170_000_000, ("acme", "borealis", "FR", "otp"), [], [], [{}] * NAMED, NO_DETAILS)
    assert [key for key, _ in OURS.encode_all(Told(3, 0, [totals], False))] == ["acme:borealis:FR:otp:1700000000000:3"]
