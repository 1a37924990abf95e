"""Logs of a real Kannel 1.4.5, made with deploy/kannel-lab, against what its SMSC did."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.events import DeliveryReport, SubmitResponse
from streams.importers.kannel_options import Options
from tests.unit.kannel_truth import compare, read, truth

GOLDEN = Path(__file__).parents[1] / "golden" / "kannel"
CUSTOM = "%t;%T;%l;%i;%n;%A;%F;%p;%P;%d;%c;%R;%D;%u;%L;%b"
OPTIONS = {"own-format": Options(), "custom-format": Options(format=CUSTOM, clean=True)}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_answer_and_receipt_is_told_as_it_was(name: str) -> None:
    submits = truth(GOLDEN / name / "truth.jsonl")
    events, _ = read(GOLDEN / name / "access.log", OPTIONS[name])
    retries_ms = 10_000 if name == "custom-format" else 2_500
    result = compare(submits, events, retries_ms)
    assert result.wrong == []
    assert result.agreed == {
        "accepted submits": 59,
        "receipts under their message": 71,
        "refusals with their code": 4,
    }
    assert result.untold == {
        "id of an accepted submit": 15,
        "message of a receipt": 8,
        "code of a refusal": 8,
    }


def test_the_summary_says_what_the_log_does_not_tell() -> None:
    _, summary = read(GOLDEN / "own-format" / "access.log", Options())
    assert summary.unmatched == {"part_of_long_message": 4, "saturated": 4}
    assert summary.matched == {"same": 44, "hex-decimal": 18, "decimal-hex": 9, "numbers": 3}
    assert (summary.duplicates, summary.early) == (5, 5)
    assert summary.not_known["lost_id"] == 4
    assert set(summary.clocks_ahead()) == {"BETA"}


def test_reading_it_twice_gives_the_same_events() -> None:
    first, _ = read(GOLDEN / "own-format" / "access.log", Options())
    second, _ = read(GOLDEN / "own-format" / "access.log", Options())
    assert first == second


def test_the_senders_own_ids_can_be_taken_from_the_report_url() -> None:
    options = Options(format=CUSTOM, clean=True, message_id="url:msgid")
    events, _ = read(GOLDEN / "custom-format" / "access.log", options)
    answers = {event.message_id: event for event in events if isinstance(event, SubmitResponse)}
    assert answers["req-0"].provider_message_id == "2100023063"
    reports = [event.code for event in events if isinstance(event, DeliveryReport) and event.message_id == "req-1"]
    assert reports == ["ENROUTE", "DELIVRD"]


def test_declared_ids_give_what_was_found_without() -> None:
    declared = {"GAMMA": "hex-decimal", "DELTA": "decimal-hex", "ALPHA": "same", "ZETA": "same"}
    found, _ = read(GOLDEN / "own-format" / "access.log", Options())
    said, _ = read(GOLDEN / "own-format" / "access.log", Options(ids=declared))
    assert found == said
