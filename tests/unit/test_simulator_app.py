"""`simulate`: pace, stop, lines of JSON that `replay` reads, and delivery to a broker."""

from __future__ import annotations

import io
import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError

from streams.apps.simulate import KafkaSink, NdjsonSink, Pace, Totals, simulate
from streams.codec.avro import Decoder
from streams.codec.ndjson import parse_line
from streams.kafka import topic_admin
from streams.kafka.client import KafkaUnavailable, consumer_options
from streams.kafka.embedded import EmbeddedBroker
from streams.simulator import Arrival, Traffic, TrafficConfig


class Memory:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[Arrival] = []
        self.closed = False

    def send(self, arrival: Arrival) -> None:
        self.got.append(arrival)

    def serve(self) -> None:
        pass

    def close(self, totals: Totals) -> None:
        self.closed = True


def _arrivals() -> list[Arrival]:
    return list(Traffic(TrafficConfig(messages=300), 5))


def test_everything_is_sent_in_order_and_counted_by_topic() -> None:
    sink = Memory()
    totals = simulate(_arrivals(), sink)
    assert sink.got == _arrivals()
    assert sink.closed
    assert totals.by_topic == Counter(arrival.topic for arrival in _arrivals())
    assert not totals.stopped


def test_a_rate_is_kept() -> None:
    started = time.monotonic()
    totals = simulate(_arrivals()[:100], Memory(), pace=Pace(events_per_s=200))
    assert 0.45 < time.monotonic() - started < 1.5
    assert totals.events == 100


def test_speed_compresses_event_time() -> None:
    arrivals = _arrivals()[:200]
    span_s = (arrivals[-1].at_ms - arrivals[0].at_ms) / 1000
    started = time.monotonic()
    simulate(arrivals, Memory(), pace=Pace(speed=span_s / 0.5))
    assert 0.45 < time.monotonic() - started < 1.5


def test_a_pace_is_either_a_speed_or_a_rate_and_positive() -> None:
    with pytest.raises(ValueError, match="not both"):
        Pace(speed=1, events_per_s=1)
    with pytest.raises(ValueError, match="more than 0"):
        Pace(speed=-1)


def test_stop_ends_it_at_once_and_still_closes_the_sink() -> None:
    sink = Memory()
    totals = simulate(_arrivals(), sink, pace=Pace(events_per_s=1), stop=lambda: len(sink.got) >= 1)
    assert totals.stopped
    assert totals.events == 1
    assert sink.closed


def test_it_ends_with_the_event_time_asked_for() -> None:
    until_ms = _arrivals()[0].at_ms + 5_000
    totals = simulate(_arrivals(), Memory(), until_ms=until_ms)
    assert totals.events == sum(arrival.at_ms <= until_ms for arrival in _arrivals())
    assert totals.event_time_ms <= until_ms


def test_progress_tells_the_totals() -> None:
    seen: list[int] = []
    simulate(_arrivals()[:50], Memory(), on_progress=lambda totals: seen.append(totals.events))
    assert seen[-1] == 50


def test_lines_of_json_are_what_replay_reads() -> None:
    file = io.BytesIO()
    simulate(_arrivals(), NdjsonSink(file))
    parsed = [parse_line(line) for line in file.getvalue().splitlines()]
    assert [(line.topic, line.event) for line in parsed] == [(a.topic, a.record) for a in _arrivals()]
    assert not any(line.ignored for line in parsed)


def test_kafka_gets_every_record_under_its_message_id(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker") as broker:
        options = {"bootstrap.servers": broker.bootstrap}
        topic_admin.create(options, partitions=2, prefix="t.")
        totals = simulate(_arrivals(), KafkaSink(options, "t."))
        got = _read(options, "t.")
    assert (totals.events, totals.failed) == (len(_arrivals()), 0)
    assert sorted(map(repr, got)) == sorted(repr(arrival.record) for arrival in _arrivals())


def _read(options: dict[str, str], prefix: str) -> list[object]:
    topics = [prefix + name for name in ("sms.submit", "sms.submit-response", "sms.delivery-report")]
    consumer = Consumer(consumer_options(options, group_id="reader"))
    consumer.subscribe(topics)
    values: dict[str, list[bytes]] = {topic: [] for topic in topics}
    partition_of_key: dict[bytes, int | None] = {}
    ended = 0
    deadline = time.monotonic() + 20
    while ended < 6 and time.monotonic() < deadline:
        for message in consumer.consume(1000, 0.5):
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                ended += 1
                continue
            topic, key, value, partition = message.topic(), message.key(), message.value(), message.partition()
            assert topic is not None
            assert key is not None
            assert value is not None
            assert partition_of_key.setdefault(key, partition) == partition  # co-partitioned over the three topics
            values[topic].append(value)
    consumer.close()
    records: list[object] = []
    for topic, found in values.items():
        rows, _, bad = Decoder(topic.removeprefix(prefix)).rows(found)
        assert not bad
        records += rows
    return records


def test_without_topics_it_does_not_start_and_says_what_to_do(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker") as broker:
        options = {"bootstrap.servers": broker.bootstrap}
        with pytest.raises(KafkaUnavailable, match=r"nowhere\.sms\.submit.*topics create"):
            KafkaSink(options, "nowhere.")


def test_records_that_kafka_does_not_take_are_counted_and_told(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker") as broker:
        options = {"bootstrap.servers": broker.bootstrap, "producer.message.timeout.ms": 1000}
        topic_admin.create(options, partitions=1)
        sink = KafkaSink(options)
    totals = simulate(_arrivals()[:10], sink)
    assert totals.failed == 10
    assert sum(totals.errors.values()) == 10
    assert "Kafka: " in next(iter(totals.errors))
