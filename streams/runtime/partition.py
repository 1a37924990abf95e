"""One partition at work: its inputs, its correlator, its changelog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from streams.correlator.health import Health
from streams.correlator.step import Correlator, Delta
from streams.correlator.streamtime import INPUTS, StreamTime
from streams.correlator.timeouts import Rules
from streams.events import DeadLetter, RouteHealth
from streams.runtime.changelog import Position, Record, Segments
from streams.runtime.healthlog import PREFIX, HealthLog
from streams.runtime.inputs import Inputs
from streams.runtime.store import DiskStore


class Partition:
    """Everything a worker holds of one partition number of the inputs."""

    def __init__(self, number: int, rules: Rules, folder: Path, most_in_memory: int) -> None:
        """Open the partition's local state under `folder`; `restore` brings it up to date."""
        self.number = number
        self.segments = Segments()
        self.store = DiskStore(folder / f"partition-{number}", most_in_memory, keep=True)
        self.time = StreamTime()
        self.inputs = Inputs()
        self.correlator = Correlator(rules, self.store, self.time)
        self.health = Health(number, rules)
        self.told: list[RouteHealth] = []
        self._health_log = HealthLog(self.health)
        self.changelog_from = 0
        self.restored = False
        self._recall()

    def _recall(self) -> None:
        """Start from the checkpoint of a clean close, where there is one."""
        note = self.store.checkpoint
        if note is None:
            return
        self.changelog_from, now_ms, newest, segments, health = note
        self.segments.recall(segments)
        self._health_log.recall(health)
        self._at(Position(now_ms, newest, self.segments.next))

    def restore(self, key: bytes, value: bytes | None) -> int:
        """Take in one changelog record; return how many messages it held."""
        if key.startswith(PREFIX):
            self._health_log.restore(key, value)
            return 0
        found = self.segments.restore(key, value)
        if isinstance(found, Position):
            self._at(found)
            return 0
        for message in found or ():
            self.store.put(message)
        self.store.spill()
        return len(found or ())

    def restore_done(self) -> None:
        """Forget what the changelog still holds of dead messages; from now on the partition works."""
        for key in self.store.due(self.time.now_ms):
            message = self.store.get(key)
            if message is not None:
                self.store.drop(message)
        self.health.restored(self.time.now_ms)
        self.inputs.resume(self.time.newest)
        self.restored = True

    def _at(self, position: Position) -> None:
        self.time.now_ms = position.now_ms
        self.time.newest = list(position.newest)

    def work(self, idle_until_ms: int) -> tuple[Delta, list[DeadLetter]]:
        """Process what may be processed; with all inputs at their end move time to `idle_until_ms`.

        What is to be told of route health then is in ``told``.
        """
        before_ms = self.time.now_ms
        events, dead = self.inputs.take()
        for source in range(INPUTS):
            self.time.ended(source, self.inputs.drained(source))
        delta = self.correlator.step(events)
        if all(self.time.at_end) and idle_until_ms > self.time.now_ms:
            later = self.correlator.advance_to(idle_until_ms)
            delta.merge(later)
        self.health.take(delta, before_ms, self.time.now_ms)
        self.told = self.health.tell(self.time.now_ms)
        return delta, dead

    def changelog(self, delta: Delta) -> Iterator[Record]:
        """Yield the changelog records of a delta."""
        yield from self.segments.records(delta.changed.values(), self.time)
        yield from self._health_log.records(self.time.now_ms)

    def close(self, changelog_offset: int | None) -> None:
        """Close; with the changelog offset up to which the state holds, leave a checkpoint."""
        note = None
        if changelog_offset is not None and self.restored:
            note = [changelog_offset, self.time.now_ms, self.time.newest, self.segments.note(), self._health_log.note()]
        self.store.close(note)
