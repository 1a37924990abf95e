"""Steps 3 to 6 of the commit protocol: everything of a batch in one Kafka transaction, or nothing of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from streams.correlator.health import Told
from streams.runtime.closing import Closing
from streams.runtime.errors import FencedError, is_fenced, is_temporary
from streams.runtime.output import BatchOutput
from streams.runtime.processor import Work
from streams.runtime.watchdog import Watchdog

log = logging.getLogger("sms-streams.runtime")

CALL_S = 10.0
"""How long one call to the cluster may take before it counts as failed."""
_HANGS_S = 60.0
_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0
_MOST_IN_A_ROW = 10
_REFUSALS = (KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS)
"""The group has moved on: the transaction is to be aborted, and the client is as good as before."""


class Transactions:
    """One transaction after another of one worker."""

    def __init__(
        self,
        make_producer: Callable[[], Producer],
        output: BatchOutput,
        topics: Sequence[str],
        closing: Closing,
        stopping: Callable[[], bool],
    ) -> None:
        """`topics` are the inputs', in their order; every producer made has the same transactional id."""
        self._make_producer = make_producer
        self._output = output
        self._topics = topics
        self._closing = closing
        self._stopping = stopping
        self._watchdog = Watchdog(_HANGS_S)
        self._failed_in_a_row = 0

    def start(self) -> None:
        """Take this worker's name with a new client: whoever has it is fenced, what that one left open is aborted."""
        while True:
            producer = self._make_producer()
            try:
                with self._watchdog.over("init_transactions"):
                    producer.init_transactions(CALL_S)
                with self._watchdog.over("closing old transactions"):
                    self._closing.at_start(producer)
            except KafkaException as error:
                self._wait_after("init_transactions", error)
                continue
            self._producer = self._output.producer = producer
            return

    def _wait_after(self, what: str, error: KafkaException) -> None:
        cause: KafkaError = error.args[0]
        if is_fenced(cause):
            raise FencedError from error
        if not is_temporary(cause) or self._stopping():
            raise error
        log.warning("%s: Kafka does not answer, trying again: %s", what, cause)
        time.sleep(_PAUSE_S)

    def commit(self, work: Sequence[Work], metadata: object, still: Sequence[Told] = ()) -> None:
        """Write a batch, and what is told of partitions that stand `still`.

        `KafkaException`: nothing of it is written, or nobody knows, and `recover` must follow.

        The offsets of all inputs are sent every time, whether they moved or not. They carry the group generation by
        which the broker refuses a worker that has lost its partitions unknown to itself; a batch of mere timeouts
        would go through without.
        """
        self._producer.begin_transaction()
        for told in still:
            self._output.told(told)
        offsets = []
        for one in work:
            partition = one.partition
            self._output.delta(one)
            if one.told is not None:
                self._output.told(one.told)
            self._output.dead_letters(one.dead)
            self._output.changelog(partition.number, partition.changelog(one.delta))
            for topic, source in zip(self._topics, partition.inputs.inputs, strict=True):
                if source.next_offset is not None:
                    offsets.append(TopicPartition(topic, partition.number, source.next_offset))
        if offsets:
            with self._watchdog.over("send_offsets_to_transaction"):
                self._producer.send_offsets_to_transaction(offsets, metadata, CALL_S)
        with self._watchdog.over("commit_transaction"):
            self._producer.commit_transaction(CALL_S)
        self._failed_in_a_row = 0

    def look_after(self) -> None:
        """Close what a broker has forgotten, now and then; `KafkaException`: `recover` must follow."""
        with self._watchdog.over("closing old transactions"):
            self._closing.now_and_then(self._producer)

    def recover(self, error: KafkaException) -> None:
        """Undo what is open, so that the batch can be done again; raise where that would not help.

        After anything but a plain abort the client is not to be trusted, and a commit that did not answer may have
        happened or not. A new client under the same name makes it certain: its start waits until the old
        transaction is committed or aborted.
        """
        cause: KafkaError = error.args[0]
        if is_fenced(cause):
            raise FencedError from error
        self._failed_in_a_row += 1
        if self._stopping() or self._failed_in_a_row > _MOST_IN_A_ROW or cause.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            raise error
        log.warning("the transaction is aborted, its batch will be done again: %s", cause)
        # A producer that learns between two calls that it is fenced says "fatal" to the next one; aborting tells why.
        # One whose records failed must not go on: its sequence numbers have a gap, and its next call may hang.
        refused = cause.txn_requires_abort() and cause.code() in _REFUSALS
        if not ((refused or cause.code() == KafkaError._FATAL) and self._aborted()):
            self.start()
        time.sleep(min(_LONGEST_PAUSE_S, 0.1 * 2**self._failed_in_a_row))

    def _aborted(self) -> bool:
        try:
            with self._watchdog.over("abort_transaction"):
                self._producer.abort_transaction(CALL_S)
        except KafkaException as error:
            if is_fenced(error.args[0]):
                raise FencedError from error
            return False
        return True
