"""What the load worker does, apart from Kafka: gather records, plan a block, insert it so that it can be repeated.

A block is never inserted that has not been planned: its range (first and last offset really read) stands in the
metadata of the committed offset before the first insert. Whoever owns the partition next, after a crash or a
rebalance, reads exactly that range again and inserts it with the same deduplication token; the tables drop what they
have. The steps, and what happens where it dies, are in `streams.apps.load`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from streams import events
from streams.clickhouse.backend import Database
from streams.clickhouse.rows import records_batch
from streams.clickhouse.tables import DEAD_LETTERS, OTHERS_DEAD_LETTER, Source, inserts
from streams.codec.avro import Bad, Decoder

_PLAN = re.compile(r"sms-load/1 (\d+)-(\d+)")


class Plan(NamedTuple):
    """A block that is about to be inserted: the offsets of its first and its last record."""

    first: int
    last: int

    def metadata(self) -> str:
        """Return the plan as metadata of a committed offset."""
        return f"sms-load/1 {self.first}-{self.last}"

    def token(self, topic: str, partition: int) -> str:
        """Return the deduplication token of the block: the same whenever and by whomever it is inserted."""
        return f"{topic}-{partition}-{self.first}-{self.last}"


def planned(metadata: str | None) -> Plan | None:
    """Read the plan in the metadata of a committed offset, if there is one."""
    found = _PLAN.fullmatch(metadata or "")
    return Plan(int(found.group(1)), int(found.group(2))) if found else None


class Block(NamedTuple):
    """The records of a plan, as read: for each its offset, Kafka timestamp, key and value."""

    offsets: list[int]
    timestamps_ms: list[int]
    keys: list[bytes | None]
    values: list[bytes | None]

    def cut(self, low: int, high: int | None) -> Block:
        """Return the records from position `low` up to, not including, `high`."""
        return Block(self.offsets[low:high], self.timestamps_ms[low:high], self.keys[low:high], self.values[low:high])


@dataclass
class Limits:
    """When gathered records are inserted: so many of them, so many bytes, or so old (seconds)."""

    rows: int = 100_000
    size: int = 64_000_000
    seconds: float = 1.0


@dataclass
class Lane:
    """One partition of one topic: what has been read of it and not yet inserted.

    `next_offset`: nothing below it is wanted any more. `plan`: a committed plan, not yet known to be inserted.
    """

    topic: str
    partition: int
    next_offset: int
    plan: Plan | None = None
    at_end: bool = False
    since: float = 0.0
    _size: int = 0
    _block: Block = field(default_factory=lambda: Block([], [], [], []))

    def add(self, offset: int, timestamp_ms: int, key: bytes | None, value: bytes | None, now: float) -> None:
        """Take a record in; one that is not wanted any more (read twice around a rebalance) is left out."""
        if offset < self.next_offset:
            return
        if not self._block.offsets:
            self.since = now
        self.next_offset = offset + 1
        self.at_end = False
        self._block.offsets.append(offset)
        self._block.timestamps_ms.append(timestamp_ms)
        self._block.keys.append(key)
        self._block.values.append(value)
        self._size += len(value or b"")

    def end(self, offset: int) -> None:
        """Note that the partition has been read to its end: the next record will have at least this offset."""
        self.next_offset = max(self.next_offset, offset)
        self.at_end = True

    @property
    def rows(self) -> int:
        """Count the records that wait."""
        return len(self._block.offsets)

    @property
    def resume_at(self) -> int:
        """Return the offset to go on from if we stopped now: that of the first record that waits, else the next."""
        return self._block.offsets[0] if self._block.offsets else self.next_offset

    def due(self, now: float, limits: Limits) -> Plan | None:
        """Return the plan of the block to insert now, if it is time; a committed plan comes first, and whole."""
        if self.plan is not None:
            return self.plan if self.next_offset > self.plan.last else None
        full = self.rows >= limits.rows or self._size >= limits.size
        if self.rows and (full or now - self.since >= limits.seconds):
            return Plan(self._block.offsets[0], self._block.offsets[-1])
        return None

    def block(self, plan: Plan) -> Block:
        """Return the records of a plan (some may be gone from the topic by now)."""
        low, high = self._range(plan)
        return self._block.cut(low, high)

    def done(self, plan: Plan, now: float) -> None:
        """Let go of the records of a plan: they are in the tables."""
        _, high = self._range(plan)
        self._size -= sum(len(value or b"") for value in self._block.values[:high])
        self._block = self._block.cut(high, None)
        self.plan = None
        self.since = now

    def _range(self, plan: Plan) -> tuple[int, int]:
        offsets = self._block.offsets
        return bisect_left(offsets, plan.first), bisect_right(offsets, plan.last)


class Written(NamedTuple):
    """What became of a block: rows by table, and the records that could not be decoded."""

    rows: Mapping[str, int]
    bad: list[Bad]


def write(db: Database, decoder: Decoder, partition: int, block: Block, token: str) -> Written:
    """Decode a block and insert it; done again with the same token it changes nothing.

    Records of the inputs that cannot be decoded are dead-lettered by correlate and resolve already, and come here over
    sms.dead-letter. Those of the topics that only the loader reads become rows of sms.dead_letters here.
    """
    topic = decoder.topic
    decoded = decoder.columns(block.values)
    rows: dict[str, int] = {}
    if decoded.batch.num_rows:
        for table, batch in inserts(topic, decoded.batch, _source(partition, block, decoded.good)):
            db.insert(table, batch, token)
            rows[table] = batch.num_rows
    if decoded.bad and topic not in OTHERS_DEAD_LETTER:
        letters = [_letter(topic, partition, block, bad) for bad in decoded.bad]
        batch = inserts(events.DEAD_LETTER, records_batch(events.DEAD_LETTER, letters), _NOWHERE)[0].batch
        db.insert(DEAD_LETTERS, batch, f"{token}-bad")
        rows[DEAD_LETTERS] = rows.get(DEAD_LETTERS, 0) + len(letters)
    return Written(rows, decoded.bad)


_NOWHERE = Source(-1, pa.array([], pa.int64()), pa.array([], pa.int64()))


def _source(partition: int, block: Block, good: list[int] | None) -> Source:
    offsets, times = pa.array(block.offsets, pa.int64()), pa.array(block.timestamps_ms, pa.int64())
    if good is not None:
        offsets, times = offsets.take(pa.array(good)), times.take(pa.array(good))
    return Source(partition, offsets, times)


def _letter(topic: str, partition: int, block: Block, bad: Bad) -> events.DeadLetter:
    at = bad.position
    return events.DeadLetter(
        topic,
        partition,
        block.offsets[at],
        block.timestamps_ms[at],
        block.keys[at],
        block.values[at],
        bad.reason,
        bad.detail,
        "load",
    )
