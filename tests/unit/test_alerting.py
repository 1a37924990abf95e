"""The example alerting job: every anomaly is told once, ends when it ends, and waits while nobody listens."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from streams.codec.avro import Encoder
from streams.events import ANOMALY, Anomaly
from streams.kafka import topic_admin
from streams.kafka.client import producer_options
from streams.kafka.embedded import EmbeddedBroker

SCRIPT = Path(__file__).parents[2] / "deploy" / "alerting" / "alerting.py"
_spec = importlib.util.spec_from_file_location("alerting", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
alerting: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(alerting)

T0 = 1_780_000_000_000


def anomaly(name: str, revision: int, state: str, severity: str = "critical") -> Anomaly:
    return Anomaly._make(
        (
            *(name, revision, "delivery_rate", state, severity, "provider", "", "aurora", "", "unknown"),
            *(T0, T0 + 10_000 * revision, T0 + 20_000, 0.4, 0.97, 0.3, 0.5, "share", 200, 60_000, "recent"),
            *({"country=FR": 0.8}, "", "aurora: 40.0 % of 200 final reports were deliveries; usual are 97.0 %"),
        )
    )


def test_a_record_that_comes_again_is_no_news() -> None:
    alerts = alerting.Alerts()
    assert alerts.take(anomaly("a", 0, "opened"))
    assert not alerts.take(anomaly("a", 0, "opened"))
    assert alerts.take(anomaly("a", 1, "updated"))
    assert not alerts.take(anomaly("a", 0, "opened"))
    assert [a.revision for a in alerts.open.values()] == [1]


def test_a_resolved_anomaly_is_open_no_more_and_its_alert_has_an_end() -> None:
    alerts = alerting.Alerts()
    alerts.take(anomaly("a", 0, "opened"))
    ended = anomaly("a", 1, "resolved")
    assert alerts.take(ended)
    assert not alerts.open
    assert alerting.alert(ended, True)["endsAt"] == "2026-05-28T20:26:50.000+00:00"
    assert "endsAt" not in alerting.alert(ended, False)


def test_what_is_less_severe_is_left_out_until_it_is_more_severe() -> None:
    alerts = alerting.Alerts("critical")
    assert not alerts.take(anomaly("a", 0, "opened", "warning"))
    assert alerts.take(anomaly("a", 1, "updated", "critical"))
    assert alerts.take(anomaly("a", 2, "updated", "warning"))  # told, so that it ends there
    assert not alerts.open


def test_an_alert_names_what_it_is_about_and_leaves_out_what_it_is_not() -> None:
    labels = alerting.alert(anomaly("a", 0, "opened"), False)["labels"]
    assert labels["alertname"] == "delivery_rate"
    assert labels["provider"] == "aurora"
    assert "country" not in labels
    assert "part_of" not in labels


class Receiver(BaseHTTPRequestHandler):
    """Notes what is posted; answers with the codes in `answers`, then with 200."""

    answers: list[int]
    posted: list[tuple[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        code = self.answers.pop(0) if self.answers else 200
        if code == 200:
            self.posted.append((self.path, body))
        self.send_response(code)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def receiving(*answers: int) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    kind = type("Own", (Receiver,), {"answers": list(answers), "posted": []})
    server = HTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", kind.posted  # type: ignore[attr-defined]  # made just above
    server.shutdown()
    server.server_close()


def run_until(job: Any, done: Any) -> None:
    thread = threading.Thread(target=job.run)
    thread.start()
    for _ in range(300):
        if done():
            break
        threading.Event().wait(0.05)
    job.stopped = True
    thread.join(20)
    assert done()


def test_the_job_tells_both_receivers_waits_for_them_and_does_not_repeat_itself_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "FIRST_PAUSE_S", 0.1)
    with EmbeddedBroker(tmp_path) as broker, receiving(503, 503) as (url, posted):
        kafka = {"bootstrap.servers": broker.bootstrap, "log_level": "2"}
        topic_admin.create(kafka, partitions=1, replication=1)
        encoder, producer = Encoder(ANOMALY), Producer(producer_options(kafka))

        def write(*records: Anomaly) -> None:
            for record in records:
                producer.produce(ANOMALY, encoder.encode(record), record.anomaly_id, partition=0)
            producer.flush()

        def job() -> Any:
            receivers = alerting.Receivers(url, f"{url}/hook")
            return alerting.Job(kafka, ANOMALY, "sms-alerting", alerting.Alerts(), receivers)

        write(anomaly("a", 0, "opened"), anomaly("a", 0, "opened"), anomaly("b", 0, "opened"))
        producer.produce(ANOMALY, b"no Avro", "x", partition=0)
        run_until(job(), lambda: sum(path == "/hook" for path, _ in posted) == 2)
        assert [body["anomaly_id"] for path, body in posted if path == "/hook"] == ["a", "b"]
        posted.clear()
        write(anomaly("b", 1, "resolved"))
        run_until(job(), lambda: any(path == "/hook" for path, _ in posted) and len(posted) >= 3)
        hooks = [(body["anomaly_id"], body["state"]) for path, body in posted if path == "/hook"]
        assert hooks == [("b", "resolved")]
        alerts = [alert for path, body in posted if path == "/api/v2/alerts" for alert in body]
        assert {(one["labels"]["anomaly_id"], "endsAt" in one) for one in alerts} >= {("b", True)}
        assert any(one["labels"]["anomaly_id"] == "a" and "endsAt" not in one for one in alerts)  # still open
