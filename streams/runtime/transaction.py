"""Steps 3 to 6 of the commit protocol: everything of a batch in one Kafka transaction, or nothing of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaException, Producer, TopicPartition

from streams.correlator.step import Delta
from streams.events import DeadLetter
from streams.runtime.errors import FencedError, is_fenced, patiently
from streams.runtime.output import Output
from streams.runtime.partition import Partition

log = logging.getLogger("sms-streams.runtime")

CALL_S = 10.0
"""How long one call to the cluster may take before it is said that it does not answer."""
_MOST_ABORTS = 10
_LONGEST_PAUSE_S = 5.0


class Work(NamedTuple):
    """What a batch made of one partition."""

    partition: Partition
    delta: Delta
    dead: list[DeadLetter]


class Transactions:
    """One transaction after another of one worker."""

    def __init__(self, producer: Producer, output: Output, topics: Sequence[str], stopping: Callable[[], bool]) -> None:
        """Write through `producer` and `output`; `topics` are the inputs', in their order."""
        self._producer = producer
        self._output = output
        self._topics = topics
        self._stopping = stopping
        self._aborts_in_a_row = 0

    def start(self) -> None:
        """Take this worker's name: whoever has it is fenced, and what that one left open is aborted."""
        patiently("init_transactions", self._stopping, self._producer.init_transactions, CALL_S)

    def commit(self, work: Sequence[Work], metadata: object) -> None:
        """Write a batch; `KafkaException`: nothing of it was written, `abort` must follow.

        The offsets of all inputs are sent every time, whether they moved or not. They carry the group generation by
        which the broker refuses a worker that has lost its partitions unknown to itself; a batch of mere timeouts
        would go through without.
        """
        self._producer.begin_transaction()
        offsets = []
        for partition, delta, dead in work:
            self._output.delta(partition.number, delta)
            self._output.dead_letters(dead)
            self._output.changelog(partition.number, partition.changelog(delta))
            for topic, source in zip(self._topics, partition.inputs.inputs, strict=True):
                if source.next_offset is not None:
                    offsets.append(TopicPartition(topic, partition.number, source.next_offset))
        if offsets:
            send = self._producer.send_offsets_to_transaction
            patiently("send_offsets", self._stopping, send, offsets, metadata, CALL_S)
        patiently("commit", self._stopping, self._producer.commit_transaction, CALL_S)
        self._aborts_in_a_row = 0

    def abort(self, error: KafkaException) -> None:
        """Undo the open transaction; raise where doing its batch again would not help."""
        cause = error.args[0]
        if is_fenced(cause):
            raise FencedError from error
        if cause.fatal() or self._stopping():
            raise error
        log.warning("the transaction is aborted, its batch will be done again: %s", cause)
        patiently("abort", self._stopping, self._producer.abort_transaction, CALL_S)
        self._aborts_in_a_row += 1
        if self._aborts_in_a_row > _MOST_ABORTS:
            raise error
        if self._aborts_in_a_row > 1:
            time.sleep(min(_LONGEST_PAUSE_S, 0.1 * 2**self._aborts_in_a_row))
