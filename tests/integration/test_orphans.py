"""`sms-streams orphans` as an operator uses it: look, paste, restart, and the messages are found."""

from __future__ import annotations

import json
import random
import tomllib
from pathlib import Path
from typing import Any

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
