"""The first half of detect: records of route health are handed on to their groups, heartbeats to all of them."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from streams.apps.detect.figures import Figures
from streams.apps.detect.host import Heard
from streams.apps.detect.topics import BEAT
from streams.clock import now_ms
from streams.codec.avro import Bad
from streams.detectors.engine import Engine
from streams.events import DeadLetter, RouteHealth
from streams.health.heartbeat import heartbeat
from streams.kafka.forgotten import means_nothing
from streams.settings import Settings


class Forward:
    """Hands on what one worker reads. A record is acknowledged when the brokers have all its copies."""

    def __init__(
        self,
        settings: Settings,
        figures: Figures,
        grouped: Any,
        partitions: int,
        dead: Any,
        decode: Callable[[bytes], Any],
    ) -> None:
        """Write to the topics `grouped`, of so many partitions, and `dead`."""
        self._settings, self._figures = settings, figures
        self._grouped, self._partitions, self._dead, self._decode = grouped, partitions, dead, decode
        self._heard = Heard()

    def forget(self) -> None:
        """Partitions have moved: what was heard of them says nothing any more."""
        self._heard = Heard()

    async def run(self, stream: Any) -> None:
        """Hand on all of a stream."""
        async for event in stream.noack().events():
            message = event.message
            if self._too_old(message.key or b"") or means_nothing(message.key, message.value):
                event.ack()
                continue
            record = self._decode(message.value)
            if isinstance(record, Bad):
                sent = [await self._dead.send(key=message.key, value=self._letter(message, record))]
                self._figures.metrics.unreadable.inc()
            else:
                self._figures.metrics.records.inc()
                self._figures.told.records += 1
                sent = [await one for one in self._handed_on(message, record)]
            _when_all(sent, event.ack)

    def _too_old(self, key: bytes) -> bool:
        """Tell by the key whether a window is of no interest any more; heartbeats never are."""
        limit_ms = self._settings.detect.max_age_ms
        start_ms = key.rsplit(b":", 2)[-2:-1]
        if not limit_ms or not start_ms or not start_ms[0].isdigit():
            return False
        return 0 < int(start_ms[0]) < now_ms() - limit_ms

    def _handed_on(self, message: Any, record: RouteHealth) -> Iterable[Awaitable[Any]]:
        """Send a record to its groups, a heartbeat to all partitions; as of the time at which it was written."""
        send = functools.partial(self._grouped.send, timestamp=message.timestamp)
        groups = Engine.groups(record)
        for group in groups:
            yield send(key=group.encode(), value=message.value, value_serializer="raw")
        source = (message.partition, record.source_partition)
        reached_ms = self._heard.see(source, record.stream_time_ms, is_heartbeat=not groups)
        if reached_ms is None:
            return
        beat = heartbeat(record.source_partition, reached_ms)
        for number in range(self._partitions):
            yield send(key=f"{BEAT}{message.partition}".encode(), value=beat, partition=number)

    def _letter(self, message: Any, bad: Bad) -> DeadLetter:
        where = (message.topic.removeprefix(self._settings.topic_prefix), message.partition, message.offset)
        at_ms = int((message.timestamp or 0) * 1_000)
        return DeadLetter(*where, at_ms, message.key, message.value, bad.reason, bad.detail, "detect")


def _when_all(futures: list[Any], done: Any) -> None:
    """Call `done` when all futures are done, unless one of them failed."""
    left = len(futures)

    def one(future: Any) -> None:
        nonlocal left
        if not future.cancelled() and future.exception() is None:
            left -= 1
            if not left:
                done()

    if not futures:
        done()
    for future in futures:
        future.add_done_callback(one)
