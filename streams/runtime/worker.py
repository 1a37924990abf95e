"""A worker (correlate, resolve): consume, join, and write everything of a batch in one Kafka transaction.

The commit protocol (docs/runtime.md has "what if it dies here" for each step, in the same words):

1. read: consume a batch, decode it, align the inputs.
2. step: the pure core gives the delta.
3. begin the transaction.
4. produce what came out, route health, dead letters and the changelog.
5. send the input offsets to the transaction.
6. commit; only then read on.

Nothing is in flight between batches, so nothing is when partitions move.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from threading import Event as Flag

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from streams.clock import now_ms
from streams.codec.schemas import Registry
from streams.correlator.health import Told
from streams.kafka.client import consumer_options, producer_options
from streams.kafka.forgotten import Forgotten
from streams.kafka.topics import written_by
from streams.runtime.closing import Closing
from streams.runtime.correlate import correlate_processor
from streams.runtime.deadshare import DeadShare
from streams.runtime.errors import FencedError, TooManyDeadLettersError, TopicsError, patiently, raise_for
from streams.runtime.garbage import Housekeeping
from streams.runtime.inputs import Input
from streams.runtime.partition import Partition
from streams.runtime.preflight import check_topics, refuse_new_protocol
from streams.runtime.processor import Processor, Work
from streams.runtime.reading import KafkaMessage, Reader
from streams.runtime.resolve import resolve_processor
from streams.runtime.restore import Restorer
from streams.runtime.stats import Stats
from streams.runtime.transaction import CALL_S, Transactions
from streams.settings import Settings

__all__ = ["CorrelateWorker", "FencedError", "ResolveWorker", "TooManyDeadLettersError", "TopicsError", "Worker"]

log = logging.getLogger("sms-streams.runtime")

IDLE_LAG_MS = 2_000
"""How far behind the wall clock an idle partition's stream time stays, for what is still under way."""
_MANY_RECORDS = 100_000
"""The share of dead letters is judged on not many more than the latest so many records."""
_PREFETCH = 50_000
_RESTORE_S = 0.5


class Worker(ABC):
    """One worker of a processor: any number of them share the partitions."""

    def __init__(
        self,
        settings: Settings,
        state_dir: Path,
        instance: str,
        registry: Registry | None = None,
        static_member: bool = False,
    ) -> None:
        """Prepare the clients; `instance` names the worker and must be its own, and the same after a restart."""
        processor = self.processor_of(settings)
        refuse_new_protocol(processor.name, settings.kafka)
        self.instance = instance
        self._processor = processor
        self._own = processor.own
        self._settings = settings
        self._state_dir = state_dir
        prefix = settings.topic_prefix
        self._topics = [prefix + source.topic for source in processor.sources]
        self._group = prefix + self._own.group
        kafka = {"queued.min.messages": _PREFETCH, **settings.kafka}
        self._consumer = Consumer(
            consumer_options(kafka, group_id=self._group, instance_id=instance if static_member else "")
        )
        own_name = f"{self._group}-{instance}"
        self._restorer = Restorer(settings.kafka, self._group, prefix + processor.changelog, self._stopping)
        self._reader = Reader(registry, processor.sources, processor.name)
        written = [prefix + topic for topic in written_by(processor.name)]
        self._transactions = Transactions(
            lambda: Producer(producer_options(settings.kafka, transactional_id=own_name)),
            processor.output(registry, prefix),
            self._topics,
            Closing(Forgotten(settings.kafka, written, self._group), settings.kafka),
            self._stopping,
        )
        self._partition_count = 0
        self._partitions: dict[int, Partition] = {}
        self._metadata: object = None
        self._rebalances = 0
        self._dead_share = DeadShare(processor.name, self._own.dead_letter_share)
        self._state_is_committed = True
        self._housekeeping = Housekeeping()
        self._stop = Flag()
        self.stats = Stats()

    @staticmethod
    @abstractmethod
    def processor_of(settings: Settings) -> Processor:
        """Return what this kind of worker runs."""

    def run(self, stop: Flag) -> None:
        """Work until `stop` is set (or `FencedError`, `TooManyDeadLettersError`, a fatal Kafka error)."""
        self._stop = stop
        try:
            self.start()
            while not stop.is_set():
                self.once()
        finally:
            self.close()

    def start(self) -> None:
        """Take this worker's name and join the group."""
        prefix = self._settings.topic_prefix
        self._partition_count = check_topics(self._settings.kafka, self._processor, prefix, self._stopping)
        self._transactions.start()
        self._consumer.subscribe(self._topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    def _stopping(self) -> bool:
        return self._stop.is_set()

    def once(self) -> None:
        """Do one batch."""
        busy = self._restorer.busy
        timeout = 0.0 if busy else self._own.commit_interval_ms / 1_000
        before = self._rebalances
        messages: list[KafkaMessage] = self._consumer.consume(self._own.batch_events, timeout)
        if before == self._rebalances:  # else they are from before: the new partitions are still paused
            self._intake(messages)
        if busy:
            self._restore()
        self._batch()
        self._look_after()
        self._pace()

    # ---- 1. read -----------------------------------------------------------------------------------------------

    def _intake(self, messages: list[KafkaMessage]) -> None:
        by_topic: dict[str, list[KafkaMessage]] = {topic: [] for topic in self._topics}
        ends: list[KafkaMessage] = []
        for message in messages:
            error = message.error()
            if error is None:
                by_topic[message.topic()].append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                ends.append(message)
            else:
                raise_for(error)
        for which, topic in enumerate(self._topics):
            if by_topic[topic]:
                good, bad = self._reader.read(which, by_topic[topic], self._inputs_of(which))
                self.stats.records += good + bad
                self.stats.dead_letters += bad
                self._dead_share.add(good + bad, bad)
        self.stats.clock_skew = self._reader.clock_skew
        for end in ends:
            partition = self._partitions.get(end.partition())
            if partition is not None:
                self._ended(partition.inputs.inputs[self._topics.index(end.topic())], end.offset())
        self._dead_share.check(self._reader.last_bad, _MANY_RECORDS)

    def _inputs_of(self, which: int) -> Callable[[int], Input]:
        return lambda number: self._partitions[number].inputs.inputs[which]

    def _ended(self, source: Input, offset: int) -> None:
        """Note that an input is at its end, unless more was read after the broker said so."""
        if not source.waiting or source.waiting[-1][1] < offset:
            source.at_end = True

    # ---- 2. to 6.: one transaction -----------------------------------------------------------------------------

    def _batch(self) -> None:
        idle_until = now_ms() - IDLE_LAG_MS
        work: list[Work] = []
        still: list[Told] = []
        self._state_is_committed = False
        for partition in self._partitions.values():
            if partition.restored:
                done = partition.work(idle_until)
                if done.delta.events or done.delta.changed or done.delta.dropped or done.dead or done.told:
                    work.append(done)
            told = partition.still()
            if told is not None:
                still.append(told)
        if not work and not still:
            self._state_is_committed = True
            self._housekeeping.idle()
            return
        try:
            self._transactions.commit(work, self._metadata, still)
        except KafkaException as error:
            self._redo(error)
            return
        self._state_is_committed = True
        for done in work:
            done.partition.store.spill()
            self._count(done)
        self.stats.transactions += 1

    def _look_after(self) -> None:
        try:
            self._transactions.look_after()
        except KafkaException as error:
            self._redo(error)

    def _redo(self, error: KafkaException) -> None:
        """Abort, drop the result, and take the partitions up again from what is committed."""
        self._transactions.recover(error)
        self.stats.aborts += 1
        numbers = list(self._partitions)
        self._drop_all(keep=False)
        self._take_over(numbers)

    def _count(self, work: Work) -> None:
        stats, delta = self.stats, work.delta
        self._processor.count(stats, work)
        stats.processed += delta.events + len(work.dead)
        stats.events += delta.events
        stats.timeouts += delta.timeouts
        stats.duplicates += delta.duplicates
        stats.orphans += len(delta.orphans)
        stats.stream_time_ms = work.partition.time.now_ms
        stats.open_messages = sum(len(p.store.messages) for p in self._partitions.values())

    # ---- pace: pause what runs ahead ---------------------------------------------------------------------------

    def _pace(self) -> None:
        pause, resume = [], []
        for partition in self._partitions.values():
            if partition.restored:
                ahead, behind = partition.inputs.pace()
                pause += [TopicPartition(self._topics[which], partition.number) for which in ahead]
                resume += [TopicPartition(self._topics[which], partition.number) for which in behind]
        if pause:
            self._consumer.pause(pause)
        if resume:
            self._consumer.resume(resume)

    # ---- partitions come and go --------------------------------------------------------------------------------

    def _assigned(self, consumer: Consumer, assigned: list[TopicPartition]) -> None:
        self._rebalances += 1
        self._metadata = consumer.consumer_group_metadata()
        self._take_over(sorted({tp.partition for tp in assigned}))
        log.info("partitions %s", list(self._partitions))

    def _take_over(self, numbers: list[int]) -> None:
        """Start on partitions from their committed offsets; they are read once their state is restored."""
        wanted = [TopicPartition(topic, number) for number in numbers for topic in self._topics]
        committed = patiently("offsets", self._stopping, self._committed, wanted, count())
        known = {(tp.topic, tp.partition): tp.offset for tp in committed if tp.offset >= 0}
        for tp in committed:
            if tp.offset < 0:
                tp.offset = OFFSET_BEGINNING
        self._consumer.assign(committed)
        self._consumer.pause(committed)
        most = max(1_000, self._own.hot_messages // max(1, len(numbers)))
        for number in numbers:
            partition = Partition(self._processor, number, self._partition_count, self._state_dir, most)
            self._partitions[number] = partition
            for topic, source in zip(self._topics, partition.inputs.inputs, strict=True):
                source.next_offset = known.get((topic, number))
        self._restorer.start(self._partitions)

    def _committed(self, wanted: list[TopicPartition], tries: Iterator[int]) -> list[TopicPartition]:
        """Fetch committed offsets; waits out the open transaction of a worker that died.

        Where that takes longer than a call may: after a broker was lost, what is open may be this worker's own last
        transaction, which a new client under its name ends; and its consumer may hold on to a broker that is gone,
        so another one asks.
        """
        if not wanted:
            return []
        if next(tries) == 0:
            found = self._consumer.committed(wanted, CALL_S)
        else:
            self._transactions.start()
            self._transactions.look_after()
            other = Consumer(consumer_options(self._settings.kafka, group_id=self._group))
            try:
                found = other.committed(wanted, CALL_S)
            finally:
                other.close()
        for tp in found:
            if tp.error is not None:
                raise KafkaException(tp.error)
        return found

    def _revoked(self, _: Consumer, revoked: list[TopicPartition]) -> None:
        self._drop_all(keep=True)

    def _lost(self, _: Consumer, lost: list[TopicPartition]) -> None:
        self._drop_all(keep=False)

    def _drop_all(self, keep: bool) -> None:
        """Let go of all partitions (the eager protocol revokes all of them at once).

        Where `keep` and everything is committed, their state stays as a checkpoint on this machine.
        """
        self._rebalances += 1
        self._restorer.stop()
        keep = keep and self._state_is_committed
        for partition in self._partitions.values():
            offset = self._restorer.end_offset(partition.number) if keep and partition.restored else None
            partition.close(offset)
        self._partitions.clear()

    def _restore(self) -> None:
        self.stats.restored += self._restorer.work(_RESTORE_S)

    def close(self) -> None:
        """Leave the group and close the clients; what is committed stays, nothing else was kept."""
        self._consumer.close()
        self._drop_all(keep=False)
        self._restorer.close()


class CorrelateWorker(Worker):
    """A worker that joins submits, answers and reports."""

    processor_of = staticmethod(correlate_processor)


class ResolveWorker(Worker):
    """A worker that finds the messages of receipts."""

    processor_of = staticmethod(resolve_processor)
