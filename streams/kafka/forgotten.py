"""Transactions that a broker has forgotten to close: how they are found, and what closes them.

Kafka 4.3.1 and 4.4.0, the newest ones at the time of writing, take a partition for a deleted one if it has no leader at
the moment when a transaction ends there, and write no end marker ("Couldn't find leader endpoint for partitions",
`TransactionMarkerChannelManager`; `KRaftMetadataCache.getPartitionLeaderEndpoint` gives nothing where earlier versions
gave "no node"). A broker that is alone, and is killed while it writes the markers of a transaction, is in that place
whenever it starts again: to the coordinator the transaction is complete, and some of its partitions stay open. Whoever
reads them read_committed stands there, whatever is written behind.

The next end marker of the same producer id closes such a transaction, with the outcome of its own. A worker keeps its
producer id (its transactional id leads to it), so it can do that: by committing a transaction that touches the
partitions that stand. Records that mean nothing are there for that, and offsets of a group that nobody uses.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.kafka.client import admin_options, consumer_options

log = logging.getLogger("sms-streams.kafka")

OFFSETS = "__consumer_offsets"
"""Kafka's own topic of committed offsets."""
_TRANSACTIONS = "__transaction_state"
_KEY = b"\0closes a transaction"
_ASK_S = 5.0
_SURE_S = 1.0
_STARTS_S = 10.0
_AGAIN_S = 0.3

Place = tuple[str, int]
"""A topic and a partition."""
Stands = dict[Place, int]
"""Where a transaction is open, and from which offset on."""


def means_nothing(key: bytes | None, value: bytes | None) -> bool:
    """Tell whether a record is there only to close a transaction: every reader leaves it out."""
    return value is None and key == _KEY


class Forgotten:
    """Looks for open transactions in the topics that a worker writes to, and where its group's offsets are."""

    def __init__(self, kafka: Mapping[str, Any], topics: Sequence[str], group: str) -> None:
        """Look at `topics` and at the offsets of `group`."""
        self._kafka = kafka
        self._admin = AdminClient(admin_options(kafka))
        self._topics = topics
        self._group = group
        self._offsets_partitions = 0
        self._unanswered = True
        self._alone = False

    def look(self) -> Stands:
        """Return where a transaction is open now; nothing where the cluster does not answer."""
        self._unanswered = True
        try:
            places = self._places()
            # In this order: what is committed in between moves the second answer behind the first.
            written = self._ends(places, IsolationLevel.READ_UNCOMMITTED)
            closed = self._ends(places, IsolationLevel.READ_COMMITTED)
        except KafkaException as error:
            log.debug("cannot look for open transactions: %s", error)
            return {}
        self._unanswered = len(closed) < len(places)
        return {place: end for place, end in closed.items() if end < written.get(place, end)}

    def look_twice(self) -> Stands:
        """Return where a transaction is open and stays so for a second: those of live workers move on.

        A broker that has just started does not answer for all its partitions yet, so that is waited for, not long.
        """
        before = self.look()
        give_up_s = time.monotonic() + _STARTS_S
        while self._unanswered and time.monotonic() < give_up_s:
            time.sleep(_AGAIN_S)
            before = self.look()
        if not before:
            return {}
        time.sleep(_SURE_S)
        return unchanged(before, self.look())

    def can_be_closed(self) -> bool:
        """Tell whether what stands here was committed: only where one broker has it all there is no doubt.

        There the markers are forgotten when it starts, of a transaction whose end was decided before. In larger ones a
        partition may have been without a leader while the transaction was being aborted.
        """
        return self._alone

    def close(self, stands: Stands, producer: Producer) -> None:
        """Commit transactions that touch these places; raises `KafkaException` where that fails.

        The offsets have one of their own: where it is refused and aborted, nothing else is touched by that.
        """
        if any(topic == OFFSETS for topic, _ in stands):
            producer.begin_transaction()
            self._touch_offsets(producer)
            producer.commit_transaction(_ASK_S)
        producer.begin_transaction()
        for topic, number in stands:
            if topic != OFFSETS:
                producer.produce(topic, None, _KEY, number)
        producer.commit_transaction(_ASK_S)

    def _touch_offsets(self, producer: Producer) -> None:
        """Send an offset of a group without members, whose offsets are where those of the worker's group are.

        Those of the worker's group itself would have to be right, and are refused while its partitions move.
        """
        group = neighbour(self._group, self._offsets_partitions)
        consumer = Consumer(consumer_options(self._kafka, group_id=group))
        try:
            place = TopicPartition(self._topics[0], 0, 0)
            producer.send_offsets_to_transaction([place], consumer.consumer_group_metadata(), _ASK_S)
        finally:
            consumer.close()

    def _places(self) -> list[Place]:
        known = self._admin.list_topics(timeout=_ASK_S).topics
        places = [(name, number) for name in self._topics if name in known for number in known[name].partitions]
        if OFFSETS in known and known[OFFSETS].partitions:
            self._offsets_partitions = len(known[OFFSETS].partitions)
            places.append((OFFSETS, offsets_partition(self._group, self._offsets_partitions)))
        # Replicas, and not the brokers that are there now: those of a larger cluster may be down.
        there = [known[name].partitions.values() for name in (*self._topics, OFFSETS, _TRANSACTIONS) if name in known]
        brokers = {broker for partitions in there for partition in partitions for broker in partition.replicas}
        self._alone = len(brokers) == 1 and _TRANSACTIONS in known
        return places

    def _ends(self, places: Sequence[Place], level: IsolationLevel) -> Stands:
        """Return where partitions end; without those that have no leader."""
        latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the client has no type for it
        wanted = dict.fromkeys((TopicPartition(*place) for place in places), latest)
        if not wanted:
            return {}
        asked = self._admin.list_offsets(wanted, isolation_level=level, request_timeout=_ASK_S)
        found: Stands = {}
        for place, future in asked.items():
            try:
                found[place.topic, place.partition] = future.result(_ASK_S + 1).offset
            except (KafkaException, TimeoutError) as error:
                log.debug("%s-%s: cannot ask for its end: %s", place.topic, place.partition, error)
        return found


def unchanged(before: Stands, now: Stands) -> Stands:
    """Return what stands as it stood before."""
    return {place: offset for place, offset in now.items() if before.get(place) == offset}


def offsets_partition(group: str, partitions: int) -> int:
    """Return in which partition of `OFFSETS` a group's offsets are (Kafka's `GroupCoordinator.partitionFor`)."""
    return abs(_java_hash(group)) % partitions


def neighbour(group: str, partitions: int) -> str:
    """Return the name of another group whose offsets are in the same partition of `OFFSETS`."""
    wanted = offsets_partition(group, partitions)
    names = (f"{group}-closes-{number}" for number in count())
    return next(name for name in names if offsets_partition(name, partitions) == wanted)


def _java_hash(text: str) -> int:
    """Return Java's `String.hashCode`; 0 in place of the lowest number, which has no absolute value there."""
    units = text.encode("utf-16-be")
    value = 0
    for place in range(0, len(units), 2):
        value = (31 * value + int.from_bytes(units[place : place + 2], "big")) & 0xFFFFFFFF
    return (value ^ 1 << 31) - (1 << 31) if value != 1 << 31 else 0
