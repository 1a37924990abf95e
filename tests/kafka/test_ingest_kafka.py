"""The ingest endpoint on real Kafka, with the broker killed: nobody is told yes for what was lost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.clock import now_ms
from streams.events import DELIVERY_REPORT
from streams.kafka import topic_admin
from tests.ingesting import CONFIG, Ingest, ingesting, records
from tests.kafka.conftest import KafkaNode, Names
from tests.kafka.helpers import Sender, revisions_of, workers
from tests.kafka.helpers_local import submit

pytestmark = pytest.mark.kafka

ACK_S = 3.0


class Vendor:
    """Reports one message after the other, and remembers what it was answered."""

    def __init__(self, endpoint: Ingest, name: str) -> None:
        self._endpoint = endpoint
        self._name = name
        self.answers: list[tuple[str, int, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._report)
        self._thread.start()

    def _report(self) -> None:
        number = 0
        while not self._stop.is_set():
            name = f"{self._name}-{number}"
            body = {"results": [{"messageId": name, "status": {"name": "DELIVERED_TO_HANDSET"}, "callbackData": name}]}
            begin = time.monotonic()
            status = self._endpoint.post("/receipts/borealis", json.dumps(body)).status
            self.answers.append((name, status, time.monotonic() - begin))
            number += 1

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def last(self, status: int) -> bool:
        return bool(self.answers) and self.answers[-1][1] == status


def wait_for(what: object, vendors: list[Vendor], status: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not all(vendor.last(status) for vendor in vendors):
        assert time.monotonic() < deadline, (what, [vendor.answers[-3:] for vendor in vendors])
        time.sleep(0.1)


def test_while_the_broker_is_dead_vendors_hear_503_and_what_was_answered_yes_is_there(
    kafka_node: KafkaNode, names: Names, tmp_path: Path
) -> None:
    kafka, prefix = kafka_node.bootstrap, names.prefix
    assert not topic_admin.exit_code(topic_admin.create({"bootstrap.servers": kafka}, partitions=3, prefix=prefix))
    with ingesting(kafka, tmp_path, prefix=prefix, ack_timeout=f"{ACK_S:.0f}s") as endpoint:
        vendors = [Vendor(endpoint, f"v{number}") for number in range(8)]
        try:
            wait_for("the beginning", vendors, 200)
            for _ in range(2):
                time.sleep(1)
                kafka_node.kill()
                wait_for("the kill", vendors, 503)
                assert endpoint.call("GET", "/health").status == 503
                assert endpoint.metric("sms_ingest_kafka_up") == 0
                kafka_node.start()
                wait_for("the return", vendors, 200)
        finally:
            for vendor in vendors:
                vendor.stop()
        assert endpoint.call("GET", "/health").status == 200
        assert endpoint.stop() == 0
        assert "Traceback" not in endpoint.text()
    answers = [answer for vendor in vendors for answer in vendor.answers]
    yes = [name for name, status, _ in answers if status == 200]
    assert {status for _, status, _ in answers} == {200, 503}
    assert max(seconds for _, _, seconds in answers) < ACK_S + 5
    stored = [key for key, _, _ in records(kafka, prefix + DELIVERY_REPORT)]
    assert len(yes) > 200
    assert set(yes) <= set(stored)
    assert len(stored) == len(set(stored)), "an idempotent producer writes each of them once"


def test_a_missing_topic_is_told_before_anything_is_served(kafka: str, names: Names, tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="run `sms-streams topics create`"),
        ingesting(kafka, tmp_path, prefix=names.prefix),
    ):
        pass


def test_a_webhook_makes_a_message_delivered(kafka: str, make_topics: Callable[..., str], tmp_path: Path) -> None:
    prefix = make_topics(2)
    body = {"results": [{"messageId": "ib-1", "status": {"name": "DELIVERED_TO_HANDSET"}, "callbackData": "m1"}]}
    with (
        workers(kafka, prefix, tmp_path, CONFIG) as started,
        revisions_of(kafka, prefix) as revisions,
        ingesting(kafka, tmp_path, prefix=prefix) as endpoint,
    ):
        worker = started.start("one")
        worker.wait_for("partitions")
        Sender(kafka, prefix).send([submit("m1", now_ms())._replace(account="acme", provider="borealis")])
        assert endpoint.post("/receipts/borealis", json.dumps(body)).status == 200
        revisions.wait(lambda: revisions.count >= 2, 30, worker.text)
        last = revisions.by_message["m1"][-1]
        assert (last.status, last.report_code, last.provider_message_id) == (
            "delivered",
            "DELIVERED_TO_HANDSET",
            "ib-1",
        )
        assert worker.stop() == 0
