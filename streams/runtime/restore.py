"""Bringing a partition's state back: its changelog, read committed, from the checkpoint to the end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from streams.kafka.client import consumer_options
from streams.runtime.partition import Partition


class Restorer:
    """Reads the changelog of one partition after another.

    The end is where the broker says it is (end-of-partition event of a read_committed consumer); it cannot be
    computed from offsets, because transaction markers take offsets too.
    """

    def __init__(self, kafka: Mapping[str, Any], group: str, topic: str) -> None:
        """Read `topic`; `group` only names the client, nothing is committed."""
        self._consumer = Consumer(consumer_options(kafka, group_id=f"{group}-restore"))
        self._topic = topic
        self.partition: Partition | None = None

    def start(self, partition: Partition) -> None:
        """Begin with a partition."""
        self.partition = partition
        offset = partition.changelog_from or OFFSET_BEGINNING
        self._consumer.assign([TopicPartition(self._topic, partition.number, offset)])

    def work(self, seconds: float) -> int | None:
        """Read for about `seconds`; return the number of messages restored, None when nothing is left to do."""
        partition = self.partition
        if partition is None:
            return None
        until = time.monotonic() + seconds
        restored = 0
        while time.monotonic() < until:
            messages: list[Any] = self._consumer.consume(500, 0.2)
            for message in messages:
                error = message.error()
                if error is None:
                    restored += partition.restore(message.key(), message.value())
                elif error.code() == KafkaError._PARTITION_EOF:
                    partition.restore_done()
                    self.stop()
                    return restored
                elif not error.retriable():
                    raise KafkaException(error)
        return restored

    def end_offset(self, number: int) -> int:
        """Return the offset after the last changelog record of a partition."""
        _, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, number), timeout=10)
        return int(high)

    def stop(self) -> None:
        """Stop reading (the partition was restored, or taken away)."""
        self.partition = None
        self._consumer.unassign()

    def close(self) -> None:
        """Close the client."""
        self._consumer.close()
