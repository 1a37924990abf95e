"""The fast encoder of sms.message-status gives the bytes of the reference codec, whatever it has encoded before."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.codec.avro import Encoder
from streams.codec.status import StatusEncoder, encode_long, encode_map, encode_string
from streams.correlator.message import Message
from streams.correlator.step import Delta
from streams.correlator.verdict import Finding, Verdict
from streams.events import MESSAGE_STATUS, DeliveryReport, MessageStatus, Submit, SubmitResponse
from streams.settings import settings_from
from tests.adapters import CatalogCodes, Run, rows
from tests.contract.examples import Example, FakeRegistry, confluent, examples
from tests.golden_histories import GoldenHistory, load
from tests.histories import Case, cases, random_case, stream_times

REFERENCE = Encoder(MESSAGE_STATUS)
GOLDEN = [example for example in examples() if example.topic == MESSAGE_STATUS]


def verdict_of(status: MessageStatus) -> Verdict:
    """A verdict that shows itself as this status."""
    said: dict[str, Any] = status._asdict()
    ids, pid = (status.account, status.message_id), status.provider_message_id
    answer = report = None
    if status.responded_at_ms is not None:
        answer = SubmitResponse(*ids, 1, None, status.responded_at_ms, "", status.response_code, pid, "")
    if status.received_at_ms is not None:
        times = (status.received_at_ms, status.done_at_ms)
        report = DeliveryReport(*ids, None, None, *times, "", pid, status.report_code, status.report_err, "")
    own: dict[str, Any] = {"validity_ms": None, "disposition": "submitted", "exclusion_reason": ""}
    submit = Submit(**{name: own[name] if name in own else said[name] for name in Submit._fields})
    finding = Finding(**{name: said[name] for name in Finding._fields})
    parts: dict[str, Any] = {"submit": submit, "answer": answer, "report": report, "deadline_ms": None}
    parts["finding"] = finding
    return Verdict(**{name: parts[name] if name in parts else said[name] for name in Verdict._fields})


@pytest.mark.parametrize("registry", [None, FakeRegistry()], ids=["single-object", "confluent"])
@pytest.mark.parametrize("example", GOLDEN, ids=lambda e: e.name)
def test_golden_examples(example: Example, registry: FakeRegistry | None) -> None:
    status = MessageStatus(**example.record)
    if status.received_at_ms is None:
        status = status._replace(report_code="", report_err="")  # a verdict without a report has no code of one
    message = Message("key", status.account, status.message_id)
    message.campaign, message.created_at_ms = status.campaign, status.created_at_ms
    expected = Encoder(MESSAGE_STATUS, registry).encode(status)
    if status == MessageStatus(**example.record):
        assert expected == (example.value if registry is None else confluent(1, example.body))
    assert StatusEncoder(registry).encode(message, verdict_of(status)) == expected


class Encoded(Run):
    """A run that encodes every revision the way the worker does, and by the reference codec."""

    encoder = StatusEncoder()  # one for all: what it remembers of other messages must not show
    revisions = 0

    def take(self, delta: Delta) -> None:
        super().take(delta)
        expected = [REFERENCE.encode(row) for row in rows(delta)]
        assert self.encoder.encode_all(delta.revisions) == expected
        self.revisions += len(expected)


def _encode_every_revision(case: Case) -> int:
    rules = settings_from(case.config).rules()
    run = Encoded(rules)
    for event in case.events:
        run.feed([event])
    for at in stream_times(case, CatalogCodes(rules)):
        run.end(at)
    return run.revisions


@pytest.mark.parametrize("history", load(), ids=lambda h: h.name)
def test_every_revision_of_the_golden_histories(history: GoldenHistory) -> None:
    assert _encode_every_revision(Case(history.parsed_config, history.events)) > 0


def test_every_revision_of_random_histories() -> None:
    cases_run = [_encode_every_revision(random_case(random.Random(seed), f"m{seed}")) for seed in range(300)]
    assert sum(cases_run) > 500


@settings(max_examples=100)
@given(cases())
def test_every_revision_of_any_history(case: Case) -> None:
    _encode_every_revision(case)


def test_a_message_put_together_again_from_its_packed_state_is_encoded_alike() -> None:
    for history in load():
        run = Encoded(settings_from(history.parsed_config).rules())
        for event in history.events:
            run.feed([event])
            run.crash()
        run.end(history.as_of_ms)
        assert run.revisions > 0


# ---- the pieces --------------------------------------------------------------------------------------------------


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_longs_are_zigzag_varints(value: int) -> None:
    encoded = encode_long(value)
    zigzag = sum((byte & 127) << (7 * n) for n, byte in enumerate(encoded))
    assert (zigzag >> 1) ^ -(zigzag & 1) == value
    assert [byte >> 7 for byte in encoded] == [1] * (len(encoded) - 1) + [0]


@pytest.mark.parametrize("edge", [0, 63, 64, 8191, 8192, 17179869184, 2199023255552])
def test_longs_around_the_ends_of_the_six_byte_shortcut(edge: int) -> None:
    for value in (edge - 1, edge, edge + 1):
        encoded = encode_long(value)
        assert sum((byte & 127) << (7 * n) for n, byte in enumerate(encoded)) == (value << 1) ^ (value >> 63)


@given(st.text(max_size=200))
def test_strings_are_their_length_in_bytes_and_utf8(value: str) -> None:
    data = value.encode()
    assert encode_string(value) == encode_long(len(data)) + data


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4))
def test_maps_are_one_block_and_its_end(values: dict[str, str]) -> None:
    pairs = b"".join(encode_string(name) + encode_string(value) for name, value in values.items())
    assert encode_map(values) == (encode_long(len(values)) + pairs if values else b"") + b"\0"
