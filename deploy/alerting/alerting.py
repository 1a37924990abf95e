#!/usr/bin/env python
"""An example alerting job: `sms.anomaly` to Alertmanager, to a webhook, or to both.

    python deploy/alerting/alerting.py --bootstrap kafka:9092 --alertmanager http://alertmanager:9093
    python deploy/alerting/alerting.py --webhook https://chat.example.com/hooks/sms --least critical

It reads from where it stopped (group `sms-alerting`), sends each record of an anomaly on, and commits its offset when
the receivers have it; while one of them is away it waits and tries again. Alertmanager forgets what it is not told of,
so open anomalies are sent again every minute. After a restart it reads the last day first, to know what is open.
Records that were written twice (the same anomaly_id and revision) are sent once.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.codec.avro import Bad, Decoder
from streams.events import ANOMALY, Anomaly
from streams.kafka.client import consumer_options

log = logging.getLogger("alerting")

SEVERITIES = ("info", "warning", "critical")
AGAIN_S = 60.0
LOOK_BACK_S = 86_400.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
_HTTP_S = 10.0
_KAFKA_S = 10.0

Post = Callable[[str, Any], None]
"""Sends JSON to an address; raises OSError where that was not taken."""


class Alerts:
    """What is open, and what is to be sent of it. Pure: no clock, no network."""

    def __init__(self, least: str = "info") -> None:
        """Leave out what is less severe than `least`."""
        self._least = SEVERITIES.index(least)
        self._revisions: dict[str, int] = {}
        self.open: dict[str, Anomaly] = {}

    def take(self, anomaly: Anomaly) -> bool:
        """Take in a record; tell whether it is news worth sending."""
        if anomaly.revision <= self._revisions.get(anomaly.anomaly_id, -1):
            return False
        self._revisions[anomaly.anomaly_id] = anomaly.revision
        was_open = self.open.pop(anomaly.anomaly_id, None) is not None
        if SEVERITIES.index(anomaly.severity) < self._least:
            return was_open  # it has become harmless: whoever was told of it is told that too
        if anomaly.state != "resolved":
            self.open[anomaly.anomaly_id] = anomaly
        return True


def alert(anomaly: Anomaly, ended: bool) -> dict[str, Any]:
    """Return an anomaly as Alertmanager's API v2 takes it."""
    names = ("severity", "scope", "provider", "account", "country", "traffic_type", "anomaly_id", "part_of")
    labels = {"alertname": anomaly.kind, **{name: str(getattr(anomaly, name)) for name in names}}
    fields: dict[str, Any] = {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {
            "summary": anomaly.sentence,
            "observed": f"{anomaly.observed:g} {anomaly.unit}",
            "expected": f"{anomaly.expected:g} {anomaly.unit}",
            "volume": str(anomaly.volume),
        },
        "startsAt": _text(anomaly.first_seen_ms),
    }
    if ended:
        fields["endsAt"] = _text(anomaly.last_seen_ms)
    return fields


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")


def post(url: str, body: Any) -> None:
    """Send JSON; an answer that is not a success is an error."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=_HTTP_S) as answer:
        answer.read()


class Receivers:
    """Where alerts go."""

    def __init__(self, alertmanager: str, webhook: str, send: Post = post) -> None:
        """Either address may be empty."""
        self._alertmanager = alertmanager.rstrip("/")
        self._webhook = webhook
        self._send = send

    def tell(self, anomaly: Anomaly, ended: bool) -> None:
        """Send a record to all of them."""
        self.remind([(anomaly, ended)])
        if self._webhook:
            self._send(self._webhook, {**anomaly._asdict(), "contributors": dict(anomaly.contributors)})

    def remind(self, anomalies: Iterable[tuple[Anomaly, bool]]) -> None:
        """Send alerts to Alertmanager (again)."""
        alerts = [alert(anomaly, ended) for anomaly, ended in anomalies]
        if self._alertmanager and alerts:
            self._send(f"{self._alertmanager}/api/v2/alerts", alerts)


class Job:
    """Reads, sends, commits."""

    def __init__(self, kafka: Mapping[str, str], topic: str, group: str, alerts: Alerts, receivers: Receivers) -> None:
        """Make the client; nothing is read yet."""
        self._consumer = Consumer(consumer_options(kafka, group_id=group))
        self._decoder = Decoder(ANOMALY)
        self._topic = topic
        self._alerts, self._receivers = alerts, receivers
        self._committed: dict[int, int] = {}
        self._remind_at = 0.0
        self._waiting: list[Any] = []
        self.stopped = False

    def run(self) -> None:
        """Work until `stopped`."""
        self._consumer.subscribe([self._topic], on_assign=self._assigned)
        try:
            while not self.stopped:
                waiting, self._waiting = self._waiting, []
                for message in [*waiting, *self._consumer.consume(100, 0.5)]:
                    if message.error() is None and not self.stopped:
                        self._one(message)
                if time.monotonic() >= self._remind_at:
                    self._remind_at = time.monotonic() + AGAIN_S
                    self._patiently(lambda: self._receivers.remind((a, False) for a in self._alerts.open.values()))
        finally:
            self._consumer.close()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Begin a day before what is new, to learn what is open."""
        committed = consumer.committed(partitions, timeout=_KAFKA_S)
        self._committed |= {place.partition: place.offset for place in committed}
        since_ms = int((time.time() - LOOK_BACK_S) * 1_000)
        back = [TopicPartition(place.topic, place.partition, since_ms) for place in partitions]
        found = consumer.offsets_for_times(back, timeout=_KAFKA_S)
        for place, known in zip(found, committed, strict=True):
            if known.offset >= 0 and (place.offset < 0 or place.offset > known.offset):
                place.offset = known.offset
        consumer.assign(found)

    def _one(self, message: Any) -> None:
        anomaly = self._decoder.one(message.value())
        known = message.offset() < self._committed.get(message.partition(), -1)
        if isinstance(anomaly, Bad):
            log.warning("%s-%s: %s", message.partition(), message.offset(), anomaly.detail)
        elif self._alerts.take(anomaly) and not known:
            ended = anomaly.anomaly_id not in self._alerts.open
            log.info("%s %s: %s", anomaly.state, anomaly.severity, anomaly.sentence)
            self._patiently(lambda: self._receivers.tell(anomaly, ended))
        if not known and not self.stopped:
            place = TopicPartition(message.topic(), message.partition(), message.offset() + 1)
            self._consumer.commit(offsets=[place], asynchronous=False)

    def _patiently(self, send: Callable[[], None]) -> None:
        """Send until it is taken; the group is kept meanwhile by polling paused."""
        pause_s = FIRST_PAUSE_S
        while not self.stopped:
            try:
                return send()
            except OSError as error:
                log.warning("not taken, trying again in %.0f s: %s", pause_s, error)
            self._consumer.pause(self._consumer.assignment())
            came = self._consumer.poll(pause_s)
            self._waiting += [came] if came is not None else []  # of partitions that came meanwhile
            self._consumer.resume(self._consumer.assignment())
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def main() -> int:
    """Read the arguments and work."""
    parser = argparse.ArgumentParser(description="Send anomalies to Alertmanager and to a webhook.")
    parser.add_argument("--bootstrap", default="localhost:9092", help="Kafka brokers")
    parser.add_argument("--kafka", action="append", default=[], metavar="NAME=VALUE", help="any Kafka client option")
    parser.add_argument("--prefix", default="", help="what the topics' names begin with")
    parser.add_argument("--group", default="sms-alerting", help="consumer group")
    parser.add_argument("--alertmanager", default="", metavar="URL", help="such as http://alertmanager:9093")
    parser.add_argument("--webhook", default="", metavar="URL", help="gets each record as a JSON object")
    parser.add_argument("--least", default="warning", choices=SEVERITIES, help="leave out what is less severe")
    given = parser.parse_args()
    if not (given.alertmanager or given.webhook):
        parser.error("say where to: --alertmanager URL, --webhook URL, or both")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    options = {"bootstrap.servers": given.bootstrap} | dict(option.split("=", 1) for option in given.kafka)
    receivers = Receivers(given.alertmanager, given.webhook)
    job = Job(options, given.prefix + ANOMALY, given.prefix + given.group, Alerts(given.least), receivers)

    def stop(number: int, frame: FrameType | None) -> None:
        job.stopped = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        job.run()
    except KafkaException as error:
        log.error("Kafka: %s", error)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
