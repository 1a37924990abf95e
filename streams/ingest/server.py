"""The endpoint as a process: uvicorn around the application, with an orderly end."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Mapping

import uvicorn

from streams.codec.schemas import Registry
from streams.events import DEAD_LETTER, DELIVERY_REPORT, PROVIDER_RECEIPT
from streams.ingest.app import Endpoint, make_app
from streams.ingest.producer import AckingProducer
from streams.ingest.protocol import bounded
from streams.ingest.receivers import receivers_of
from streams.ingest.records import RecordMaker
from streams.kafka.asking import require_topics
from streams.kafka.client import KafkaUnavailable
from streams.settings import Settings, SettingsError

log = logging.getLogger(__name__)

_TOPICS = (DELIVERY_REPORT, PROVIDER_RECEIPT, DEAD_LETTER)
_START_S = 5.0
_LOOK_S = 0.2
_BACKLOG = 2_048


def serve(
    settings: Settings,
    stop: threading.Event,
    registry: Registry | None = None,
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Serve until `stop` is set; then take no more, finish what has come, wait for Kafka, return.

    Raises `SettingsError` for what is wrong in the configuration, `KafkaUnavailable` where Kafka cannot be used at the
    start or the client breaks down for good.
    """
    receivers = receivers_of(settings, environment)
    if not receivers:
        raise SettingsError("nobody may report: configure a provider under [receipts.NAME], see docs/ingest.md")
    ingest = settings.ingest
    require_topics(settings.kafka, [settings.topic_prefix + topic for topic in _TOPICS], _START_S)
    producer = AckingProducer(settings.kafka, prefix=settings.topic_prefix, ack_timeout_ms=ingest.ack_timeout_ms)
    try:
        endpoint = Endpoint(receivers, producer, RecordMaker(registry), settings.catalog, ingest)
        config = uvicorn.Config(
            make_app(endpoint),
            http=bounded(ingest.body_timeout_ms / 1_000),
            host=ingest.host,
            port=ingest.port,
            backlog=_BACKLOG,
            limit_concurrency=4 * ingest.max_requests,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=max(1, (ingest.ack_timeout_ms + ingest.body_timeout_ms) // 1_000 + 1),
            access_log=False,
            log_config=None,
            log_level="error",  # else every broken request of a stranger is a line
            server_header=False,
            proxy_headers=bool(ingest.trusted_proxies),
            forwarded_allow_ips=ingest.trusted_proxies or None,
            lifespan="off",
        )
        asyncio.run(_run(uvicorn.Server(config), stop, producer, list(receivers)))
    finally:
        left = producer.close()
    if left:
        log.warning("%d records were not acknowledged; their senders were told so", left)
    if producer.fatal:
        raise KafkaUnavailable(producer.fatal)


async def _run(server: uvicorn.Server, stop: threading.Event, producer: AckingProducer, names: list[str]) -> None:
    async def watch() -> None:
        told = False
        while not server.should_exit:
            if server.started and not told:
                told = True
                host, port = server.servers[0].sockets[0].getsockname()[:2]
                log.info("receiving reports of %s on http://%s:%d/receipts/NAME", ", ".join(names), host, port)
            if stop.is_set() or producer.fatal:
                server.should_exit = True
            await asyncio.sleep(_LOOK_S)

    watching = asyncio.create_task(watch())
    try:
        await server.serve()  # a signal ends it as `stop` does, and is passed on to the command afterwards
    finally:
        server.should_exit = True
        await watching
