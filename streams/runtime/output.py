"""What a batch writes: everything of one delta, into the open transaction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from confluent_kafka import Producer

from streams.codec.avro import Encoder
from streams.codec.health import HealthEncoder
from streams.codec.receipt_index import IndexEncoder
from streams.codec.schemas import Registry
from streams.codec.status import StatusEncoder
from streams.correlator.health import Told
from streams.correlator.step import Delta
from streams.events import DEAD_LETTER, MESSAGE_STATUS, ORPHAN_REPORT, RECEIPT_INDEX, ROUTE_HEALTH, DeadLetter
from streams.health.heartbeat import heartbeat
from streams.resolver.rules import ResolveRules
from streams.runtime.changelog import Record
from streams.runtime.indexing import Index
from streams.runtime.processor import Work

CHANGELOG = "sms.correlate-changelog"
_FULL_QUEUE_POLL_S = 0.5
_ASK_S = 10.0


class BatchOutput(ABC):
    """Encodes and produces. No delivery callbacks: the commit tells whether everything arrived."""

    producer: Producer
    changelog_topic: str

    def __init__(self, registry: Registry | None, prefix: str) -> None:
        """Write through `producer`, once that is set, to topics whose names start with `prefix`."""
        self._orphans = Encoder(ORPHAN_REPORT, registry)
        self._dead = Encoder(DEAD_LETTER, registry)
        self._health = HealthEncoder(registry)
        self._heartbeat = Encoder(ROUTE_HEALTH, registry)
        self._health_partitions: list[int] = []
        self._prefix = prefix

    @abstractmethod
    def delta(self, work: Work) -> None:
        """Write what a step puts out."""

    def told(self, told: Told) -> None:
        """Write what is told of routes, and heartbeats to every partition: each of its readers needs to know."""
        topic = self._prefix + ROUTE_HEALTH
        for key, value in self._health.encode_all(told):
            self._produce(topic, value, key)
        if not told.heartbeat:
            return
        if not self._health_partitions:
            self._health_partitions = list(self.producer.list_topics(topic, _ASK_S).topics[topic].partitions)
        beat = heartbeat(told.source_partition, told.stream_time_ms)
        # As ``topics.yaml`` has keys, but for the window: the heartbeats of a partition share one.
        value, key = self._heartbeat.encode(beat), ":".join((*beat[:4], "0", str(beat.source_partition)))
        for number in self._health_partitions:
            self._produce(topic, value, key, number)

    def changelog(self, partition: int, records: Iterable[Record]) -> None:
        """Write the state changes of a step."""
        for key, value in records:
            self._produce(self._prefix + self.changelog_topic, value, key, partition)

    def dead_letters(self, letters: Iterable[DeadLetter]) -> None:
        """Write what could not be used."""
        for letter in letters:
            self._produce(self._prefix + DEAD_LETTER, self._dead.encode(letter), letter.key)

    def _produce(self, topic: str, value: bytes | None, key: Any, partition: int = -1) -> None:
        while True:
            try:
                return self.producer.produce(topic, value, key, partition)
            except BufferError:  # the queue is full: let the client send
                self.producer.poll(_FULL_QUEUE_POLL_S)


class Output(BatchOutput):
    """What correlate writes."""

    changelog_topic = CHANGELOG

    def __init__(self, registry: Registry | None, prefix: str, rules: ResolveRules) -> None:
        """As `BatchOutput`; `rules` say which ids go into the receipt index, and under which keys."""
        super().__init__(registry, prefix)
        self._statuses = StatusEncoder(registry)
        self._index = Index(rules, IndexEncoder(registry)) if rules.indexes_any else None

    def delta(self, work: Work) -> None:
        """Write the revisions and the orphans of a step, and the ids that its answers brought."""
        delta: Delta = work.delta
        partition = work.partition.number
        produce = self.producer.produce
        topic = self._prefix + MESSAGE_STATUS
        values = self._statuses.encode_all(delta.revisions)
        for (message, _), value in zip(delta.revisions, values, strict=True):
            try:
                produce(topic, value, message.message_id, partition)
            except BufferError:
                self._produce(topic, value, message.message_id, partition)
        for orphan in delta.orphans:
            self._produce(self._prefix + ORPHAN_REPORT, self._orphans.encode(orphan), orphan.message_id)
        if self._index is not None and work.events:
            topic = self._prefix + RECEIPT_INDEX
            records = self._index.records(work.events, delta.revisions, work.partition.store)
            work.indexed = len(records)
            for key, value in records:
                try:
                    produce(topic, value, key)
                except BufferError:
                    self._produce(topic, value, key)
