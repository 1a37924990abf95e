"""Faust as it is used here: without what is not needed, with our codec, our access to the cluster and our pace."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import faust
from faust.types.auth import CredentialsT

from streams.codec.avro import Decoder, Encoder
from streams.codec.schemas import Registry
from streams.kafka.security import Access, access
from streams.settings import Settings

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


class DetectApp(faust.App):
    """Faust without what it does not need here, and with room in its producer's buffer."""

    def on_init_dependencies(self) -> Iterable[Any]:
        """Leave out the monitor, which costs a third of the CPU time."""
        services = super().on_init_dependencies()
        self.sensors.remove(self.monitor)
        self.producer.buffer.max_messages = _BUFFERED  # 100 unless set, which throttles
        return list(services)

    def _create_directories(self) -> None:
        """Make no folders: the tables are in memory, and where this is started may not be for writing."""


def make_app(settings: Settings, partitions: int) -> DetectApp:
    """Make the application; its tables have so many partitions."""
    own, reach = settings.detect, access(settings.kafka)
    return DetectApp(
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
        topic_partitions=partitions,
        web_enabled=bool(own.web_port),
        web_port=own.web_port or None,
        web_bind=own.web_host,
        web_host=own.web_host,
    )


def _credentials(reach: Access) -> CredentialsT | None:
    if reach.mechanism:
        return faust.SASLCredentials(
            username=reach.username, password=reach.password, mechanism=reach.mechanism, ssl_context=reach.tls
        )
    return faust.SSLCredentials(reach.tls) if reach.tls is not None else None
