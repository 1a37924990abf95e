"""Whether the worker did the work that was timed: everything read, every revision there once, in full."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from benchmarks.traffic import INPUTS
from streams.codec.avro import Decoder
from streams.events import MESSAGE_STATUS
from streams.kafka.client import consumer_options
from streams.settings import CorrelateSettings

_PATIENCE_S = 30.0


class NotDoneError(RuntimeError):
    """The worker did not do what was timed, so its figures mean nothing."""


class Written(NamedTuple):
    """What stands in ``sms.message-status``, read committed."""

    rows: int
    messages: int
    statuses: dict[str, int]
    """Revisions by status."""


def check(bootstrap: str, prefix: str, revisions: int, messages: int) -> Written:
    """Read what the worker wrote and what it committed; raise `NotDoneError` where that is not all of it."""
    group = prefix + CorrelateSettings().group
    consumer = Consumer(consumer_options({"bootstrap.servers": bootstrap}, group_id=group))
    try:
        left = _not_committed(consumer, prefix)
        if left:
            raise NotDoneError(f"{left} input records are not committed by the worker")
        written = _written(_read(consumer, prefix + MESSAGE_STATUS))
    finally:
        consumer.close()
    if written.rows != revisions or written.messages != messages:
        raise NotDoneError(
            f"{prefix}{MESSAGE_STATUS} holds {written.rows} rows of {written.messages} messages, "
            f"but the worker counted {revisions} revisions and {messages} messages were sent"
        )
    return written


def _not_committed(consumer: Consumer, prefix: str) -> int:
    known = consumer.list_topics(timeout=_PATIENCE_S).topics
    wanted = [TopicPartition(prefix + topic, p) for topic in INPUTS for p in known[prefix + topic].partitions]
    left = 0
    for found in consumer.committed(wanted, timeout=_PATIENCE_S):
        _, end = consumer.get_watermark_offsets(TopicPartition(found.topic, found.partition), timeout=_PATIENCE_S)
        left += end - max(found.offset, 0)
    return left


def _read(consumer: Consumer, topic: str) -> list[bytes | None]:
    """Read all values of a topic."""
    open_partitions = set(consumer.list_topics(topic, timeout=_PATIENCE_S).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in open_partitions])
    values: list[bytes | None] = []
    until = time.monotonic() + _PATIENCE_S
    while open_partitions:
        messages: list[Any] = consumer.consume(20_000, 0.2)
        if messages:
            until = time.monotonic() + _PATIENCE_S
        elif time.monotonic() > until:
            raise NotDoneError(f"{topic} cannot be read to its end")
        for message in messages:
            error = message.error()
            if error is None:
                values.append(message.value())
            elif error.code() == KafkaError._PARTITION_EOF:
                open_partitions.discard(message.partition())
    return values


def _written(values: list[bytes | None]) -> Written:
    decoder = Decoder(MESSAGE_STATUS)
    batches = []
    for start in range(0, len(values), 50_000):
        decoded = decoder.columns(values[start : start + 50_000])
        if decoded.bad:
            raise NotDoneError(f"a status does not decode: {decoded.bad[0].detail}")
        batches.append(decoded.batch.select(["account", "message_id", "status"]))
    table = pa.Table.from_batches(batches)
    keys = pc.binary_join_element_wise(table["account"].cast(pa.string()), table["message_id"].cast(pa.string()), "\0")
    counted = pc.value_counts(table["status"].combine_chunks()).to_pylist()
    statuses = {entry["values"]: entry["counts"] for entry in counted}
    return Written(len(values), len(pc.unique(keys)), dict(sorted(statuses.items(), key=lambda item: -item[1])))
