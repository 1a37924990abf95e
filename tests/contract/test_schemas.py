"""The schemas are the contract: documented, as the design names them, and the same as the records in streams.events."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

import pytest

from streams import events
from streams.codec.avro import RECORD_TYPES
from streams.codec.schemas import reader_schema
from streams.kafka.topics import load_topics
from tests.contract.examples import EXAMPLES, examples, topics

REQUIRED = object()

# What everything may count on: fields by topic, with their defaults. Schemas may add more, with defaults.
PROMISED: dict[str, dict[str, Any]] = {
    events.SUBMIT: {
        **{"account": "default", "message_id": REQUIRED, "attempt": 1, "created_at_ms": None},
        **{"submitted_at_ms": REQUIRED, "provider": "", "campaign": "", "sender": "", "recipient": "", "country": ""},
        **{"traffic_type": "unknown", "encoding": "", "parts": 1, "validity_ms": None, "disposition": "submitted"},
        **{"exclusion_reason": "", "price_micros": None, "currency": "", "attributes": {}},
    },
    events.SUBMIT_RESPONSE: {
        **{"account": "default", "message_id": REQUIRED, "attempt": 1, "part": None, "responded_at_ms": REQUIRED},
        **{"provider": "", "code": REQUIRED, "provider_message_id": "", "text": ""},
    },
    events.DELIVERY_REPORT: {
        **{"account": "default", "message_id": REQUIRED, "attempt": None, "part": None, "provider": ""},
        **{"provider_message_id": "", "received_at_ms": REQUIRED, "done_at_ms": None, "code": REQUIRED},
        **{"err": "", "text": ""},
    },
    events.PROVIDER_RECEIPT: {
        **{"attempt": None, "part": None, "provider": REQUIRED, "provider_message_id": REQUIRED},
        **{"received_at_ms": REQUIRED, "done_at_ms": None, "code": REQUIRED, "err": "", "text": ""},
    },
}
PROMISED_STATUS = [
    "account",
    "campaign",
    "message_id",
    "provider",
    "sender",
    "recipient",
    "country",
    "traffic_type",
    "attempt",
    "parts",
    "status",
    "version",
    "derived",
    "settled",
    "late",
    "conflict",
    "duplicate_delivery",
    "reason",
    "reason_class",
    "recipient_action",
    "billable_parts",
    "response_code",
    "report_code",
    "report_err",
    "provider_message_id",
    "created_at_ms",
    "submitted_at_ms",
    "responded_at_ms",
    "done_at_ms",
    "received_at_ms",
    "attributes",
]
PROMISED_SYMBOLS = {
    "Status": "pending excluded submitted accepted enroute sent_without_sr delivered partially_delivered failed",
    "ReasonClass": "none temporary permanent undetermined sender",
    "RecipientAction": "keep retry quarantine remove",
    "TrafficType": "unknown marketing notification otp",
    "Disposition": "submitted pending excluded",
}


class Field(NamedTuple):
    """One field of one schema, for a test of each."""

    topic: str
    name: str
    schema: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.topic}:{self.name}"

    @property
    def default(self) -> Any:
        return self.schema.get("default", REQUIRED)


def all_fields() -> list[Field]:
    return [Field(topic, field["name"], field) for topic in topics() for field in reader_schema(topic)["fields"]]


@pytest.mark.parametrize("topic", topics())
def test_a_schema_says_what_its_records_mean(topic: str) -> None:
    schema = reader_schema(topic)
    assert schema["type"] == "record"
    assert schema["namespace"] == "sms_streams"
    assert schema["doc"].strip().endswith(".")


@pytest.mark.parametrize("field", all_fields(), ids=str)
def test_a_field_says_what_it_means_and_in_which_unit(field: Field) -> None:
    doc = field.schema.get("doc", "")
    assert doc.endswith(".")
    assert doc.rstrip(".") != field.name
    if field.name.endswith("_ms"):
        assert "milliseconds" in doc
        assert ("UTC" in doc) == field.name.endswith(("_at_ms", "_seen_ms", "_start_ms", "timestamp_ms"))
    if field.name.endswith("_micros"):
        assert "millionths" in doc


@pytest.mark.parametrize("topic", sorted(PROMISED))
def test_the_fields_that_everything_counts_on_are_there_with_their_defaults(topic: str) -> None:
    found = {field.name: field.default for field in all_fields() if field.topic == topic}
    assert {name: found[name] for name in PROMISED[topic]} == PROMISED[topic]
    assert REQUIRED not in {str(found[name]) for name in found if name not in PROMISED[topic]}


def test_a_status_has_the_columns_that_everything_counts_on() -> None:
    names = {field["name"] for field in reader_schema(events.MESSAGE_STATUS)["fields"]}
    assert set(PROMISED_STATUS) <= names


def test_enums_have_the_words_of_the_design_and_a_default_for_words_to_come() -> None:
    found: dict[str, str] = {}
    for field in all_fields():
        kind = field.schema["type"]
        if isinstance(kind, dict) and kind["type"] == "enum":
            assert kind["default"] in kind["symbols"], field
            symbols = found.setdefault(kind["name"], " ".join(kind["symbols"]))
            assert symbols == " ".join(kind["symbols"]), f"{field}: one name, two lists of symbols"
    assert {name: found[name] for name in PROMISED_SYMBOLS} == PROMISED_SYMBOLS


@pytest.mark.parametrize("topic", sorted(RECORD_TYPES))
def test_records_have_the_fields_of_their_schema_in_its_order(topic: str) -> None:
    record_type = RECORD_TYPES[topic].__self__  # type: ignore[attr-defined]  # the class behind its bound _make
    assert list(record_type._fields) == [field["name"] for field in reader_schema(topic)["fields"]]
    assert record_type.__name__ == reader_schema(topic)["name"]


def test_every_record_of_streams_events_belongs_to_a_topic() -> None:
    records = {kind for _, kind in inspect.getmembers(events, inspect.isclass) if hasattr(kind, "_fields")}
    assert records == {make.__self__ for make in RECORD_TYPES.values()}  # type: ignore[attr-defined]  # as above


@pytest.mark.parametrize("topic", topics())
def test_a_topic_is_keyed_by_fields_that_its_records_have(topic: str) -> None:
    key = load_topics()[topic].key
    names = {field["name"] for field in reader_schema(topic)["fields"]}
    assert set(key) <= names or key == ["original key"]


@pytest.mark.parametrize("topic", topics())
def test_a_topic_has_its_smallest_its_usual_and_its_strangest_record_as_examples(topic: str) -> None:
    names = {path.stem for path in (EXAMPLES / topic).glob("*.json")}
    assert {"minimal", "full", "edge"} <= names


def test_a_minimal_example_gives_only_what_has_no_default() -> None:
    for example in examples():
        if example.name.endswith("/minimal"):
            required = {f.name for f in all_fields() if f.topic == example.topic and f.default is REQUIRED}
            assert set(example.given) == required, example.name
