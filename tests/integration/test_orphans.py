"""`sms-streams orphans` as an operator uses it: look, paste, restart, and the messages are found."""

from __future__ import annotations

import contextlib
import json
import random
import tomllib
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from streams.clickhouse.embedded import EmbeddedDatabase
from streams.clickhouse.rows import PlacedEvent, load_rows
from streams.codec.avro import Decoder
from streams.events import DELIVERY_REPORT, ProviderReceipt
from streams.kafka import topic_admin
from streams.kafka.client import consumer_options
from streams.kafka.embedded import EmbeddedBroker
from tests.integration.terminals import run

T0 = 1_772_445_600_000


def history(number: int, provider: str, answer_id: str, receipt_id: str) -> list[dict[str, Any]]:
    at = T0 + number * 1_000
    same = {"provider": provider}
    return [
        {"topic": "sms.submit", "message_id": f"{provider}-{number}", "submitted_at_ms": at, **same},
        {"topic": "sms.submit-response", "message_id": f"{provider}-{number}", "responded_at_ms": at + 200, "code": 0}
        | same
        | {"provider_message_id": answer_id},
        {"topic": "sms.provider-receipt", "received_at_ms": at + 100 * (number % 9), "code": "DELIVRD", **same}
        | {"provider_message_id": receipt_id},
    ]


def write(path: Path, events: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return str(path)


def statuses(folder: Path, db: str) -> dict[str, int]:
    sql = "SELECT concat(provider, ' ', toString(status)) AS what, count() AS n FROM message_latest GROUP BY what"
    asked = run(folder, "query", sql, "--db", db, "--format", "json")
    assert asked.returncode == 0, asked.stderr
    return {row["what"]: int(row["n"]) for row in json.loads(asked.stdout)}


def test_what_it_says_to_paste_finds_the_messages(tmp_path: Path) -> None:
    rng = random.Random(3)
    events: list[dict[str, Any]] = []
    for n in range(40):
        number, long = rng.getrandbits(64), rng.getrandbits(96)
        events += history(n, "hexer", f"{number:X}", f"00{number}")
        events += history(n, "plain", f"{number:x}-{n}", f"{number:x}-{n}")
        events += history(n, "with dots.", f"0{long}", str(long))
        events += history(n, "nobody", f"a{n}", f"b{n}")
    file = write(tmp_path / "events.ndjson", events)
    assert run(tmp_path, "replay", file, "--db", "before").returncode == 0
    assert statuses(tmp_path, "before") == {
        **{"hexer accepted": 40, "plain delivered": 40, "with dots. accepted": 40, "nobody accepted": 40}
    }
    told = run(tmp_path, "orphans", "--db", "before")
    assert told.returncode == 0, told.stderr
    assert "hexer: 40 receipts, 40 ids from answers" in told.stdout
    assert "hex_to_decimal" in told.stdout
    lines = run(tmp_path, "orphans", "--db", "before", "--toml")
    assert tomllib.loads(lines.stdout)["providers"] == {
        "hexer": {"id_rules": ["hex_to_decimal"]},
        "with dots.": {"id_rules": ["zeros"]},
    }
    (tmp_path / "config.toml").write_text(lines.stdout)
    replayed = run(tmp_path, "replay", file, "--db", "after", "--config", "config.toml")
    assert "120 found their message by the provider's id, 40 wait" in replayed.stdout
    assert statuses(tmp_path, "after") == {
        **{"hexer delivered": 40, "plain delivered": 40, "with dots. delivered": 40, "nobody accepted": 40}
    }
    again = run(tmp_path, "orphans", "--db", "after", "--config", "config.toml")
    assert "No other rules than those there are would find more." in again.stdout
    assert run(tmp_path, "verify", "--db", "after", "--config", "config.toml").returncode == 0


def test_without_receipts_it_says_so(tmp_path: Path) -> None:
    submit = {"topic": "sms.submit", "message_id": "m1", "submitted_at_ms": T0}
    assert run(tmp_path, "replay", write(tmp_path / "e.ndjson", [submit]), "--db", "db").returncode == 0
    assert "no receipts in the tables" in run(tmp_path, "orphans", "--db", "db").stdout


def test_receipts_under_a_name_that_no_answer_has_are_pointed_out(tmp_path: Path) -> None:
    events = history(1, "aurora", "a1", "a1")
    events[2]["provider"] = "aurora-rx"
    assert run(tmp_path, "replay", write(tmp_path / "e.ndjson", events), "--db", "db").returncode == 0
    told = run(tmp_path, "orphans", "--db", "db").stdout
    assert "receipts must name the same one" in told
    assert "aurora" in told.split("Answers name")[1]


def test_receipts_that_came_before_their_rule_are_sent_as_the_reports_they_are(tmp_path: Path) -> None:
    """Those that found nothing, once each; not those that had found their message, nor those that are nobody's."""
    numbers = [random.Random(4).getrandbits(60) + n for n in range(20)]
    events = [event for n, id_ in enumerate(numbers) for event in history(n, "hexer", f"{id_:X}", f"0{id_}")]
    events += history(50, "plain", "x1", "x1") + history(51, "plain", "x2", "other")
    file = write(tmp_path / "events.ndjson", events)
    (tmp_path / "config.toml").write_text('[providers.hexer]\nid_rules = ["hex_to_decimal"]\n')
    assert run(tmp_path, "replay", file, "--db", "db", "--as-of", str(T0 + 3 * 86_400_000)).returncode == 0
    before = run(tmp_path, "verify", "--db", "db")
    assert "22 receipts by the provider's id: 1 became reports, 21 orphans (21 no_response), 0 wait" in before.stdout
    broker = EmbeddedBroker(tmp_path / "broker")
    broker.start()
    try:
        options = {"bootstrap.servers": broker.bootstrap}
        assert not topic_admin.exit_code(topic_admin.create(options, partitions=1, replication=1))
        kafka = ("-X", f"bootstrap.servers={broker.bootstrap}")
        sent = run(tmp_path, *kafka, "orphans", "--send", "--db", "db", "--config", "config.toml")
        assert sent.stdout == "22 receipts: 1 had become reports, 20 were sent as such now\n", sent.stderr
        reader = Consumer(consumer_options(options, group_id="look"))
        reader.assign([TopicPartition(DELIVERY_REPORT, 0, 0)])
        values = []
        while (message := reader.poll(10)) is not None and message.error() is None:
            values.append(message.value())
        reader.close()
    finally:
        broker.stop()
    reports, _, bad = Decoder(DELIVERY_REPORT).rows(values)
    assert not bad
    assert {r.message_id: r.provider_message_id for r in reports} == {
        f"hexer-{n}": f"{id_:X}" for n, id_ in enumerate(numbers)
    }
    assert len(reports) == 20
    assert {report.code for report in reports} == {"DELIVRD"}


def test_verify_says_which_receipts_nobody_has_looked_at(tmp_path: Path) -> None:
    file = write(tmp_path / "events.ndjson", history(1, "plain", "x1", "x1"))
    assert run(tmp_path, "replay", file, "--db", "db").returncode == 0
    with contextlib.closing(EmbeddedDatabase(str(tmp_path / "db"))) as db:
        lonely = ProviderReceipt("plain", "lonely", None, None, T0, None, "DELIVRD", "", "")
        fresh = lonely._replace(provider_message_id="fresh", received_at_ms=T0 + 9 * 86_400_000)
        placed: list[PlacedEvent] = [
            ("sms.provider-receipt", 0, n, one.received_at_ms, one) for n, one in enumerate((lonely, fresh))
        ]
        load_rows(db, "by-hand", events=placed)
    done = run(tmp_path, "verify", "--db", "db")
    assert done.returncode == 1
    assert "receipt lonely of plain at" in done.stdout
    assert "3 receipts by the provider's id: 1 became reports, 0 orphans, 1 wait, 1 are lost" in done.stdout
