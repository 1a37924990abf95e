"""`sms-streams detect`: anomalies, hosted on Faust. The only module that imports it.

    sms.route-health -> forward -> sms.detect-group -> watch -> sms.anomaly

`forward` hands each record on to the groups it belongs to (its provider, its account), so that all records of a group
come to one worker whatever partitions they came from, and heartbeats to all of them. `watch` gives the groups to the
detectors (`streams.detectors.engine`) and writes what they find. Any number of workers share both.

The steps of `watch` for a partition, and what if it dies here:

1. take records in, without acknowledging them. Dies: they are read again.
2. when all sources have got past the end of a window, close it: the detectors look. Dies: the same.
3. write the anomalies to sms.anomaly, and wait until the brokers have them. Dies: the same records give the same
   anomalies with the same ids and revisions again; readers drop what they have.
4. write the changed state to the changelog of the table, and wait. Dies: the same.
5. acknowledge the records; Faust commits their offsets. Dies: they are read once more, and their windows are closed
   already in the state that is restored.

The states' totals are absolute, so records of transactions that were aborted (Faust reads them) are overwritten by
those of the transaction that was done again.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import socket
import threading
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import faust
import msgspec
from confluent_kafka.admin import AdminClient
from faust.types.auth import CredentialsT

from streams.apps.correlate import registry_of
from streams.apps.detect_host import Heard, Host
from streams.apps.detect_metrics import Metrics
from streams.clock import now_ms
from streams.codec.avro import Bad, Decoder, Encoder
from streams.codec.schemas import Registry
from streams.detectors.engine import Engine
from streams.events import ANOMALY, DEAD_LETTER, ROUTE_HEALTH, SUBMIT, Anomaly, DeadLetter, RouteHealth
from streams.health.heartbeat import heartbeat
from streams.kafka.client import admin_options
from streams.kafka.security import Access, access
from streams.runtime.errors import TopicsError
from streams.settings import Settings, SettingsError, load_settings

log = logging.getLogger("sms-streams.detect")

GROUP_TOPIC = "sms.detect-group"
CHANGELOG = "sms.detect-changelog"
_TOPICS = (ROUTE_HEALTH, GROUP_TOPIC, CHANGELOG, ANOMALY, DEAD_LETTER)
_BEAT = "from:"
"""Keys of the group topic: the name of a group, or this and the partition from which a heartbeat comes."""
_ASK_S = 10.0
_LOOK_S = 0.1
_STOP_S = 10.0
_BUFFERED = 10_000


class AvroCodec(faust.Codec):
    """A topic's values for Faust, as `streams.codec` reads and writes them. What is no such value comes as `Bad`."""

    def __init__(self, topic: str, registry: Registry | None) -> None:
        """For the values of `topic`."""
        super().__init__()
        self._decoder = Decoder(topic, registry)
        self._encoder = Encoder(topic, registry)

    def _loads(self, s: bytes | None) -> Any:
        return self._decoder.one(s)

    def _dumps(self, s: Any) -> bytes:
        return self._encoder.encode(s)

    def clone(self, *children: Any) -> AvroCodec:
        """Return itself: it has no state that a copy must not share."""
        return self


@dataclass
class Told:
    """What a worker has read and found since it started. `open`: the last sentence of each anomaly, by its id."""

    records: int = 0
    time_ms: int = 0
    found: int = 0
    open: dict[str, str] = field(default_factory=dict)

    def add(self, anomaly: Anomaly) -> None:
        """Note a record that was written."""
        self.found += anomaly.state == "opened"
        if anomaly.state == "resolved":
            self.open.pop(anomaly.anomaly_id, None)
        else:
            self.open[anomaly.anomaly_id] = anomaly.sentence


class DetectApp(faust.App):
    """Faust without what it does not need here, and with room in its producer's buffer."""

    def on_init_dependencies(self) -> Iterable[Any]:
        """Leave out the monitor, which costs a third of the CPU time."""
        services = super().on_init_dependencies()
        self.sensors.remove(self.monitor)
        self.producer.buffer.max_messages = _BUFFERED  # 100 unless set, which throttles
        return list(services)


class Detect:
    """The Faust application: `app`."""

    def __init__(self, settings: Settings) -> None:
        """Make it; asks the cluster for its topics, which must be there."""
        self._settings = settings
        own = settings.detect
        registry = registry_of(settings)
        known = _partitions(settings)
        self._health_partitions = known[settings.topic_prefix + ROUTE_HEALTH]
        self._sources = known.get(settings.topic_prefix + SUBMIT, 1)
        self._group_partitions = known[settings.topic_prefix + GROUP_TOPIC]
        self._engine = Engine(own.engine)
        self._hosts: dict[int, _Held] = {}
        self._heard = Heard()
        self.metrics = Metrics()
        self.told = Told()
        reach = access(settings.kafka)
        self.app = app = DetectApp(
            settings.topic_prefix + own.group,
            broker=[f"kafka://{server}" for server in reach.servers],
            broker_credentials=_credentials(reach),
            broker_client_id=reach.client_id,
            broker_session_timeout=reach.session_timeout_s,
            broker_heartbeat_interval=reach.heartbeat_s,
            broker_commit_interval=1.0,
            broker_max_poll_interval=300.0,
            consumer_group_instance_id=own.instance or None,
            consumer_auto_offset_reset="earliest",
            producer_acks=-1,
            producer_linger=0.01,
            store="memory://",
            table_standby_replicas=0,
            topic_allow_declare=False,  # `sms-streams topics create` makes them
            topic_disable_leader=True,
            stream_wait_empty=False,  # what is not acknowledged when partitions move is read again
            topic_partitions=self._group_partitions,
            web_enabled=bool(own.web_port),
            web_port=own.web_port or None,
            web_bind=own.web_host,
            web_host=own.web_host,
        )
        self._codec = AvroCodec(ROUTE_HEALTH, registry)
        self._health = self._topic(ROUTE_HEALTH, "raw", value_type=bytes)  # most is handed on as it is
        self._grouped = self._topic(GROUP_TOPIC, self._codec)
        self._anomalies = self._topic(ANOMALY, AvroCodec(ANOMALY, registry))
        self._dead = self._topic(DEAD_LETTER, AvroCodec(DEAD_LETTER, registry))
        self._table = app.Table(
            "groups",
            partitions=self._group_partitions,
            key_type=bytes,
            value_type=bytes,
            changelog_topic=self._topic(CHANGELOG, "raw", acks=False, internal=True, allow_empty=True, maxsize=131_072),
        )
        app.agent(self._health, name="forward")(self._forward)
        app.agent(self._grouped, name="watch")(self._watch)
        app.on_partitions_revoked.connect(self._revoked)
        self._add_pages()

    def _topic(self, name: str, values: Any, **more: Any) -> Any:
        full = self._settings.topic_prefix + name
        return self.app.topic(full, key_serializer="raw", key_type=bytes, value_serializer=values, **more)

    # ---- forward -------------------------------------------------------------------------------------------------

    async def _forward(self, stream: Any) -> None:
        async for event in stream.noack().events():
            message = event.message
            if self._too_old(message.key or b""):
                event.ack()
                continue
            record = self._codec.loads(message.value)
            if isinstance(record, Bad):
                sent = [await self._dead.send(key=message.key, value=self._letter(message, record))]
                self.metrics.unreadable.inc()
            else:
                self.metrics.records.inc()
                self.told.records += 1
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
        groups = self._engine.groups(record)
        for group in groups:
            yield send(key=group.encode(), value=message.value, value_serializer="raw")
        source = (message.partition, record.source_partition)
        reached_ms = self._heard.see(source, record.stream_time_ms, is_heartbeat=not groups)
        if reached_ms is None:
            return
        beat = heartbeat(record.source_partition, reached_ms)
        for number in range(self._group_partitions):
            yield send(key=f"{_BEAT}{message.partition}".encode(), value=beat, partition=number)

    def _letter(self, message: Any, bad: Bad) -> DeadLetter:
        where = (message.topic.removeprefix(self._settings.topic_prefix), message.partition, message.offset)
        at_ms = int((message.timestamp or 0) * 1_000)
        return DeadLetter(*where, at_ms, message.key, message.value, bad.reason, bad.detail, "detect")

    # ---- watch ---------------------------------------------------------------------------------------------------

    async def _watch(self, stream: Any) -> None:
        async for event in stream.noack().events():
            message, record = event.message, event.value
            held = self._held(message.partition)
            held.events.append(event)
            key = (message.key or b"").decode(errors="replace")
            if isinstance(record, Bad):  # nobody but `forward` writes here
                log.warning("%s: %s", GROUP_TOPIC, record.detail)
            elif not key.startswith(_BEAT):
                held.host.take(key, record)
            elif held.host.beat(
                (int(key.removeprefix(_BEAT)), record.source_partition), record.stream_time_ms, message.timestamp or 0.0
            ):
                await self._close_windows(message.partition, held)

    def _held(self, partition: int) -> _Held:
        """Return the groups of a partition; the first time, as the table has them."""
        held = self._hosts.get(partition)
        if held is None:
            kept: dict[tuple[str, str], bytes] = {}
            for key, value in self._table.items():
                number, group, name = msgspec.msgpack.decode(key)
                if number == partition and value:
                    kept[group, name] = value
            expected = [(h, s) for h in range(self._health_partitions) for s in range(self._sources)]
            held = self._hosts[partition] = _Held(Host(self._engine, expected, kept), [])
            log.info("partition %d: %d groups", partition, len(held.host.groups))
        return held

    async def _close_windows(self, partition: int, held: _Held) -> None:
        outcome = held.host.close_windows()
        events, held.events[:] = list(held.events), []
        sent = [await self._anomalies.send(key=a.anomaly_id.encode(), value=a) for a in outcome.anomalies]
        for future in sent:
            await future
        for anomaly in outcome.anomalies:
            self._tell(anomaly)
        if self._hosts.get(partition) is not held:
            return  # the partition is another worker's by now, which does it all again
        changes = []
        for (group, name), piece in outcome.changes:
            key = msgspec.msgpack.encode((partition, group, name))
            if piece is None:
                self._table.data.pop(key, None)
            else:
                self._table.data[key] = piece
            changes.append(self._table.send_changelog(partition, key, piece))
        for future in changes:
            await future
        if self._hosts.get(partition) is held:
            for event in events:
                event.ack()
            self._measure()

    def _tell(self, anomaly: Anomaly) -> None:
        self.metrics.anomaly(anomaly)
        self.told.add(anomaly)
        log.info("%s %s %s: %s", anomaly.state, anomaly.severity, anomaly.anomaly_id, anomaly.sentence)

    def _measure(self) -> None:
        hosts = [held.host for held in self._hosts.values()]
        self.metrics.windows.inc()
        self.metrics.groups.set(sum(len(host.groups) for host in hosts))
        self.metrics.stalled.set(len({source for host in hosts for source in host.progress.stalled}))
        self.told.time_ms = min(host.progress.time_ms for host in hosts)
        self.metrics.time.set(self.told.time_ms / 1_000)

    async def _revoked(self, *_: Any, **__: Any) -> None:
        self._hosts.clear()
        self._heard = Heard()

    # ---- web -----------------------------------------------------------------------------------------------------

    def _add_pages(self) -> None:
        async def health(view: Any, request: Any) -> Any:
            recovered: Any = self.app.tables
            working = recovered.recovery.completed.is_set() and not self.app.rebalancing
            answer = {
                "status": "working" if working else "starting",
                "partitions": sorted(self._hosts),
                "stream_time_ms": min((held.host.progress.time_ms for held in self._hosts.values()), default=0),
            }
            return view.json(answer, status=200 if working else 503)

        async def metrics(view: Any, request: Any) -> Any:
            return view.bytes(self.metrics.text(), content_type="text/plain")

        self.app.page("/health")(health)
        self.app.page("/metrics")(metrics)


class _Held(NamedTuple):
    """The groups of a partition, and the records that are taken in and not acknowledged."""

    host: Host
    events: list[Any]


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


def _partitions(settings: Settings) -> dict[str, int]:
    """Return the partitions of the cluster's topics; Faust would wait for ever for one that is missing."""
    admin = AdminClient(admin_options(settings.kafka))
    known = {name: len(topic.partitions) for name, topic in admin.list_topics(timeout=_ASK_S).topics.items()}
    missing = [settings.topic_prefix + name for name in _TOPICS if not known.get(settings.topic_prefix + name)]
    if missing:
        raise TopicsError(f"there is no topic {', '.join(missing)}: run `sms-streams topics create`")
    grouped, changelog = (known[settings.topic_prefix + name] for name in (GROUP_TOPIC, CHANGELOG))
    if grouped != changelog:
        raise TopicsError(
            f"{GROUP_TOPIC} has {grouped} partitions and {CHANGELOG} {changelog}: they need the same number"
        )
    return known


def _credentials(reach: Access) -> CredentialsT | None:
    if reach.mechanism:
        return faust.SASLCredentials(
            username=reach.username, password=reach.password, mechanism=reach.mechanism, ssl_context=reach.tls
        )
    return faust.SSLCredentials(reach.tls) if reach.tls is not None else None


def run_detect(settings: Settings, stop: threading.Event, detect: Detect | None = None) -> Detect:
    """Run one worker until `stop` is set; raise what made it fail."""
    for library in ("faust", "mode", "aiokafka", "streams.apps.detect"):  # they tell every step
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLogger().level))
    require_port(settings.detect.web_host, settings.detect.web_port)
    made = detect or Detect(settings)
    asyncio.run(_run(made.app, stop))
    return made


def require_port(host: str, port: int) -> None:
    """Raise `SettingsError` where nothing can listen there (0: nothing is to): Faust would tell by a traceback."""
    if not port:
        return
    try:
        for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind(address)
    except OSError as error:
        raise SettingsError(
            f"detect.web_port: cannot listen on {host}:{port} ({error.strerror}): another worker on this machine? "
            "Choose another one with --web-port, or 0 for none"
        ) from error


async def _run(app: Any, stop: threading.Event) -> None:
    app.finalize()
    try:
        await app.start()
        while not stop.is_set():
            await asyncio.sleep(_LOOK_S)
            if app.crashed:
                raise app.crash_reason or RuntimeError("the Faust application has stopped")
    finally:
        try:
            await asyncio.wait_for(app.stop(), _STOP_S)
        except TimeoutError:
            log.warning("stopping took longer than %.0f s", _STOP_S)


def __getattr__(name: str) -> Any:
    """Make the application that `faust -A streams.apps.detect worker` asks for, from SMS_CONFIG and the environment."""
    if name != "app":
        raise AttributeError(name)
    file = os.environ.get("SMS_CONFIG")
    settings = load_settings(Path(file) if file else None, os.environ)
    made = globals()["app"] = Detect(settings).app
    return made
