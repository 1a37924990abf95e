"""Transactions that the broker has forgotten to close: found, closed as what they were, or told of."""

from __future__ import annotations

import logging
import struct
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from streams.clock import now_ms
from streams.events import MESSAGE_STATUS
from streams.kafka import topic_admin
from streams.kafka.asking import topic_partitions
from streams.kafka.client import consumer_options, producer_options
from streams.kafka.forgotten import OFFSETS, Forgotten, neighbour, offsets_partition
from streams.runtime.output import CHANGELOG
from streams.runtime.worker import CorrelateWorker
from tests.kafka.conftest import KafkaNode, Names
from tests.kafka.helpers import Sender, dead_letters, revisions_of
from tests.kafka.helpers_local import LocalWorkers, answer, local_workers, run_for, run_until, submit

pytestmark = pytest.mark.kafka

_TRANSACTIONAL, _CONTROL = 0x10, 0x20


def leave_open(node: KafkaNode, topic: str, number: int) -> None:
    """Write the newest records of a partition once more behind its end, while the broker is stopped.

    They belong to a transaction that is complete for its coordinator, and no marker follows them: what a broker leaves
    that forgets to write one. (Where a batch begins is in its first eight bytes, which its checksum leaves out.)
    """
    log = max((node.folder / "node1" / "data" / f"{topic}-{number}").glob("*.log"))
    data = log.read_bytes()
    newest, end, place = b"", 0, 0
    while place < len(data):
        offset, length = struct.unpack_from(">qi", data, place)
        attributes, last = struct.unpack_from(">hi", data, place + 21)
        if attributes & (_TRANSACTIONAL | _CONTROL) == _TRANSACTIONAL:
            newest = data[place : place + 12 + length]
        end = offset + last + 1
        place += 12 + length
    assert newest, f"no transaction has written to {topic}-{number}"
    log.write_bytes(data + struct.pack(">q", end) + newest[8:])


def forgotten(worker: CorrelateWorker) -> Forgotten:
    return worker._transactions._closing._forgotten


def transaction(kafka: str, name: str) -> Producer:
    producer = Producer(producer_options({"bootstrap.servers": kafka}, transactional_id=name))
    producer.init_transactions(30)
    producer.begin_transaction()
    return producer


def test_an_open_transaction_is_seen_where_it_has_written(kafka: str, names: Names) -> None:
    """The offsets of the worker's group, and of the group that is used to close them, are where we say."""
    options = {"bootstrap.servers": kafka}
    assert not topic_admin.exit_code(topic_admin.create(options, partitions=2, prefix=names.prefix))
    topic, group = names.topic(MESSAGE_STATUS), names.group("workers")
    looks = Forgotten(options, [topic], group)
    assert looks.look() == {}
    partitions = 0  # of Kafka's own topic: it is made for the first group
    for name in ("one", "two"):
        producer = transaction(kafka, names.group(name))
        producer.produce(topic, b"any", b"key", 1)
        own = neighbour(group, partitions) if partitions else group
        consumer = Consumer(consumer_options(options, group_id=own))
        place = TopicPartition(topic, 0, 0)
        producer.send_offsets_to_transaction([place], consumer.consumer_group_metadata(), 30)
        producer.flush(30)
        partitions = topic_partitions(options, 10)[OFFSETS]
        assert set(looks.look()) == {(topic, 1), (OFFSETS, offsets_partition(group, partitions))}
        assert looks.look_twice() == looks.look()
        producer.commit_transaction(30)
        assert looks.look_twice() == {}
        consumer.close()


def topics_of(node: KafkaNode, names: Names) -> str:
    options = {"bootstrap.servers": node.bootstrap}
    assert not topic_admin.exit_code(topic_admin.create(options, partitions=1, prefix=names.prefix))
    return names.prefix


def forget(node: KafkaNode, places: list[tuple[str, int]]) -> None:
    """Stop the broker, leave the newest transaction open in these places, and start it again."""
    node.stop()
    for place in places:
        leave_open(node, *place)
    node.start()


def write_one(local: LocalWorkers, sender: Sender, at_ms: int) -> CorrelateWorker:
    """Let a worker write the first status of a message, and end; return it."""
    worker = local.start()
    sender.send([submit("m1", at_ms)])
    run_until(worker, lambda: worker.stats.revisions == 1)
    worker.close()
    return worker


def statuses(kafka: str, prefix: str, message_id: str) -> list[str]:
    with revisions_of(kafka, prefix) as revisions:
        revisions.settle()
        return [row.status for row in revisions.by_message[message_id]]


def test_what_the_broker_forgot_is_ended_by_the_worker_that_wrote_it(
    kafka_node: KafkaNode, names: Names, tmp_path: Path
) -> None:
    """As what it was: committed. So the records that were left open are read, and come twice here."""
    kafka, prefix = kafka_node.bootstrap, topics_of(kafka_node, names)
    sender, at_ms = Sender(kafka, prefix), now_ms()
    with local_workers(kafka, prefix, tmp_path) as local:
        worker = write_one(local, sender, at_ms)
        offsets = (OFFSETS, offsets_partition(worker._group, 10))
        places = [(prefix + CHANGELOG, 0), (prefix + MESSAGE_STATUS, 0), offsets]
        forget(kafka_node, places)
        assert set(forgotten(worker).look_twice()) == set(places)

        again = local.start()
        assert forgotten(again).look_twice() == {}
        sender.send([answer("m1", at_ms + 1)])
        run_until(again, lambda: again.stats.revisions == 1)
    assert statuses(kafka, prefix, "m1") == ["submitted", "submitted", "accepted"]
    assert dead_letters(kafka, prefix) == []


def test_another_worker_waits_for_what_the_broker_forgot_and_says_so(
    kafka_node: KafkaNode, names: Names, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It has another producer id; whoever wrote it has to start once more."""
    kafka, prefix = kafka_node.bootstrap, topics_of(kafka_node, names)
    sender, at_ms = Sender(kafka, prefix), now_ms()
    with local_workers(kafka, prefix, tmp_path) as local:
        write_one(local, sender, at_ms)
        places = [(prefix + CHANGELOG, 0), (prefix + MESSAGE_STATUS, 0)]
        forget(kafka_node, places)

        other = local.start(instance="two", machine="there")
        other._transactions._closing._every_s = other._transactions._closing._next_s = 0
        run_for(other, 3)
        assert not other._partitions[0].restored
        assert set(forgotten(other).look()) == set(places)
        said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        assert len(said) == len(places)
        assert all("start that once under its --instance" in line for line in said)

        sender.send([answer("m1", at_ms + 1)])
        local.start().close()
        run_until(other, lambda: other.stats.revisions == 1)
    assert statuses(kafka, prefix, "m1") == ["submitted", "submitted", "accepted"]
