"""`import kannel` end to end: a real log, through lines, Kafka or straight into tables, gives what the SMSC did."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer

from streams.codec.avro import Decoder
from streams.events import PROVIDER_RECEIPT
from streams.kafka import topic_admin
from streams.kafka.client import consumer_options
from streams.kafka.embedded import EmbeddedBroker
from tests.integration.terminals import ROOT, run

LOGS = ROOT / "tests" / "golden" / "kannel"
OWN, CUSTOM = LOGS / "own-format" / "access.log", LOGS / "custom-format" / "access.log"
CUSTOM_FORMAT = "%t;%T;%l;%i;%n;%A;%F;%p;%P;%d;%c;%R;%D;%u;%L;%b"
FAILED = {"UNDELIV", "EXPIRED", "DELETED", "REJECTD"}


def _rows(folder: Path, sql: str, db: str = "db") -> list[dict[str, object]]:
    asked = run(folder, "query", sql, "--db", db, "--format", "json")
    assert asked.returncode == 0, asked.stderr
    rows: list[dict[str, object]] = json.loads(asked.stdout)
    return rows


def _statuses(folder: Path, db: str = "db") -> Counter[tuple[object, ...]]:
    rows = _rows(
        folder, "SELECT message_id, provider, status, reason, response_code, report_code FROM message_latest", db
    )
    return Counter(tuple(row.values()) for row in rows)


def _summary(stderr: str) -> dict[str, object]:
    line = next(line for line in stderr.splitlines() if line.startswith("{"))
    found: dict[str, object] = json.loads(line)
    return found


def test_a_log_goes_straight_into_tables_and_again_changes_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "import", "kannel", str(OWN), "--db", "db", "--summary", "json")
    assert done.returncode == 0, done.stderr
    summary = _summary(done.stderr)
    statuses = _statuses(tmp_path)
    assert statuses.total() == summary["messages"]
    stood = Counter(str(row[2]) for row in statuses.elements())
    assert stood["delivered"]
    assert stood["failed"]
    unmatched = summary["reports_without_message"]
    assert isinstance(unmatched, dict)
    receipts = _rows(tmp_path, "SELECT provider_message_id, code FROM receipts FINAL")
    assert len(receipts) == sum(unmatched.values()) - unmatched.get("not_in_log", 0)
    again = run(tmp_path, "import", "kannel", str(OWN), "--db", "db")
    assert again.returncode == 0
    assert f"{OWN}: replayed before" in again.stderr
    assert _statuses(tmp_path) == statuses
    assert run(tmp_path, "verify", "--db", "db").returncode == 0
    assert not list((tmp_path / "db").glob("import-*"))


def test_the_tables_agree_with_what_the_smsc_did(tmp_path: Path) -> None:
    """Of the SMSC whose ids stand in the log as they are: messages of one part that it took, and reported on."""
    assert run(tmp_path, "import", "kannel", str(OWN), "--db", "db").returncode == 0
    sql = (
        "SELECT provider_message_id, status FROM message_latest WHERE provider = 'ALPHA' AND provider_message_id != ''"
    )
    rows = {row["provider_message_id"]: row["status"] for row in _rows(tmp_path, sql)}
    truth = [json.loads(line) for line in (OWN.parent / "truth.jsonl").read_text().splitlines()]
    checked: Counter[str] = Counter()
    for sent in truth:
        if sent["smsc"] == "ALPHA" and sent["parts"] == 1 and sent["answer"] == "ok" and sent.get("receipts"):
            words = {receipt["stat"] for receipt in sent["receipts"]}
            wanted = "delivered" if "DELIVRD" in words else "failed" if words & FAILED else "enroute"
            assert rows[sent["id_resp"]] == wanted, sent
            checked[wanted] += 1
    assert checked["delivered"] >= 5
    assert checked["failed"] >= 1


def test_lines_on_standard_output_are_what_replay_reads(tmp_path: Path) -> None:
    lines = run(tmp_path, "import", "kannel", str(OWN))
    assert lines.returncode == 0
    assert "messages" in lines.stderr
    (tmp_path / "events.ndjson").write_text(lines.stdout)
    replayed = run(tmp_path, "replay", "events.ndjson", "--db", "db")
    assert replayed.returncode == 0, replayed.stderr
    assert "0 bad lines" in replayed.stdout
    assert run(tmp_path, "import", "kannel", str(OWN), "--db", "straight").returncode == 0
    assert _statuses(tmp_path) == _statuses(tmp_path, "straight")


def test_options_reach_the_import(tmp_path: Path) -> None:
    options = ("--format", CUSTOM_FORMAT, "--clean", "--account", "=acme", "--campaign", "=spring")
    assert run(tmp_path, "import", "kannel", str(CUSTOM), *options, "--ndjson", "custom.ndjson").returncode == 0
    submits = _submits(tmp_path / "custom.ndjson")
    assert {(event["account"], event["campaign"]) for event in submits} == {("acme", "spring")}
    assert run(tmp_path, "import", "kannel", str(OWN), "--ndjson", "utc.ndjson").returncode == 0
    assert run(tmp_path, "import", "kannel", str(OWN), "--ndjson", "east.ndjson", "--zone", "+02:00").returncode == 0
    utc, east = _submits(tmp_path / "utc.ndjson"), _submits(tmp_path / "east.ndjson")
    assert [e["submitted_at_ms"] for e in utc] == [e["submitted_at_ms"] + 7_200_000 for e in east]


def _submits(path: Path) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in path.read_text().splitlines()]
    return [event for event in events if event["topic"] == "sms.submit"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("nowhere.log",), "no file nowhere.log"),
        ((str(OWN), "--zone", "Mars"), "no time zone"),
        ((str(OWN), "--ids", "GAMMA=octal"), "octal"),
        ((str(OWN), "--db", "db", "--kafka"), "one of --ndjson, --kafka and --db"),
        ((str(OWN), "--db", "db", "--follow"), "follow with --kafka"),
    ],
)
def test_what_cannot_be_meant_is_told(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    refused = run(tmp_path, "import", "kannel", *options)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert not (tmp_path / "db").exists()


def test_kafka_gets_the_events_keyed_as_the_topics_file_says(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker") as broker:
        options = {"bootstrap.servers": broker.bootstrap}
        topic_admin.create(options, partitions=2)
        done = run(tmp_path, "-X", f"bootstrap.servers={broker.bootstrap}", "import", "kannel", str(OWN), "--kafka")
        assert done.returncode == 0, done.stderr
        records = _read(options, PROVIDER_RECEIPT, 2)
    lines = [json.loads(line) for line in run(tmp_path, "import", "kannel", str(OWN)).stdout.splitlines()]
    wanted = [line for line in lines if line["topic"] == PROVIDER_RECEIPT]
    assert wanted
    decoded = Decoder(PROVIDER_RECEIPT).columns([value for _, value in records])
    assert not decoded.bad
    assert Counter(decoded.batch["text"].to_pylist()) == Counter(line["text"] for line in wanted)
    assert {key for key, _ in records} == {f"{r['provider']}:{r['provider_message_id']}" for r in wanted}
    for topic, count in Counter(line["topic"] for line in lines).items():
        assert f"{count} {topic}" in done.stderr


def _read(options: dict[str, str], topic: str, partitions: int) -> list[tuple[str, bytes]]:
    consumer = Consumer(consumer_options(options, group_id="reader"))
    consumer.subscribe([topic])
    found: list[tuple[str, bytes]] = []
    ended = 0
    for _ in range(200):
        for message in consumer.consume(100, 0.1):
            if message.error() is not None:
                ended += 1
                continue
            key, value = message.key(), message.value()
            assert key is not None
            assert value is not None
            found.append((key.decode(), value))
        if ended >= partitions:
            break
    consumer.close()
    return found
