"""The detectors' host without Kafka: how far all sources are, and the groups of one partition. `detect` runs it.

`streams.detectors.engine` says what a host must do. This one holds the groups of one partition of the topic
``sms.detect-group``, and tells what is to be written when their windows close.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from streams.detectors.engine import Engine
from streams.detectors.state import GroupState
from streams.events import Anomaly, RouteHealth
from streams.health.heartbeat import WINDOW_MS

STALLED_S = 60.0
"""A source that has said nothing for so long, while others behind the same partition did, is not waited for."""
BEHIND_S = 900.0
"""Nor one that has not moved for so long, though it says that it is there."""
SILENT_MS = 30_000
"""A source that sends records but no heartbeats for so long of its time: its records tell how far it is."""
_GAP_S = 15.0
"""What counts at most of a time in which no source said anything: nobody is late then."""
_PROGRESS = ""

Source = tuple[int, int]
"""Where progress comes from: a partition of ``sms.route-health``, and a source partition of correlate behind it."""

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode


class Heard:
    """How far each source is by what was read of it: its heartbeats, or where those were compacted away its records.

    Records of one stream time come in any number, so one tells no more than that those of earlier times are all there.
    """

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._newest_ms: dict[Source, int] = {}
        self._told_ms: dict[Source, int] = {}

    def see(self, source: Source, stream_time_ms: int, *, is_heartbeat: bool) -> int | None:
        """Take in a record; return how far its source is, where that is to be told now."""
        before_ms = self._newest_ms.get(source, stream_time_ms)
        self._newest_ms[source] = max(stream_time_ms, before_ms)
        if is_heartbeat:
            self._told_ms[source] = self._newest_ms[source]
        elif stream_time_ms > before_ms and before_ms - self._told_ms.setdefault(source, before_ms) > SILENT_MS:
            self._told_ms[source] = before_ms
        else:
            return None
        return self._told_ms[source]


class Progress:
    """How far all sources are: the smallest stream time of those that are waited for.

    While a backlog is worked off, partitions have their turns, and one or the other stands still for minutes. Its
    heartbeats say that its share of what happened is still to come. The clock by which a source is late is that of the
    records (when they were written), for each partition of ``sms.route-health`` its own: however far behind the
    reading is, and one partition behind another, nobody is late who was not when it was written.
    """

    def __init__(self, expected: Iterable[Source]) -> None:
        """Wait for all that are `expected` before anything counts as complete."""
        self._newest_ms: dict[Source, int] = {}
        self._moved: dict[Source, float] = dict.fromkeys(expected, 0.0)
        self._heard: dict[Source, float] = {}
        self._clocks: dict[int, tuple[float, float]] = {}  # seconds in which anything was said; when it was last
        self.time_ms = 0

    def see(self, source: Source, stream_time_ms: int, written_s: float) -> int:
        """Take in how far a source was when that was written; return how far all are, which never goes back."""
        now_s = self._tick(source[0], written_s)
        self._heard[source] = now_s
        self._moved.setdefault(source, now_s)
        if stream_time_ms > self._newest_ms.get(source, -1):
            self._newest_ms[source] = stream_time_ms
            self._moved[source] = now_s
        awaited = [self._newest_ms.get(source, 0) for source in self._moved if not self._is_stalled(source)]
        self.time_ms = max(self.time_ms, min(awaited, default=0))
        return self.time_ms

    def _tick(self, partition: int, written_s: float) -> float:
        active_s, last_s = self._clocks.get(partition, (0.0, written_s))
        active_s += min(max(written_s - last_s, 0.0), _GAP_S)
        self._clocks[partition] = (active_s, max(written_s, last_s))
        return active_s

    def _is_stalled(self, source: Source) -> bool:
        now_s = self._clocks.get(source[0], (0.0, 0.0))[0]
        return now_s - self._heard.get(source, 0.0) > STALLED_S or now_s - self._moved[source] > BEHIND_S

    @property
    def stalled(self) -> list[Source]:
        """Sources that are not waited for."""
        return sorted(source for source in self._moved if self._is_stalled(source))

    def pack(self) -> bytes:
        """Return what to keep."""
        return _encode((self.time_ms, list(self._newest_ms.items())))

    def unpack(self, data: bytes) -> None:
        """Take back what `pack` gave; all of it counts as moving again."""
        self.time_ms, newest = _decode(data)
        self._newest_ms = {(a, b): at_ms for (a, b), at_ms in newest}
        self._moved |= dict.fromkeys(self._newest_ms, 0.0)


class Outcome(NamedTuple):
    """What is to be written: anomalies first; then changes of the state, by group and piece (None: gone)."""

    anomalies: list[Anomaly]
    changes: list[tuple[tuple[str, str], bytes | None]]


class Host:
    """The groups of one partition."""

    def __init__(self, engine: Engine, expected: Iterable[Source], kept: Mapping[tuple[str, str], bytes]) -> None:
        """Go on from what was `kept` of the state: the pieces by group and name."""
        self._engine = engine
        self.progress = Progress(expected)
        pieces: dict[str, dict[str, bytes]] = {}
        for (group, name), piece in kept.items():
            pieces.setdefault(group, {})[name] = piece
        own = pieces.pop(_PROGRESS, {})
        if own:
            self.progress.unpack(own[_PROGRESS])
        self.groups = {group: GroupState.load(group, found) for group, found in pieces.items()}
        self._closed = self._complete(self.progress.time_ms)

    def take(self, group: str, record: RouteHealth) -> None:
        """Take in a record of a group."""
        state = self.groups.get(group)
        if state is None:
            state = self.groups[group] = GroupState(group)
        self._engine.see(state, record)

    def beat(self, source: Source, stream_time_ms: int, written_s: float) -> bool:
        """Take in how far a source is; tell whether windows can be closed now."""
        return self._complete(self.progress.see(source, stream_time_ms, written_s)) > self._closed

    def _complete(self, time_ms: int) -> int:
        return (time_ms - self._engine.config.lateness_ms) // WINDOW_MS

    def close_windows(self) -> Outcome:
        """Close what is complete, in all groups."""
        now_ms = self.progress.time_ms
        self._closed = self._complete(now_ms)
        anomalies: list[Anomaly] = []
        changes: list[tuple[tuple[str, str], bytes | None]] = []
        for group in sorted(self.groups):
            state, found = self._engine.advance(self.groups[group], now_ms)
            self.groups[group] = state
            anomalies += found
            changes += [((group, name), piece) for name, piece in state.changes().items()]
        changes.append(((_PROGRESS, _PROGRESS), self.progress.pack()))
        return Outcome(anomalies, changes)
