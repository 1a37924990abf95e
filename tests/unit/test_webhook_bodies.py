"""Webhook bodies: every vendor's example gives its events, odd as it may come; nothing invents one."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.catalog import default_catalog
from streams.ingest.signatures import SCHEMES
from streams.receipts.webhooks import (
    Decoded,
    UnknownVendorError,
    VendorError,
    VendorNames,
    WebhookError,
    all_vendors,
    decode,
    known_vendors,
    vendor_from,
)
from streams.receipts.webhooks.page import with_vendors

GOLDEN = [
    json.loads(line) for line in (Path(__file__).parents[1] / "golden" / "webhooks.jsonl").read_text().splitlines()
]
NAMES = VendorNames(known_vendors())
CATALOG = default_catalog()


def read(vendor: str, body: bytes | str, content_type: str = "", query: str = "") -> Decoded:
    return decode(NAMES.find(vendor), body, CATALOG, content_type, query)


def shown(decoded: Decoded) -> list[dict[str, Any]]:
    return [event.shown() for event in decoded.events]


# ---- golden examples ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", GOLDEN, ids=lambda e: f"{e['vendor']}: {e['name']}")
def test_a_body_gives_these_events_and_no_other(example: dict[str, Any]) -> None:
    decoded = read(example["vendor"], example["body"], example["content_type"])
    assert list(decoded.others) == example.get("others", [])
    events = shown(decoded)
    assert len(events) == len(example["expect"])
    for event, expected in zip(events, example["expect"], strict=True):
        assert {name: event[name] for name in expected} == expected


@pytest.mark.parametrize("example", GOLDEN, ids=lambda e: f"{e['vendor']}: {e['name']}")
def test_bytes_blanks_and_a_wrong_content_type_change_nothing(example: dict[str, Any]) -> None:
    expected = shown(read(example["vendor"], example["body"]))
    for body in (
        example["body"].encode(),
        b"\xef\xbb\xbf" + example["body"].encode(),
        example["body"].encode("utf-16"),
        b" \r\n" + example["body"].encode() + b"\x00\n",
    ):
        assert shown(read(example["vendor"], body, "application/octet-stream")) == expected


@pytest.mark.parametrize("example", GOLDEN, ids=lambda e: f"{e['vendor']}: {e['name']}")
def test_an_event_means_to_correlate_what_it_means_here(example: dict[str, Any]) -> None:
    vendor = NAMES.find(example["vendor"])
    for event in decode(vendor, example["body"], CATALOG).events:
        outcome = CATALOG.report(vendor.dialect, event.meaning, event.err or "", event.text or "")
        assert (outcome.status, outcome.final, outcome.reason) == (event.status, event.final, event.reason)


def test_every_vendor_has_an_example_a_dialect_and_a_signature_that_exist() -> None:
    with_example = {NAMES.find(example["vendor"]).name for example in GOLDEN}
    for name, vendor in known_vendors().items():
        assert name in with_example
        assert vendor.dialect in CATALOG.dialects, name
        assert vendor.signature in SCHEMES, name


def test_the_table_in_the_docs_is_that_of_the_vendors() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ingest.md").read_text()
    assert with_vendors(page, known_vendors()) == page, "run `sms-streams decode webhook --update docs/ingest.md`"


# ---- deviations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"MessageSid=SM1&MessageStatus=delivered",
        b"?MessageSid=SM1&MessageStatus=delivered",
        b"MESSAGE_SID=SM1&message-status=Delivered",
        b'{"MessageSid": "SM1", "MessageStatus": "delivered"}',
        b'"{\\"MessageSid\\": \\"SM1\\", \\"MessageStatus\\": \\"delivered\\"}"',
        b"%7B%22MessageSid%22%3A%22SM1%22%2C%22MessageStatus%22%3A%22delivered%22%7D",
        b'[{"MessageSid": "SM1", "MessageStatus": "delivered"}]',
        b'{"MessageSid": "SM1", "MessageStatus": "delivered"}\n{"MessageSid": 5}',
        b'--xx\r\nContent-Disposition: form-data; name="MessageSid"\r\n\r\nSM1\r\n--xx\r\n'
        b'Content-Disposition: form-data; name="MessageStatus"\r\n\r\ndelivered\r\n--xx--\r\n',
    ],
)
def test_the_same_report_in_another_notation(body: bytes) -> None:
    (event,) = read("twilio", body).events
    assert (event.provider_message_id, event.status, event.final) == ("SM1", "delivered", True)


def test_the_query_string_counts_where_there_is_no_body() -> None:
    (event,) = read("twilio", b"", "", "MessageSid=SM1&MessageStatus=sent").events
    assert event.code == "sent"
    (event,) = read("twilio", b"MessageSid=SM1&MessageStatus=failed", "", "MessageSid=SM1&MessageStatus=sent").events
    assert event.code == "failed"


@pytest.mark.parametrize("number", ["00042", "12345678901234567890123456789", "1.0", "1e3"])
def test_numbers_stay_as_they_were_written(number: str) -> None:
    body = f'{{"messageId": "{number}", "statusCode": 4}}'
    assert read("clickatell", body).events[0].provider_message_id == number
    if not number.startswith("0"):
        assert read("clickatell", f'{{"messageId": {number}, "statusCode": 4}}').events[0].provider_message_id == number


def test_an_unpaired_surrogate_does_not_get_through() -> None:
    (event,) = read("clickatell", '{"messageId": "a\\ud800b", "statusCode": 4}').events
    event.provider_message_id.encode()


def test_a_record_without_an_id_is_left_out_and_said() -> None:
    body = {
        "results": [
            {"status": {"name": "DELIVERED_TO_HANDSET"}},
            {"messageId": "2", "status": {"groupName": "PENDING"}},
        ]
    }
    decoded = read("infobip", json.dumps(body))
    assert [event.provider_message_id for event in decoded.events] == ["2"]
    assert decoded.problems == ("record 1: no message id (messageId)",)


@pytest.mark.parametrize(
    ("vendor", "body", "why"),
    [
        ("twilio", "", "empty"),
        ("twilio", "hello", "neither JSON nor XML nor fields"),
        ("twilio", '{"MessageSid": ', "not JSON"),
        ("twilio", "<a><b></a>", "not XML"),
        ("twilio", "MessageSid=SM1", "no status"),
        ("twilio", "MessageStatus=delivered", "no message id"),
        ("twilio", "[]", "nothing in it"),
        ("twilio", "null", "neither JSON nor XML nor fields"),
        ("twilio", "[" * 5_000, "not JSON"),
        ("infobip", '{"results": []}', "nothing in it"),
        ("infobip", '{"results": "many"}', "no message id"),
    ],
)
def test_what_says_nothing_is_an_error_that_says_so(vendor: str, body: str, why: str) -> None:
    with pytest.raises(WebhookError, match=why):
        read(vendor, body)


# ---- hostile bodies ----------------------------------------------------------------------------------------------

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
    '<DeliveryReport><message id="&c;" status="DELIVERED"/></DeliveryReport>'
)
OUTSIDE = (
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    '<DeliveryReport><message id="&x;" status="DELIVERED"/></DeliveryReport>'
)


@pytest.mark.parametrize("body", [LAUGHS, OUTSIDE])
def test_xml_with_a_document_type_is_refused(body: str) -> None:
    with pytest.raises(WebhookError, match="document type"):
        read("infobip", body)


@pytest.mark.parametrize(
    "body",
    [
        "<a>" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "a=1&" * 100_000,
        "<a " + " ".join(f"b{i}='1'" for i in range(50_000)) + "/>",
    ],
)
def test_depth_and_number_are_bounded(body: str) -> None:
    for vendor in ("infobip", "sinch", "words", "aws"):
        with pytest.raises(WebhookError):
            read(vendor, body)


def _bodies(size: int) -> Iterator[tuple[str, str]]:
    one = {"messageId": "1", "status": {"name": "DELIVERED_TO_HANDSET"}}
    yield "infobip", json.dumps({"results": [one] * size})
    yield "infobip", json.dumps({"results": [[[[one]]]] * size})
    yield "twilio", "MessageSid=SM1&MessageStatus=delivered&" + "x=%41" * size * 10
    yield "twilio", "MessageSid=SM1&MessageStatus=delivered&MessageStatus=" + " " * size * 100
    yield "infobip", "<DeliveryReport>" + '<message id="1" status="DELIVERED"/>' * size + "</DeliveryReport>"
    yield "lox24", json.dumps({"name": "sms.delivery", "data": {"id": "1" * size * 50, "dlr_code": "8" * size * 50}})
    yield "kannel", "id=1&type=1&ts=" + "1" * size * 100
    yield "words", "-" * size * 100
    yield "words", "--x form-data\n" + "--x\nname=a\n\n1\n" * size
    yield "sinch", "XMLDATA=" + "%7B" * size * 20


def test_time_is_linear_in_the_size_of_a_body() -> None:
    for small, large in zip(_bodies(1_000), _bodies(8_000), strict=True):
        times = []
        for vendor, body in (small, large):
            best = 1e9
            for _ in range(3):
                begin = time.process_time()
                with contextlib.suppress(WebhookError):
                    read(vendor, body)
                best = min(best, time.process_time() - begin)
            times.append(best)
        assert times[1] < 40 * times[0] + 0.02, (small[0], small[1][:60], times)


VENDORS = st.sampled_from(sorted(known_vendors()))


@settings(max_examples=300)
@given(VENDORS, st.one_of(st.binary(max_size=300), st.text(max_size=200)), st.text(max_size=40))
def test_no_body_whatever_makes_anything_but_events_or_the_one_error(
    vendor: str, body: bytes | str, content_type: str
) -> None:
    with contextlib.suppress(WebhookError):
        decoded = read(vendor, body, content_type)
        json.dumps(shown(decoded)).encode()
        assert decoded.events or decoded.others


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300)
@given(st.sampled_from(GOLDEN), st.data())
def test_an_example_with_something_else_in_any_place_never_breaks(example: dict[str, Any], data: st.DataObject) -> None:
    try:
        tree = json.loads(example["body"])
    except ValueError:
        text = example["body"]
        start = data.draw(st.integers(0, len(text)))
        body = text[:start] + data.draw(st.text(max_size=10)) + text[start + data.draw(st.integers(0, 10)) :]
    else:
        places = list(_places(tree))
        holder, key = data.draw(st.sampled_from(places)) if places else ({}, "")
        holder[key] = data.draw(TREES)
        body = json.dumps(tree)
    try:
        decoded = read(example["vendor"], body)
    except WebhookError:
        return
    for event in decoded.events:
        assert event.provider_message_id
        assert event.status in ("accepted", "enroute", "delivered", "failed", "sent_without_sr")
        event.provider_message_id.encode()


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        yield tree, key
        yield from _places(value)


# ---- vendors and their names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("Twilio", "twilio"),
        ("TWILIO ", "twilio"),
        ("Africa's Talking", "africastalking"),
        ("Africa’s Talking", "africastalking"),
        ("Vonage (Nexmo SMS API)", "vonage"),
        ("Nexmo", "vonage"),
        ("Sinch (mblox)", "sinch"),
        ("mblox", "sinch"),
        ("Telnyx Messaging API v2", "telnyx"),
        ("Alibaba Cloud SMS (China)", "alibaba"),
        ("AWS SNS", "aws"),
        ("Amazon Pinpoint", "aws"),
        ("8x8", "eightbyeight"),
        ("46elks", "fortysixelks"),
        ("CM.com", "cmcom"),
        ("LOX24", "lox24"),
        ("SMS-центр", "smsc"),
    ],
)
def test_a_vendor_is_found_by_what_people_call_it(called: str, name: str) -> None:
    assert NAMES.find(called).name == name


@pytest.mark.parametrize("called", ["", "nobody", "sms", "(", "'", "x" * 10_000])
def test_a_name_that_is_nobodys_is_an_error(called: str) -> None:
    with pytest.raises(UnknownVendorError):
        NAMES.find(called)


def test_an_error_names_who_may_have_been_meant() -> None:
    with pytest.raises(UnknownVendorError, match="did you mean twilio"):
        NAMES.find("twillio")


def test_a_vendor_is_added_by_description_alone() -> None:
    described = {
        "title": "Acme Telecom",
        "dialect": "words",
        "other": [{"kind": "inbound message", "when": {"kind": "mo"}}],
        "report": [{"each": "items", "id": "ref", "code": "st.word", "time": "at", "zone": "+02:00"}],
    }
    vendors = all_vendors({"acme": described}, CATALOG)
    body = '{"items": [{"ref": 7, "st": {"word": "Delivered"}, "at": "2026-03-02 12:00:00"}]}'
    (event,) = decode(VendorNames(vendors).find("Acme Telecom"), body, CATALOG).events
    assert (event.provider_message_id, event.status, event.done_at_ms) == ("7", "delivered", 1772445600000)
    assert decode(vendors["acme"], '{"kind": "MO"}', CATALOG).others == ("inbound message",)


@pytest.mark.parametrize(
    ("described", "why"),
    [
        ({"title": "x"}, "report"),
        ({"title": "x", "report": []}, "at least one"),
        ({"title": "x", "report": [{"code": "c"}]}, "id"),
        ({"title": "x", "report": [{"id": "i"}]}, "where its id and its code are"),
        ({"title": "x", "report": [{"id": "i", "code": "c", "tme": "t"}]}, "tme"),
        ({"title": "x", "report": [{"id": 5, "code": "c"}]}, r"report\[0\].id|str"),
        ({"title": "x", "report": [{"id": "i", "code": "c", "zone": "Europe/Paris"}]}, "offset such as"),
    ],
)
def test_a_description_that_is_wrong_says_where(described: dict[str, Any], why: str) -> None:
    with pytest.raises(VendorError, match=why):
        vendor_from("acme", described)


def test_a_dialect_that_is_not_there_is_an_error() -> None:
    with pytest.raises(VendorError, match="no dialect nowhere"):
        all_vendors({"acme": {"title": "x", "dialect": "nowhere", "report": [{"id": "i", "code": "c"}]}}, CATALOG)
