"""A topic log and its consumers for tests of the load worker, without a broker: what Kafka promises, no more.

Records keep their offsets (with gaps, as transactions leave them); a group has one owner of each partition at a time;
commits of one that is no longer the owner fail; offsets carry metadata.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

Place = tuple[str, int]
AssignCallback = Callable[[Any, list[TopicPartition]], None]


class Message:
    def __init__(self, place: Place, offset: int, timestamp_ms: int = 0, value: bytes | None = b"") -> None:
        self.place, self._offset, self._timestamp_ms, self._value = place, offset, timestamp_ms, value
        self._error: KafkaError | None = None

    @classmethod
    def end(cls, place: Place, offset: int) -> Message:
        message = cls(place, offset)
        message._error = KafkaError(KafkaError._PARTITION_EOF)
        return message

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, self._timestamp_ms

    def key(self) -> bytes | None:
        return b"key"

    def value(self) -> bytes | None:
        return self._value

    def error(self) -> KafkaError | None:
        return self._error


class Broker:
    """The log of all partitions, and what the group has committed."""

    def __init__(self) -> None:
        self.log: dict[Place, list[Message]] = {}
        self.committed: dict[Place, tuple[int, str]] = {}
        self.owner: FakeConsumer | None = None

    def send(self, topic: str, partition: int, offset: int, value: bytes | None, timestamp_ms: int = 0) -> None:
        place = (topic, partition)
        self.log.setdefault(place, []).append(Message(place, offset, timestamp_ms, value))


class FakeConsumer:
    """A consumer that gets all partitions as soon as it polls, taking them from whoever had them."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.paused = False
        self.polls = 0
        self.stale: list[Message] = []
        self._positions: dict[Place, int] = {}
        self._ended: set[Place] = set()
        self._on_assign: AssignCallback = lambda *_: None
        self._on_revoke: AssignCallback = lambda *_: None

    def subscribe(self, topics: list[str], on_assign: AssignCallback, on_revoke: AssignCallback) -> None:
        self._topics, self._on_assign, self._on_revoke = topics, on_assign, on_revoke

    def consume(self, most: int, timeout: float) -> list[Message]:
        self.polls += 1
        if self.broker.owner is not self:
            if self._positions:
                self._on_revoke(self, self.assignment())
            self.broker.owner = self
            places = [TopicPartition(*place) for place in self.broker.log if place[0] in self._topics]
            self._positions = {(place.topic, place.partition): 0 for place in places}
            self._on_assign(self, places)
            return self.stale  # records fetched before the change may still come out of the client
        if self.paused:
            return []
        return self._read(most)

    def _read(self, most: int) -> list[Message]:
        found: list[Message] = []
        for place, position in self._positions.items():
            waiting = [message for message in self.broker.log[place] if message.offset() >= position]
            found += waiting[: most - len(found)]
            if waiting and found and found[-1].topic() == place[0]:
                self._positions[place] = found[-1].offset() + 1
                self._ended.discard(place)
            if len(found) >= most:
                break
            if place not in self._ended:
                self._ended.add(place)
                found.append(Message.end(place, self._positions[place]))
        return found

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        places = [(partition.topic, partition.partition) for partition in partitions]
        return [TopicPartition(*place, *self.broker.committed.get(place, (-1001, ""))) for place in places]

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._positions = {(place.topic, place.partition): max(place.offset, 0) for place in partitions}
        self._ended.clear()

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(*place) for place in self._positions]

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        if self.broker.owner is not self:
            raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION))
        for place in offsets:
            self.broker.committed[place.topic, place.partition] = (place.offset, place.metadata or "")
        return offsets

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused = True

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused = False

    def close(self) -> None:
        if self.broker.owner is self:
            self.broker.owner = None
