"""NDJSON: what is taken, what is refused and in which words, and that nothing breaks it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.codec.ndjson import BadLineError, parse_line
from streams.events import ProviderReceipt, Submit

AT = 1_772_445_600_000


def line(**fields: object) -> bytes:
    return json.dumps({"topic": "sms.submit", "message_id": "m", "submitted_at_ms": AT} | fields).encode()


def test_defaults_are_those_of_the_schema() -> None:
    event = parse_line(line()).event
    assert isinstance(event, Submit)
    assert (event.account, event.attempt, event.parts, event.disposition) == ("default", 1, 1, "submitted")


@pytest.mark.parametrize(
    ("field", "given", "taken"),
    [
        ("submitted_at_ms", "2026-03-02T10:00:00Z", AT),
        ("submitted_at_ms", "2026-03-02T11:00:00.250+01:00", AT + 250),
        ("submitted_at_ms", float(AT), AT),
        ("provider", 7, "7"),
        ("traffic_type", "carrier pigeon", "unknown"),
        ("attributes", {"shop": 7, "name": "x", "tags": [1]}, {"shop": "7", "name": "x", "tags": "[1]"}),
        ("validity_ms", None, None),
        ("account", None, "default"),
    ],
)
def test_values_that_are_taken(field: str, given: object, taken: object) -> None:
    assert getattr(parse_line(line(**{field: given})).event, field) == taken


@pytest.mark.parametrize(
    ("fields", "reason", "words"),
    [
        ({"submitted_at_ms": None}, "bad_field", "submitted_at_ms is missing"),
        ({"submitted_at_ms": 1_772_445_600}, "bad_time", "seconds"),
        ({"submitted_at_ms": AT * 1000}, "bad_time", "microseconds"),
        ({"submitted_at_ms": "2026-03-02T10:00:00"}, "bad_field", "zone"),
        ({"submitted_at_ms": True}, "bad_field", "whole number"),
        ({"submitted_at_ms": 1.5}, "bad_field", "whole number"),
        ({"parts": 0}, "bad_field", "from 1 to 255"),
        ({"parts": 256}, "bad_field", "from 1 to 255"),
        ({"attempt": 0}, "bad_field", "attempt"),
        ({"attempt": 1 << 40}, "bad_field", "attempt"),
        ({"message_id": ""}, "bad_field", "message_id is empty"),
        ({"message_id": {"a": 1}}, "bad_field", "a text"),
        ({"disposition": "perhaps"}, "bad_field", "submitted, pending, excluded"),
        ({"attributes": "x"}, "bad_field", "an object"),
        ({"topic": "sms.sumbit"}, "bad_line", "must be one of sms.submit"),
    ],
)
def test_values_that_are_refused(fields: dict[str, object], reason: str, words: str) -> None:
    with pytest.raises(BadLineError, match=words) as told:
        parse_line(line(**fields))
    assert told.value.reason == reason


def reason_of(data: bytes) -> str | None:
    """Why a line is refused; None where it is taken. Any other exception is a failure."""
    try:
        parse_line(data)
    except BadLineError as error:
        return error.reason and error.detail
    return None


def test_fields_nobody_knows_are_named() -> None:
    assert parse_line(line(submited_by="x", colour=1)).ignored == ("submited_by", "colour")


def test_a_report_that_knows_only_the_providers_id_is_a_receipt() -> None:
    report = {"topic": "sms.provider-receipt", "provider": "p", "provider_message_id": "i", "received_at_ms": AT}
    event = parse_line(json.dumps(report | {"code": "DELIVRD"}).encode()).event
    assert event == ProviderReceipt("p", "i", None, None, AT, None, "DELIVRD", "", "")


@given(
    st.binary()
    | st.text().map(str.encode)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_give_an_event_or_a_reason(data: bytes) -> None:
    assert reason_of(data) != ""


@given(
    st.dictionaries(st.sampled_from(["topic", *Submit._fields]), st.none() | st.integers() | st.text() | st.floats())
)
def test_any_object_gives_an_event_or_a_reason(fields: dict[str, object]) -> None:
    assert reason_of(json.dumps({"topic": "sms.submit"} | fields).encode()) != ""
