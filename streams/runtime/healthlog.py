"""The changelog of route health: what changed in a batch as packed segments beside those of the messages.

A segment is one record, key = ``h`` and its number, value = what was noted of windows (`Health.changes`). All that are
there add up. A segment is deleted as a whole when the last of its windows is forgotten.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

import msgspec

from streams.correlator.health import Health, Told
from streams.correlator.notes import Change

Record = tuple[bytes, bytes | None]

PREFIX = b"h"
_MOST_BYTES = 900_000

_encode = msgspec.msgpack.encode
_Entry = tuple[int, int, str]
# What a `Change` is, spelled out: compiled, its class does not know what is in its lists.
_Packed = tuple[int, int, list[tuple[str, ...]], list[bytes], list[int], bytes, list[_Entry]]
_decode = msgspec.msgpack.Decoder(tuple[int, list[_Packed]]).decode


class HealthLog:
    """One partition's route health as the runtime asks it: state beside the messages (`streams.runtime.processor`).

    It knows the segments: the next number, and which are alive until when.
    """

    prefix = PREFIX

    def __init__(self, health: Health) -> None:
        """Write and restore the changes of `health`."""
        self._health = health
        self._next = 0
        self._alive: list[tuple[int, int]] = []

    def end_step(self, now_ms: int) -> Told | None:
        """A step has moved stream time to `now_ms`: return what is to be told of routes."""
        self._health.end_step(now_ms)
        return self._health.tell(now_ms)

    def still(self, now_ms: int) -> Told:
        """Return a heartbeat: stream time is `now_ms` as before, and the partition is in good hands."""
        return self._health.heartbeat(now_ms)

    def restored(self, now_ms: int) -> None:
        """All records are taken in; stream time is `now_ms`."""
        self._health.restored(now_ms)

    def records(self, now_ms: int) -> Iterator[Record]:
        """Yield the records of a batch that ended at stream time `now_ms`."""
        changes = self._health.changes()
        if changes:
            yield from self._segment(changes)
        while self._alive and self._alive[0][0] <= now_ms:
            yield _key(heapq.heappop(self._alive)[1]), None

    def _segment(self, changes: list[tuple[int, Change]]) -> Iterator[Record]:
        until = max(until for until, _ in changes)
        value = _encode((until, [change for _, change in changes]))
        if len(value) > _MOST_BYTES:
            pieces = changes if len(changes) > 1 else [(until, half) for half in changes[0][1].halves()]
            if len(pieces) > 1:
                half = len(pieces) // 2
                yield from self._segment(pieces[:half])
                yield from self._segment(pieces[half:])
                return
        heapq.heappush(self._alive, (until, self._next))
        yield _key(self._next), value
        self._next += 1

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take in a record."""
        if value is None:
            return
        until, changes = _decode(value)
        for change in changes:
            self._health.restore(Change(*change))
        number = int.from_bytes(key[len(PREFIX) :], "big")
        self._next = max(self._next, number + 1)
        heapq.heappush(self._alive, (until, number))

    def note(self) -> Any:
        """Return what a checkpoint must remember."""
        return [self._next, self._alive, self._health.everything()]

    def recall(self, note: Any) -> None:
        """Take back what `note` gave."""
        self._next = note[0]
        self._alive = [tuple(entry) for entry in note[1]]
        heapq.heapify(self._alive)
        self._health.recall(note[2])


def _key(number: int) -> bytes:
    return PREFIX + number.to_bytes(8, "big")
