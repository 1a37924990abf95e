"""The ingest endpoint as a process, a client that posts to it, and what it wrote."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from streams.codec.avro import Decoder
from streams.events import DEAD_LETTER, DELIVERY_REPORT, PROVIDER_RECEIPT

ROOT = Path(__file__).parents[1]
SECRET = "a secret of the tests"
CONFIG = f"""
[providers.aurora]
dialect = "twilio"
[providers.borealis]
dialect = "infobip"
[providers.dart]
dialect = "dartmedia"

[receipts.aurora]
vendor = "twilio"
secret = "{SECRET}"
auth = "shared"
[receipts.borealis]
vendor = "infobip"
auth = "none"
message_id = "reference"
account = "acme"
requests_per_second = 100000
[receipts.dart]
vendor = "dartmedia"
auth = "none"
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told


class Ingest:
    """A running endpoint."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log
        self.port = self._wait_for_port()

    def _wait_for_port(self) -> int:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = re.search(r"on http://127\.0\.0\.1:(\d+)/receipts", self.text())
            if found:
                return int(found[1])
            assert self.process.poll() is None, self.text()
            time.sleep(0.05)
        raise AssertionError(self.text())

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def call(
        self,
        method: str,
        path: str,
        body: bytes | str = b"",
        headers: Mapping[str, str] | None = None,
        wait_s: float = 30,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=wait_s)
        try:
            connection.request(method, path, body or None, dict(headers or {}))
            response = connection.getresponse()
            headers_got = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers_got, response.read())
        finally:
            connection.close()

    def post(self, path: str, body: bytes | str, **headers: str) -> Answer:
        return self.call("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def metric(self, line: str) -> float:
        """Return the value of a line of /metrics; 0 where it is not there."""
        text = self.call("GET", "/metrics").body.decode()
        found = re.search("^" + re.escape(line) + r" (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def stop(self, wait_s: float = 30) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(wait_s)


@contextmanager
def ingesting(
    bootstrap: str, folder: Path, config: str = CONFIG, prefix: str = "", **ingest: object
) -> Iterator[Ingest]:
    """An endpoint on a free port; `ingest`: settings of that section."""
    file = folder / "ingest.toml"
    file.write_text(config)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SMS_TOPICS_PREFIX": prefix}
    environment |= {f"SMS_INGEST_{name.upper()}": str(value) for name, value in ingest.items()}
    command = [sys.executable, "-m", "streams", "-c", str(file), "-X", f"bootstrap.servers={bootstrap}"]
    log = folder / f"ingest-{time.monotonic_ns()}.log"
    with log.open("wb") as out:
        process = subprocess.Popen([*command, "ingest", "--port", "0"], env=environment, stdout=out, stderr=out)
    try:
        yield Ingest(process, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def records(bootstrap: str, topic: str) -> list[tuple[str, int, dict[str, Any]]]:
    """Return everything in a topic (with prefix): key, partition, fields."""
    kind = next(name for name in (PROVIDER_RECEIPT, DELIVERY_REPORT, DEAD_LETTER) if topic.endswith(name))
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "look", "enable.auto.commit": False})
    try:
        found: list[Any] = []
        known: Any = consumer.list_topics(topic, timeout=30).topics[topic]
        places = [TopicPartition(topic, number, 0) for number in known.partitions]
        ends = {place.partition: consumer.get_watermark_offsets(place, timeout=30)[1] for place in places}
        consumer.assign(places)
        while len(found) < sum(ends.values()):
            for message in consumer.consume(10_000, 1.0):
                assert message.error() is None, message.error()
                found.append(message)
    finally:
        consumer.close()
    if not found:
        return []
    decoded = Decoder(kind).columns([message.value() for message in found])
    assert not decoded.bad
    rows = decoded.batch.to_pylist()
    keys = [(message.key() or b"").decode() for message in found]
    return [(key, message.partition() or 0, row) for key, message, row in zip(keys, found, rows, strict=True)]
