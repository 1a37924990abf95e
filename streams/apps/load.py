"""The load worker: from Kafka into ClickHouse, each record once.

The steps for a block of records of one partition of one topic, and what happens where the worker dies (or loses the
partition to another one):

1. Read records (read_committed) and gather them, for a second or until there are many.
   Dies: nothing has happened; they are read again.
2. Plan: commit the offset of the first record, with the range of the block as its metadata.
   Dies before: as 1. Dies after: whoever owns the partition next finds the plan, reads exactly that range again, and
   goes on with 3.
3. Insert the block into its tables (two for statuses), each time with the token `topic-partition-first-last`.
   Dies in the middle: as after 2. What is in the tables already has been noted under its token, for each table and
   each day in it, and is dropped when it comes again; what is missing is inserted.
4. Done: commit the offset after the block, without a plan.
   Dies before: as in 3, all of it is dropped. Dies after: the next block begins.

Only the group's current owner of a partition can commit a plan, and only planned ranges are inserted: so a worker that
slept through a rebalance and wakes up in the middle of 3 inserts what its successor has inserted under the same token.

If ClickHouse is down or overloaded, the worker pauses its partitions, keeps polling (so it stays in the group), tries
again with growing pauses, and goes on where it was.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.clickhouse.backend import Database, DatabaseDown, DatabaseError
from streams.clickhouse.loader import Lane, Limits, Plan, planned, write
from streams.clickhouse.migrate import pending
from streams.clickhouse.tables import LOADED_TOPICS, OTHERS_DEAD_LETTER
from streams.codec.avro import Decoder
from streams.codec.schemas import Registry
from streams.kafka.client import consumer_options, describe_error
from streams.kafka.forgotten import means_nothing

GROUP = "sms-load"
CONSUME = 10_000  # records at a time
MOST_BLOCKS_A_SECOND = 10.0  # each makes parts that ClickHouse must merge again
ROUND_SECONDS = 30.0  # a round of inserts is cut off then: the group wants to hear from us
KAFKA_TIMEOUT = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0

log = logging.getLogger("streams.load")


@dataclass
class Progress:
    """What the worker has done so far, for a display. `state` is a few words for a person."""

    state: str = "starting"
    rows: dict[str, int] = field(default_factory=dict)
    blocks: int = 0
    bad: dict[str, int] = field(default_factory=dict)
    caught_up: bool = False


class LoadWorker:
    """Loads what its group assigns to it, until told to stop."""

    def __init__(
        self,
        db: Database,
        kafka: Mapping[str, Any],
        *,
        registry: Registry | None = None,
        group: str = GROUP,
        topic_prefix: str = "",
        instance_id: str = "",
        limits: Limits | None = None,
        consumer: Any = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a worker. `instance_id` makes it a static member, which the embedded broker needs."""
        self.progress = Progress()
        self._db = db
        self._decoders = {topic_prefix + topic: Decoder(topic, registry) for topic in LOADED_TOPICS}
        self._limits = limits or Limits()
        self._consumer = consumer or Consumer(consumer_options(kafka, group_id=group, instance_id=instance_id))
        self._clock = clock
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._assigned: list[TopicPartition] | None = None  # not taken over yet
        self._outage = Outage()
        self._checked = False
        self._consumer.subscribe(list(self._decoders), on_assign=self._on_assign, on_revoke=self._on_revoke)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; what has been read by then is inserted, if ClickHouse takes it."""
        try:
            while not stop.is_set():
                self.run_once()
            self.finish()
        finally:
            self.close()

    def run_once(self, timeout: float = 0.2) -> None:
        """Read for at most `timeout` seconds, then insert what is due."""
        messages = self._consumer.consume(CONSUME, timeout)
        if self._assigned is not None:
            # What was read while the partitions changed may not begin where we do: read it again from there.
            self._take_over(self._assigned)
            return
        self._gather(messages)
        if self._clock() >= self._outage.next_try:
            self._insert_due(self._limits)
        self.progress.caught_up = bool(self._lanes) and all(
            lane.at_end and not lane.rows and lane.plan is None for lane in self._lanes.values()
        )

    def finish(self) -> None:
        """Insert all that has been read, without waiting for more, unless ClickHouse is down."""
        if self._assigned is None and not self._outage.down:
            self._insert_due(Limits(seconds=-1.0))

    def close(self) -> None:
        """Leave the group. The database is the caller's."""
        self.progress.state = "stopped"
        self._consumer.close()

    # ---- reading ---------------------------------------------------------------------------------------------------

    def _on_assign(self, _consumer: Any, partitions: list[TopicPartition]) -> None:
        self._assigned = partitions

    def _on_revoke(self, _consumer: Any, _partitions: list[TopicPartition]) -> None:
        """Nothing is in flight here: records without a plan are read again, plans are found by the next owner."""
        self._lanes.clear()
        self._assigned = None

    def _take_over(self, partitions: list[TopicPartition]) -> None:
        """Begin where the last owner of each partition stopped, with what it had planned."""
        try:
            committed = self._consumer.committed(partitions, timeout=KAFKA_TIMEOUT)
        except KafkaException as error:
            log.warning("cannot read the committed offsets yet, trying again: %s", describe_error(error.args[0]))
            return
        for place in committed:
            plan = planned(place.metadata)
            lane = Lane(place.topic, place.partition, max(place.offset, 0), plan)
            self._lanes[place.topic, place.partition] = lane
            if plan:
                log.info("%s-%s: finishing the block %s-%s of a worker before", place.topic, place.partition, *plan)
        self._consumer.assign([TopicPartition(place.topic, place.partition, place.offset) for place in committed])
        self._assigned = None
        if self._outage.down:
            self._consumer.pause(self._consumer.assignment())
        log.info("loading %d partitions", len(committed))

    def _gather(self, messages: Iterable[Any]) -> None:
        now = self._clock()
        for message in messages:
            lane = self._lanes.get((message.topic(), message.partition()))
            error = message.error()
            if error is not None:
                self._on_error(error, lane, message.offset())
            elif lane is not None:
                key, value = message.key(), message.value()
                if value is not None or not means_nothing(key, value):
                    lane.add(message.offset(), message.timestamp()[1], key, value, now)

    def _on_error(self, error: KafkaError, lane: Lane | None, offset: int | None) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            if lane is not None and offset is not None:
                lane.end(offset)
        elif error.fatal() or error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise KafkaException(error)
        else:
            log.warning("%s", describe_error(error))

    # ---- inserting -------------------------------------------------------------------------------------------------

    def _insert_due(self, limits: Limits) -> None:
        """Plan, insert and tick off the blocks that are due."""
        now = self._clock()
        seconds = max(limits.seconds, len(self._lanes) / MOST_BLOCKS_A_SECOND) if limits.seconds > 0 else -1.0
        due = [
            (lane, plan)
            for lane in self._lanes.values()
            if (plan := lane.due(now, Limits(limits.rows, limits.size, seconds)))
        ]
        if not self._reachable(nothing_due=not due) or not due or not self._plan(due):
            return
        done = []
        try:
            for lane, plan in due:
                self._insert(lane, plan)
                done.append(lane)
                if self._clock() - now > ROUND_SECONDS:
                    break
        except DatabaseDown as error:
            self._down(error)
        else:
            self._up()
        self._tick_off(done)

    def _plan(self, due: list[tuple[Lane, Plan]]) -> bool:
        """Commit the plans that are not committed yet; without that, nothing may be inserted."""
        new = [(lane, plan) for lane, plan in due if lane.plan is None]
        places = [TopicPartition(lane.topic, lane.partition, plan.first, plan.metadata()) for lane, plan in new]
        if not self._commit(places):
            return False
        for lane, plan in new:
            lane.plan = plan
        return True

    def _insert(self, lane: Lane, plan: Plan) -> None:
        token = plan.token(lane.topic, lane.partition)
        decoder = self._decoders[lane.topic]
        written = write(self._db, decoder, lane.partition, lane.block(plan), token)
        lane.done(plan, self._clock())
        self.progress.blocks += 1
        for table, rows in written.rows.items():
            self.progress.rows[table] = self.progress.rows.get(table, 0) + rows
        if written.bad:
            self.progress.bad[lane.topic] = self.progress.bad.get(lane.topic, 0) + len(written.bad)
            worker = OTHERS_DEAD_LETTER.get(decoder.topic)
            kept = f"{worker} dead-letters them" if worker else "kept in sms.dead_letters"
            log.warning(
                "%s: %d records cannot be decoded (%s); first: %s", token, len(written.bad), kept, written.bad[0].detail
            )

    def _tick_off(self, lanes: list[Lane]) -> None:
        """Commit what is done. If that fails, the block comes once more after a restart, and is dropped."""
        self._commit([TopicPartition(lane.topic, lane.partition, lane.resume_at) for lane in lanes])

    def _commit(self, places: list[TopicPartition]) -> bool:
        """Commit offsets; False when the group has changed meanwhile or no broker answers, and it must be done anew."""
        if not places:
            return True
        try:
            results = self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            if error.args[0].fatal():
                raise
            log.info("offsets not committed, trying again: %s", describe_error(error.args[0]))
            return False
        return all(place.error is None for place in results or ())

    # ---- when ClickHouse is away -----------------------------------------------------------------------------------

    def _reachable(self, nothing_due: bool) -> bool:
        """Before the first insert, and when we wait with nothing to insert, see that the tables are there."""
        if self._checked and not (self._outage.down and nothing_due):
            return True
        try:
            todo = pending(self._db)
        except DatabaseDown as error:
            self._down(error)
            return False
        if todo:
            raise DatabaseError(f"The tables in {self._db.name} are not up to date: run `sms-streams migrate` first")
        self._checked = True
        if nothing_due:
            self._up()
        return True

    def _down(self, error: DatabaseDown) -> None:
        """Hold our place: pause, and say so once."""
        first = not self._outage.down
        pause = self._outage.failed(self._clock())
        self.progress.state = f"waiting for ClickHouse, next try in {pause:.1f} s"
        if first:
            self._consumer.pause(self._consumer.assignment())
            log.warning("%s: %s. Holding its place; next try in %.1f s", self._db.name, error, pause)
        else:
            log.debug("still down: %s; next try in %.1f s", error, pause)

    def _up(self) -> None:
        self.progress.state = "loading"
        if self._outage.down:
            self._consumer.resume(self._consumer.assignment())
            log.warning("%s is back after %.1f s; catching up", self._db.name, self._clock() - self._outage.since)
            self._outage = Outage()


@dataclass
class Outage:
    """How long ClickHouse has been away, and when to try again (seconds of the worker's clock)."""

    down: bool = False
    since: float = 0.0
    pause: float = FIRST_PAUSE
    next_try: float = 0.0

    def failed(self, now: float) -> float:
        """Note a failure; return the pause before the next try, twice as long each time."""
        self.since = self.since if self.down else now
        self.pause = min(self.pause * 2, LONGEST_PAUSE) if self.down else FIRST_PAUSE
        self.down = True
        self.next_try = now + self.pause
        return self.pause
