"""The broker to measure on: the one that is named, else real Apache Kafka started for it, else the embedded one."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from confluent_kafka.admin import AdminClient

from streams.kafka import topic_admin
from streams.kafka.client import admin_options
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.topics import load_topics, select

_SCRIPT = Path(__file__).parents[1] / "deploy" / "kafka" / "kafka"
_START_S = 600  # the first time it fetches some 150 MB
_TOPICS = (
    *("sms.submit", "sms.submit-response", "sms.delivery-report", "sms.message-status"),
    *("sms.orphan-report", "sms.dead-letter", "sms.correlate-changelog", "sms.receipt-index", "sms.route-health"),
)


class Broker(NamedTuple):
    """Where it is and what it is."""

    bootstrap: str
    kind: str


@contextmanager
def broker(bootstrap: str) -> Iterator[Broker]:
    """Give a broker; one that was started for this is gone afterwards."""
    if bootstrap:
        yield Broker(bootstrap, f"the broker at {bootstrap}")
        return
    with tempfile.TemporaryDirectory(prefix="sms-streams-bench-") as folder:
        if shutil.which("java") and shutil.which("mvn"):
            with _real(str(Path(folder) / "kafka")) as address:
                yield Broker(address, "real Apache Kafka, one broker, started for this")
        else:
            with EmbeddedBroker(folder) as embedded:
                yield Broker(
                    embedded.bootstrap, "the embedded broker (real Kafka needs KAFKA_BOOTSTRAP, or Java + mvn)"
                )


@contextmanager
def _real(folder: str) -> Iterator[str]:
    owner = os.environ | {"KAFKA_OWNER": str(os.getpid())}
    try:
        yield subprocess.run(
            [str(_SCRIPT), "up", folder, "1", str(_free_port())],
            stdout=subprocess.PIPE,
            text=True,
            timeout=_START_S,
            check=True,
            env=owner,
        ).stdout.strip()
    finally:
        subprocess.run([str(_SCRIPT), "down", folder], stdout=subprocess.DEVNULL, check=False)


def _free_port() -> int:
    """Return a port that is free together with the controller's, 101 above."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as one, socket.socket() as other:
            if one.connect_ex(("127.0.0.1", port)) and other.connect_ex(("127.0.0.1", port + 101)):
                return port


@contextmanager
def topics(bootstrap: str, prefix: str, partitions: int) -> Iterator[None]:
    """Make the topics under `prefix`; everything whose name begins with it is deleted afterwards."""
    options = {"bootstrap.servers": bootstrap, "log_level": "5"}  # the client's notes on its own threads left out
    made = topic_admin.create(options, topics=select(load_topics(), _TOPICS), partitions=partitions, prefix=prefix)
    failed = [f"{topic.topic}: {topic.detail}" for topic in made if topic.outcome == "failed"]
    if failed:
        raise RuntimeError("cannot make topics: " + "; ".join(failed))
    try:
        yield
    finally:
        admin = AdminClient(admin_options(options))
        names = [name for name in admin.list_topics(timeout=30).topics if name.startswith(prefix)]
        for future in admin.delete_topics(names, operation_timeout=30).values():
            future.result(30)
