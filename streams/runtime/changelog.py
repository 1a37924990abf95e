"""The changelog: changed state as packed segments, one or few a batch, restored by reading them in order.

A segment is one record of a compacted topic: key = its number, value = the packed items changed in one batch (the
messages of correlate, the slots of resolve). Of an item's copies the last counts. Every copy names when it is *due*:
what is due at or before the restored stream time is dead (it was forgotten, or a later copy replaced it), because a
live item that comes due is always written anew, and none is forgotten before the largest due time it was ever written
with. So a segment can be deleted as a whole (a tombstone) when stream time reaches the largest due time in it. To let
that be soon, items due soon, within days and later go into different segments.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from streams.correlator.streamtime import StreamTime
from streams.runtime.processor import Item, Kind

_SEGMENT = b"s"
_META = b"m"
_MOST_IN_SEGMENT = 2_000
_MOST_BYTES = 900_000
"""A record must stay below ``message.max.bytes`` (1,000,000 in clients, a little more in brokers)."""
_SOON_MS = 15 * 60_000
_DAYS_MS = 3 * 24 * 3_600_000

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode

Record = tuple[bytes, bytes | None]


class ChangelogError(RuntimeError):
    """The changelog cannot be read by this version; the message says what to do."""


class Position(NamedTuple):
    """Where a partition stands besides its state."""

    now_ms: int
    newest: list[int]
    next_segment: int


class Segments:
    """The segments of one partition: which are alive, until when, and the next number."""

    def __init__(self, kind: Kind[Any]) -> None:
        """Start without segments; `kind` is what they hold."""
        self._kind = kind
        self.next = 0
        self._alive: list[tuple[int, int]] = []

    def records(self, changed: Iterable[Item], time: StreamTime) -> Iterator[Record]:
        """Yield the records of a batch: its segments, tombstones of dead ones, and at last the position."""
        now = time.now_ms
        groups: tuple[list[Item], ...] = ([], [], [])
        for item in changed:
            ahead = item.due_ms - now
            groups[0 if ahead < _SOON_MS else 1 if ahead < _DAYS_MS else 2].append(item)
        for group in groups:
            for start in range(0, len(group), _MOST_IN_SEGMENT):
                yield from self._segment(group[start : start + _MOST_IN_SEGMENT])
        while self._alive and self._alive[0][0] <= now:
            yield _segment_key(heapq.heappop(self._alive)[1]), None
        yield _META, _encode((self._kind.format, now, time.newest, self.next))

    def _segment(self, items: list[Item]) -> Iterator[Record]:
        """Yield items as a segment, or as several where one would be too large a record."""
        until = max(item.due_ms for item in items)
        value = _encode((self._kind.format, until, [item.pack() for item in items]))
        if len(value) > _MOST_BYTES and len(items) > 1:
            half = len(items) // 2
            yield from self._segment(items[:half])
            yield from self._segment(items[half:])
            return
        number = self.next
        self.next += 1
        heapq.heappush(self._alive, (until, number))
        yield _segment_key(number), value

    def restore(self, key: bytes, value: bytes | None) -> list[Any] | Position | None:
        """Take in a record of the changelog: the items of a segment, or the position, or a tombstone."""
        if value is None:
            return None
        data: Any = _decode(value)
        if data[0] != self._kind.format:
            raise ChangelogError(
                f"the changelog was written in format {data[0]}, this version reads {self._kind.format}: "
                "run the version that wrote it"
            )
        if key == _META:
            self.next = max(self.next, data[3])
            return Position(data[1], data[2], data[3])
        number = int.from_bytes(key[1:], "big")
        heapq.heappush(self._alive, (data[1], number))
        self.next = max(self.next, number + 1)
        return [self._kind.unpack(packed) for packed in data[2]]

    def note(self) -> Any:
        """Return what a checkpoint must remember."""
        return [self.next, self._alive]

    def recall(self, note: Any) -> None:
        """Take back what `note` gave."""
        self.next = note[0]
        self._alive = [tuple(entry) for entry in note[1]]
        heapq.heapify(self._alive)


def _segment_key(number: int) -> bytes:
    return _SEGMENT + number.to_bytes(8, "big")
