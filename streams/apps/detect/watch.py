"""The second half of detect: the groups in the partitions of one worker, and what the detectors find in them.

The steps, and what if it dies between them, are in `streams.apps.detect`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from streams.apps.detect.figures import Figures
from streams.apps.detect.host import Host, Source
from streams.apps.detect.topics import BEAT, GROUP_TOPIC
from streams.codec.avro import Bad
from streams.detectors.engine import Engine
from streams.events import Anomaly

log = logging.getLogger("sms-streams.detect")

Change = tuple[tuple[str, str], bytes | None]


class Held(NamedTuple):
    """The groups of a partition, and the records that are taken in and not acknowledged."""

    host: Host
    events: list[Any]


class Watch:
    """The groups of one worker. `hosts`: by partition of the group topic."""

    def __init__(self, engine: Engine, figures: Figures, expected: list[Source], table: Any, anomalies: Any) -> None:
        """Keep state in `table`, write to the topic `anomalies`; wait for all sources `expected`."""
        self._engine, self._expected, self._table, self._anomalies = engine, expected, table, anomalies
        self.hosts: dict[int, Held] = {}
        self._metrics, self._told = figures.metrics, figures.told

    async def run(self, stream: Any) -> None:
        """Watch all of a stream."""
        async for event in stream.noack().events():
            message, record = event.message, event.value
            held = self._held(message.partition)
            held.events.append(event)
            key = (message.key or b"").decode(errors="replace")
            if isinstance(record, Bad):  # nobody but `forward` writes here
                log.warning("%s: %s", GROUP_TOPIC, record.detail)
            elif not key.startswith(BEAT):
                held.host.take(key, record)
            elif held.host.beat(
                (int(key.removeprefix(BEAT)), record.source_partition), record.stream_time_ms, message.timestamp or 0.0
            ):
                await self._close_windows(message.partition, held)

    def _held(self, partition: int) -> Held:
        """Return the groups of a partition; the first time, as the table has them."""
        held = self.hosts.get(partition)
        if held is None:
            kept: dict[tuple[str, str], bytes] = {}
            for key, value in self._table.items():
                number, group, name = msgspec.msgpack.decode(key)
                if number == partition and value:
                    kept[group, name] = value
            held = self.hosts[partition] = Held(Host(self._engine, self._expected, kept), [])
            log.info("partition %d: %d groups", partition, len(held.host.groups))
        return held

    async def _close_windows(self, partition: int, held: Held) -> None:
        outcome = held.host.close_windows()
        events, held.events[:] = list(held.events), []
        await self._write(outcome.anomalies)
        if self.hosts.get(partition) is not held:
            return  # the partition is another worker's by now, which does it all again
        await self._keep(partition, outcome.changes)
        if self.hosts.get(partition) is held:
            for event in events:
                event.ack()
            self._measure()

    async def _write(self, anomalies: list[Anomaly]) -> None:
        """Write anomalies; return when the brokers have them."""
        for future in [await self._anomalies.send(key=a.anomaly_id.encode(), value=a) for a in anomalies]:
            await future
        for anomaly in anomalies:
            self._metrics.anomaly(anomaly)
            self._told.add(anomaly)
            log.info("%s %s %s: %s", anomaly.state, anomaly.severity, anomaly.anomaly_id, anomaly.sentence)

    async def _keep(self, partition: int, changes: Iterable[Change]) -> None:
        """Write what has changed to the table and its changelog; return when the brokers have it."""
        sent = []
        for (group, name), piece in changes:
            key = msgspec.msgpack.encode((partition, group, name))
            if piece is None:
                self._table.data.pop(key, None)
            else:
                self._table.data[key] = piece
            sent.append(self._table.send_changelog(partition, key, piece))
        for future in sent:
            await future

    def _measure(self) -> None:
        hosts = [held.host for held in self.hosts.values()]
        self._metrics.windows.inc()
        self._metrics.groups.set(sum(len(host.groups) for host in hosts))
        self._metrics.stalled.set(len({source for host in hosts for source in host.progress.stalled}))
        self._told.time_ms = min(host.progress.time_ms for host in hosts)
        self._metrics.time.set(self._told.time_ms / 1_000)
