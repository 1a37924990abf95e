"""Facts about Kafka and its client that the runtime is built on. If one of these breaks, the runtime is wrong."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from streams.kafka import topic_admin
from streams.kafka.client import consumer_options, producer_options
from tests.kafka.conftest import Names

pytestmark = pytest.mark.kafka
JOINED = ("sms.submit", "sms.submit-response", "sms.delivery-report")


def _consumer(kafka: str, group: str) -> Consumer:
    return Consumer(consumer_options({"bootstrap.servers": kafka}, group_id=group))


def _producer(kafka: str, transactional_id: str) -> Producer:
    producer = Producer(producer_options({"bootstrap.servers": kafka}, transactional_id=transactional_id))
    producer.init_transactions(30)
    return producer


def _read_to_end(consumer: Consumer, partitions: int) -> list[Message]:
    """Read until every partition has said that it is at its end."""
    read: list[Message] = []
    ended: set[tuple[str | None, int | None]] = set()
    deadline = time.monotonic() + 30
    while len(ended) < partitions:
        assert time.monotonic() < deadline, f"only {len(ended)} of {partitions} partitions came to their end"
        for message in consumer.consume(1000, 0.5):
            error = message.error()
            if error is None:
                read.append(message)
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error
                ended.add((message.topic(), message.partition()))
    return read


def test_records_of_an_aborted_transaction_are_never_read(
    kafka: str, names: Names, make_topics: Callable[..., str]
) -> None:
    topic = make_topics(1) + "sms.submit"
    producer = _producer(kafka, names.group("writer"))
    for value, end in ((b"kept", producer.commit_transaction), (b"undone", producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush(30)
        end(30)
    consumer = _consumer(kafka, names.group("reader"))
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert [message.value() for message in _read_to_end(consumer, 1)] == [b"kept"]
    consumer.close()


def test_a_second_producer_of_the_same_name_fences_the_first(
    kafka: str, names: Names, make_topics: Callable[..., str]
) -> None:
    topic = make_topics(1) + "sms.submit"
    first = _producer(kafka, names.group("worker"))
    first.begin_transaction()
    first.produce(topic, b"from the first")
    first.flush(30)
    second = _producer(kafka, names.group("worker"))
    with pytest.raises(KafkaException) as fenced:
        first.commit_transaction(30)
    error = fenced.value.args[0]
    assert error.code() == KafkaError._FENCED
    assert error.fatal()
    second.begin_transaction()
    second.produce(topic, b"from the second")
    second.commit_transaction(30)
    consumer = _consumer(kafka, names.group("reader"))
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert [message.value() for message in _read_to_end(consumer, 1)] == [b"from the second"]
    consumer.close()


def test_range_gives_a_member_the_same_partitions_of_all_three_inputs(
    kafka: str, names: Names, make_topics: Callable[..., str]
) -> None:
    prefix = make_topics(5)
    members = [_consumer(kafka, names.group("correlate")) for _ in range(2)]
    for member in members:
        member.subscribe([prefix + name for name in JOINED])
    deadline = time.monotonic() + 30
    while any(not member.assignment() for member in members) or _assigned(members) != 15:
        assert time.monotonic() < deadline, "two members did not share the partitions in 30 s"
        for member in members:
            member.consume(100, 0.1)
    for member in members:
        by_topic: dict[str, set[int]] = defaultdict(set)
        for part in member.assignment():
            by_topic[part.topic].add(part.partition)
        assert len(by_topic) == 3
        assert len({frozenset(numbers) for numbers in by_topic.values()}) == 1
    for member in members:
        member.close()


def _assigned(members: list[Consumer]) -> int:
    return sum(len(consumer.assignment()) for consumer in members)


def test_the_partitioner_is_that_of_java(kafka: str, names: Names, make_topics: Callable[..., str]) -> None:
    """Java's default producer puts these keys on these of 12 partitions (murmur2 of the key, sign bit cleared)."""
    topic = make_topics(12) + "sms.submit"
    producer = Producer(producer_options({"bootstrap.servers": kafka}))
    landed: dict[bytes | None, int | None] = {}
    keys = (b"m-1", b"m-2", b"21", b"foobar", b"abc")
    for key in keys:
        producer.produce(
            topic, b"x", key=key, on_delivery=lambda _, message: landed.update({message.key(): message.partition()})
        )
    producer.flush(30)
    assert landed == {key: _murmur2_partition(key, 12) for key in keys}


def _murmur2_partition(key: bytes, partitions: int) -> int:
    """Kafka's DefaultPartitioner: toPositive(murmur2(key)) % partitions."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(key)) & mask
    whole = len(key) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(key[i : i + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    rest = key[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return ((h ^ h >> 15) & 0x7FFFFFFF) % partitions


def test_arrival_time_is_the_brokers_clock_and_old_events_are_kept(
    kafka: str, names: Names, make_topics: Callable[..., str]
) -> None:
    topic = make_topics(1) + "sms.submit"
    producer = Producer(producer_options({"bootstrap.servers": kafka}))
    before_ms = int(time.time() * 1000)
    producer.produce(topic, b"old", timestamp=1_000_000)
    producer.produce(topic, b"future", timestamp=before_ms + 40 * 86_400_000)
    producer.flush(30)
    consumer = _consumer(kafka, names.group("reader"))
    consumer.assign([TopicPartition(topic, 0, 0)])
    arrived = [message.timestamp()[1] for message in _read_to_end(consumer, 1)]
    consumer.close()
    assert len(arrived) == 2
    assert all(before_ms - 60_000 < at < before_ms + 60_000 for at in arrived)


def test_topics_are_made_once_and_what_differs_is_found(kafka: str, make_topics: Callable[..., str]) -> None:
    options = {"bootstrap.servers": kafka}
    prefix = make_topics(3)
    again = topic_admin.create(options, partitions=3, prefix=prefix)
    assert {result.outcome for result in again} == {"exists"}
    assert topic_admin.check(options, partitions=3, prefix=prefix) == []
    findings = topic_admin.check(options, prefix=prefix)
    assert {finding.severity for finding in findings} == {"note"}
    assert all("has 3 partitions, expected" in finding.problem for finding in findings)
    missing = topic_admin.check(options, prefix="no-such-prefix.")
    assert topic_admin.exit_code(missing) == topic_admin.WRONG
