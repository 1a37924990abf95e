"""Detect on real Kafka: incidents are found, workers share the work and die, aborted totals mislead nobody."""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer

from streams.codec.avro import Encoder
from streams.events import ANOMALY, DEAD_LETTER, ROUTE_HEALTH, Anomaly, RouteHealth
from streams.kafka.client import producer_options
from tests.detecting import at, once, traffic
from tests.kafka.helpers import ROOT, SESSION_TIMEOUT_MS, WorkerProcess, records, wait_until
from tests.unit.test_detect_host import Replayed

pytestmark = pytest.mark.kafka

BROKEN = range(100, 118)
_PARTITIONS = 2
_FOUND_S = 90


class Teller:
    """Writes route health as correlate does; heartbeats to every partition."""

    def __init__(self, kafka: str, prefix: str, transactional_id: str = "") -> None:
        options = producer_options({"bootstrap.servers": kafka, "linger.ms": 0}, transactional_id=transactional_id)
        self.producer = Producer(options)
        self._topic = prefix + ROUTE_HEALTH
        self._encode = Encoder(ROUTE_HEALTH).encode

    def tell(self, windows: Sequence[Sequence[RouteHealth]]) -> None:
        for window in windows:
            for record in window:
                route = bool(record.provider)
                start_ms = record.window_start_ms if route else 0
                key = ":".join((*record[:4], str(start_ms), str(record.source_partition)))
                for partition in (-1,) if route else range(_PARTITIONS):
                    self.producer.produce(self._topic, self._encode(record), key, partition)
        assert self.producer.flush(30) == 0


class Detectors:
    """`sms-streams detect` as processes."""

    def __init__(self, kafka: str, prefix: str, folder: Path) -> None:
        self._kafka, self._folder = kafka, folder
        self.environment = {
            "SMS_TOPICS_PREFIX": prefix,
            "SMS_KAFKA_BOOTSTRAP_SERVERS": kafka,
            "SMS_KAFKA_SESSION_TIMEOUT_MS": str(SESSION_TIMEOUT_MS),
            "SMS_KAFKA_HEARTBEAT_INTERVAL_MS": "1000",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
        }
        self.started: list[WorkerProcess] = []

    def start(self, *command: str) -> WorkerProcess:
        arguments = [*(command or (sys.executable, "-m", "streams", "detect", "--web-port", "0"))]
        worker = WorkerProcess(arguments, self.environment, self._folder / f"detect-{len(self.started)}.log")
        self.started.append(worker)
        return worker

    def logs(self) -> str:
        return "".join(f"--- {worker.log.name}\n{worker.text()[-3_000:]}\n" for worker in self.started)


@contextmanager
def detectors(kafka: str, prefix: str, folder: Path) -> Iterator[Detectors]:
    made = Detectors(kafka, prefix, folder)
    try:
        yield made
        for worker in made.started:
            assert "Traceback" not in worker.text(), worker.text()[-4_000:]
    finally:
        for worker in made.started:
            if worker.running:
                worker.kill()


def anomalies(kafka: str, prefix: str) -> list[Anomaly]:
    return records(kafka, prefix, ANOMALY)


def expected(windows: Sequence[Sequence[RouteHealth]]) -> list[tuple[str, int, str]]:
    run = Replayed()
    for window in windows:
        run.feed(window)
    return once(run.anomalies)


def test_workers_that_are_killed_and_come_and_go_open_nothing_twice_and_forget_nothing(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    prefix = make_topics(_PARTITIONS)
    windows = traffic(175, BROKEN)
    teller = Teller(kafka, prefix)

    def found(count: int) -> bool:
        return len(once(anomalies(kafka, prefix))) >= count

    with detectors(kafka, prefix, tmp_path) as started:
        first = started.start()
        teller.tell(windows[:60])
        first.wait_for("groups")
        second = started.start()
        teller.tell(windows[60:110])
        so_far = expected(windows[:109])
        assert any(kind.startswith("delivery_rate") for kind, _, _ in so_far)
        wait_until(lambda: found(len(so_far)), _FOUND_S, started.logs)
        first.kill()  # in the middle of an open anomaly
        teller.tell(windows[110:130])
        third = started.start()
        teller.tell(windows[130:150])
        wait_until(lambda: found(len(expected(windows[:149]))), _FOUND_S, started.logs)
        second.kill()
        third.kill()
        started.start()
        teller.tell(windows[150:])
        whole = expected(windows)
        wait_until(lambda: found(len(whole)), _FOUND_S, started.logs)
        assert once(anomalies(kafka, prefix)) == whole
        assert "partition 0" in first.text() + second.text()


def test_totals_of_an_aborted_transaction_are_overwritten_before_anybody_looks(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    prefix = make_topics(_PARTITIONS)
    good, bad = traffic(130), traffic(130, range(100, 120), size=1.0)
    teller, correlate = Teller(kafka, prefix), Teller(kafka, prefix, f"{prefix}correlate")
    correlate.producer.init_transactions(30)
    with detectors(kafka, prefix, tmp_path) as started:
        worker = started.start()
        teller.tell(good[:100])
        worker.wait_for("groups")
        correlate.producer.begin_transaction()
        correlate.tell([[r for r in window if r.provider] for window in bad[100:104]])
        correlate.producer.abort_transaction(30)
        again = [[r._replace(stream_time_ms=r.stream_time_ms + 1_000) for r in window] for window in good[100:]]
        teller.tell(again)
        whole = expected([*good[:100], *again])
        wait_until(lambda: len(once(anomalies(kafka, prefix))) >= len(whole), _FOUND_S, started.logs)
        assert once(anomalies(kafka, prefix)) == whole
        assert worker.stop() == 0


def test_what_cannot_be_decoded_is_a_dead_letter_and_stops_nobody(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    prefix = make_topics(_PARTITIONS)
    teller = Teller(kafka, prefix)
    with detectors(kafka, prefix, tmp_path) as started:
        worker = started.start()
        teller.producer.produce(prefix + ROUTE_HEALTH, b"no Avro", "a:b:c:otp:0:0", 0)
        teller.producer.produce(prefix + ROUTE_HEALTH, None, "a:b:c:otp:10:0", 1)
        teller.tell(traffic(30))
        worker.wait_for("groups")
        wait_until(lambda: len(records(kafka, prefix, DEAD_LETTER)) == 2, 60, started.logs)
        letters = records(kafka, prefix, DEAD_LETTER)
        assert {(letter.topic, letter.value, letter.source) for letter in letters} == {
            (ROUTE_HEALTH, b"no Avro", "detect"),
            (ROUTE_HEALTH, None, "detect"),
        }
        assert worker.stop() == 0


def test_fausts_own_command_runs_the_worker_with_health_and_metrics_and_ends_on_sigterm(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    prefix = make_topics(_PARTITIONS)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with detectors(kafka, prefix, tmp_path) as started:
        started.environment["SMS_DETECT_WEB_PORT"] = str(port)
        faust = str(Path(sys.executable).with_name("faust"))
        worker = started.start(faust, "-A", "streams.apps.detect", "worker", "-l", "info")
        Teller(kafka, prefix).tell(traffic(30))

        def page(name: str) -> str:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=5) as answer:
                    return str(answer.read().decode())
            except OSError:
                return ""

        wait_until(lambda: '"working"' in page("health"), 60, started.logs)
        wait_until(lambda: json.loads(page("health"))["stream_time_ms"] >= at(28), 60, started.logs)
        assert "sms_detect_records_total" in page("metrics")
        assert worker.stop() == 0
    assert not [*ROOT.glob(f"{prefix}*")]  # nor does it leave anything behind


def test_missing_topics_are_told_at_once(kafka: str, tmp_path: Path) -> None:
    with detectors(kafka, f"nothing-{os.getpid()}.", tmp_path) as started:
        worker = started.start()
        assert worker.exit_code(30) == 3
        assert "run `sms-streams topics create`" in worker.text()
