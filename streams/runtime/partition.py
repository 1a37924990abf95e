"""One partition at work: its inputs, its core, its changelog."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streams.correlator.health import Told
from streams.correlator.streamtime import StreamTime
from streams.runtime.changelog import Position, Record, Segments
from streams.runtime.inputs import Inputs
from streams.runtime.processor import Delta, Processor, Work
from streams.runtime.store import DiskStore

STILL_S = 15.0
"""A partition of which nothing was told for so long says that it is there."""


class Partition:
    """Everything a worker holds of one partition number of the inputs."""

    def __init__(self, processor: Processor, number: int, count: int, folder: Path, most_in_memory: int) -> None:
        """Open partition `number` of `count`, its local state under `folder`; `restore` brings it up to date."""
        self.number = number
        self.segments = Segments(processor.kind)
        self.store: DiskStore[Any] = DiskStore(
            folder / f"partition-{number}", most_in_memory, processor.kind, keep=True
        )
        self.time = StreamTime(len(processor.sources))
        self.inputs = Inputs(len(processor.sources))
        self.core, self._beside = processor.core(self.store, self.time, number, count)
        self.changelog_from = 0
        self._told_s = time.monotonic()
        self.restored = False
        self._recall()

    def _recall(self) -> None:
        """Start from the checkpoint of a clean close, where there is one."""
        note = self.store.checkpoint
        if note is None:
            return
        self.changelog_from, now_ms, newest, segments, beside = note
        self.segments.recall(segments)
        self._beside.recall(beside)
        self._at(Position(now_ms, newest, self.segments.next))

    def restore(self, key: bytes, value: bytes | None) -> int:
        """Take in one changelog record; return how many items it held."""
        if key.startswith(self._beside.prefix):
            self._beside.restore(key, value)
            return 0
        found = self.segments.restore(key, value)
        if isinstance(found, Position):
            self._at(found)
            return 0
        for item in found or ():
            self.store.put(item)
        self.store.spill()
        return len(found or ())

    def restore_done(self) -> None:
        """Forget what the changelog still holds of dead items; from now on the partition works."""
        for key in self.store.due(self.time.now_ms):
            item = self.store.get(key)
            if item is not None:
                self.store.drop(item)
        self._beside.restored(self.time.now_ms)
        self.inputs.resume(self.time.newest)
        self.restored = True

    def _at(self, position: Position) -> None:
        self.time.now_ms = position.now_ms
        self.time.newest = list(position.newest)

    def work(self, idle_until_ms: int) -> Work:
        """Process what may be processed; with all inputs at their end move time to `idle_until_ms`."""
        events, dead = self.inputs.take()
        for source in range(len(self.inputs.inputs)):
            self.time.ended(source, self.inputs.drained(source))
        delta = self.core.step(events, idle_until_ms)
        if all(self.time.at_end) and idle_until_ms > self.time.now_ms:
            later = self.core.advance_to(idle_until_ms)
            delta.merge(later)
        told = self._beside.end_step(self.time.now_ms)
        if told is not None:
            self._told_s = time.monotonic()
        return Work(self, events, delta, dead, told)

    def still(self) -> Told | None:
        """Return what is to be told where time stands still: while its state comes back, or others have their turn.

        Those who wait for all partitions must not take it for gone then (`detect`).
        """
        if time.monotonic() < self._told_s + STILL_S:
            return None
        self._told_s = time.monotonic()
        return self._beside.still(self.time.now_ms)

    def changelog(self, delta: Delta) -> Iterator[Record]:
        """Yield the changelog records of a delta."""
        yield from self.segments.records(delta.changed.values(), self.time)
        yield from self._beside.records(self.time.now_ms)

    def close(self, changelog_offset: int | None) -> None:
        """Close; with the changelog offset up to which the state holds, leave a checkpoint."""
        note = None
        if changelog_offset is not None and self.restored:
            note = [changelog_offset, self.time.now_ms, self.time.newest, self.segments.note(), self._beside.note()]
        self.store.close(note)
