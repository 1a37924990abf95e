"""Bringing a partition's state back: its changelog, read committed, from the checkpoint to the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from streams.kafka.client import consumer_options
from streams.runtime.errors import patiently, raise_for
from streams.runtime.partition import Partition

log = logging.getLogger("sms-streams.runtime")

_CALL_S = 10.0


class Restorer:
    """Reads the changelog of one partition after another.

    The end is where the broker says it is (end-of-partition event of a read_committed consumer); it cannot be
    computed from offsets, because transaction markers take offsets too. But such a consumer is at its end already
    before a transaction that is not closed here yet, though the input offsets of that transaction may be visible
    (the brokers write its markers one by one). So the end must also be where all that was written ends: that is
    asked of the partition's leader beforehand, and until it is reached the last worker's transaction is waited for.
    """

    def __init__(self, kafka: Mapping[str, Any], group: str, topic: str, stopping: Callable[[], bool]) -> None:
        """Read `topic`; `group` only names the client, nothing is committed."""
        options = consumer_options(kafka, group_id=f"{group}-restore")
        self._consumer = Consumer(options)
        self._ends = Consumer(options | {"isolation.level": "read_uncommitted"})
        self._topic = topic
        self._stopping = stopping
        self._written_until = 0
        self.partition: Partition | None = None

    def start(self, partition: Partition) -> None:
        """Begin with a partition."""
        self._written_until = patiently("changelog", self._stopping, self._end, self._ends, partition.number)
        self.partition = partition
        offset = partition.changelog_from or OFFSET_BEGINNING
        self._consumer.assign([TopicPartition(self._topic, partition.number, offset)])

    def work(self, seconds: float) -> int:
        """Read for about `seconds`; return the number of messages restored."""
        until = time.monotonic() + seconds
        restored = 0
        while self.partition is not None and time.monotonic() < until:
            messages: list[Any] = self._consumer.consume(500, 0.2)
            for message in messages:
                error = message.error()
                if error is None:
                    restored += self.partition.restore(message.key(), message.value())
                elif error.code() == KafkaError._PARTITION_EOF:
                    if message.partition() == self.partition.number and message.offset() >= self._written_until:
                        self.partition.restore_done()
                        self.stop()
                        return restored
                    log.info("partition %s waits for a transaction to be closed", self.partition.number)
                else:
                    raise_for(error)
        return restored

    def _end(self, consumer: Consumer, number: int) -> int:
        """Ask the partition's leader where the changelog ends, as the consumer's isolation level sees it."""
        _, end = consumer.get_watermark_offsets(TopicPartition(self._topic, number), timeout=_CALL_S)
        return int(end)

    def end_offset(self, number: int) -> int | None:
        """Return the offset after the last committed changelog record of a partition, None if nobody answers."""
        try:
            return self._end(self._consumer, number)
        except KafkaException as error:
            log.warning("no checkpoint of partition %s is left, it will be read from its changelog: %s", number, error)
            return None

    def stop(self) -> None:
        """Stop reading (the partition was restored, or taken away)."""
        self.partition = None
        self._consumer.unassign()

    def close(self) -> None:
        """Close the client."""
        self._consumer.close()
        self._ends.close()
