"""Bodies that were put aside, read again: after a vendor's description or the catalog was mended, nothing is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.catalog import Catalog
from streams.codec.avro import Decoder
from streams.codec.schemas import Registry
from streams.events import DEAD_LETTER, DeadLetter
from streams.ingest.producer import AckingProducer
from streams.ingest.receivers import Receiver
from streams.ingest.records import SOURCE, Record, RecordMaker, Refused
from streams.kafka.client import KafkaUnavailable, consumer_options, describe_error
from streams.receipts.webhooks import WebhookError, decode

READABLE = ("bad_body", "unknown_body", "bad_record")
"""Reasons of bodies that came from the vendor, and that were not understood. Others are read only where asked for."""

_PATIENCE_S = 30.0
_AT_ONCE = 1_000


def read_again(
    receivers: Mapping[str, Receiver],
    catalog: Catalog,
    kafka: Mapping[str, Any],
    *,
    prefix: str = "",
    registry: Registry | None = None,
    reasons: tuple[str, ...] = READABLE,
) -> Counter[str]:
    """Read the endpoint's dead letters and write the reports of those that are understood now; return counts.

    A report is dated with the arrival of its body, so what is written twice is one fact. Raises `KafkaUnavailable`, or
    `NotTakenError` where Kafka does not take the reports.
    """
    producer = AckingProducer(kafka, prefix=prefix)
    maker = RecordMaker(registry)
    counts: Counter[str] = Counter()

    async def write(records: list[Record]) -> None:
        await producer.send(records)

    try:
        records: list[Record] = []
        for letter in _letters(kafka, prefix + DEAD_LETTER, registry):
            if not letter.source.startswith(SOURCE) or letter.reason not in reasons or letter.value is None:
                continue
            receiver = receivers.get((letter.key or b"").decode("utf-8", "replace"))
            if receiver is None:
                counts["of nobody who is configured"] += 1
                continue
            records += _reports(receiver, catalog, maker, letter, counts)
            if len(records) >= _AT_ONCE:
                asyncio.run(write(records))
                records = []
        asyncio.run(write(records))
    finally:
        producer.close()
    return counts


def _reports(
    receiver: Receiver, catalog: Catalog, maker: RecordMaker, letter: DeadLetter, counts: Counter[str]
) -> list[Record]:
    records = []
    try:
        decoded = decode(receiver.vendor, letter.value or b"", catalog, dialect=receiver.dialect)
    except WebhookError:
        counts["bodies still not understood"] += 1
        return []
    for event in decoded.events:
        try:
            records.append(maker.report(receiver, event, letter.timestamp_ms))
        except Refused:
            counts["records still not understood"] += 1
    counts["records still not understood"] += len(decoded.problems)
    counts["reports written"] += len(records)
    return records


def _letters(kafka: Mapping[str, Any], topic: str, registry: Registry | None) -> Iterator[DeadLetter]:
    """Yield what is in the dead-letter topic now."""
    consumer = Consumer(consumer_options({"log_level": "2", **kafka}, group_id=f"{topic}-again"))
    decoder = Decoder(DEAD_LETTER, registry)
    try:
        known: Any = consumer.list_topics(topic, timeout=_PATIENCE_S).topics[topic]
        if known.error is not None:
            raise KafkaUnavailable(describe_error(known.error))
        left = set(known.partitions)
        consumer.assign([TopicPartition(topic, number, 0) for number in left])
        while left:
            values = []
            for message in consumer.consume(_AT_ONCE, _PATIENCE_S):
                error = message.error()
                if error is None:
                    values.append(message.value())
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition() or 0)
                else:
                    raise KafkaUnavailable(describe_error(error))
            yield from decoder.rows(values)[0]
    except KafkaException as failure:
        raise KafkaUnavailable(describe_error(failure.args[0])) from failure
    finally:
        consumer.close()
