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
_WAIT_S = 0.05
_FETCH_WAIT_MS = 10
"""The end is told by a fetch that finds nothing; inputs wait meanwhile."""
_MOST_RECORDS = 50
"""A record of the changelog may have near to a megabyte."""


class Restorer:
    """Reads the changelogs of partitions that were taken over, all at a time; each is done when it is at its end.

    The end is where the broker says it is (end-of-partition event of a read_committed consumer); it cannot be
    computed from offsets, because transaction markers take offsets too. But such a consumer is at its end already
    before a transaction that is not closed here yet, though the input offsets of that transaction may be visible
    (the brokers write its markers one by one). So the end must also be where all that was written ends: that is
    asked of the partition's leader beforehand, and until it is reached the last worker's transaction is waited for.
    """

    def __init__(self, kafka: Mapping[str, Any], group: str, topic: str, stopping: Callable[[], bool]) -> None:
        """Read `topic`; `group` only names the client, nothing is committed."""
        options = consumer_options(kafka, group_id=f"{group}-restore") | {"fetch.wait.max.ms": _FETCH_WAIT_MS}
        self._consumer = Consumer(options)
        self._ends = Consumer(options | {"isolation.level": "read_uncommitted"})
        self._topic = topic
        self._stopping = stopping
        self._left: dict[int, tuple[Partition, int]] = {}

    @property
    def busy(self) -> bool:
        """Tell whether a partition is still being restored."""
        return bool(self._left)

    def start(self, partitions: Mapping[int, Partition]) -> None:
        """Begin with partitions, by number. Their input offsets must have been fetched before."""
        # Asking for the topic first saves the half second after which the client would look for its leaders again.
        patiently("changelog", self._stopping, self._consumer.list_topics, self._topic, _CALL_S)
        self._left = {
            number: (partition, patiently("changelog", self._stopping, self._end, self._ends, number))
            for number, partition in partitions.items()
        }
        self._consumer.assign(
            [TopicPartition(self._topic, n, p.changelog_from or OFFSET_BEGINNING) for n, p in partitions.items()]
        )

    def work(self, seconds: float) -> int:
        """Read for about `seconds`; return the number of items restored."""
        until = time.monotonic() + seconds
        restored = 0
        while self._left and time.monotonic() < until:
            messages: list[Any] = self._consumer.consume(_MOST_RECORDS, _WAIT_S)
            for message in messages:
                error = message.error()
                if error is None:
                    partition, _ = self._left[message.partition()]
                    restored += partition.restore(message.key(), message.value())
                elif error.code() == KafkaError._PARTITION_EOF:
                    self._ended(message.partition(), message.offset())
                else:
                    raise_for(error)
        return restored

    def _ended(self, number: int, offset: int) -> None:
        partition, written_until = self._left[number]
        if offset < written_until:
            log.info("partition %s waits for a transaction to be closed", number)
            return
        partition.restore_done()
        del self._left[number]
        self._consumer.incremental_unassign([TopicPartition(self._topic, number)])

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
        """Stop reading: the partitions were taken away."""
        self._left = {}
        self._consumer.unassign()

    def close(self) -> None:
        """Close the clients."""
        self._consumer.close()
        self._ends.close()
