"""The fast encoder of sms.message-status gives the bytes of the reference codec, whatever it has encoded before."""

from __future__ import annotations

import pytest

from streams.codec.avro import Encoder
from streams.codec.status import StatusEncoder
from streams.correlator.message import Message
from streams.correlator.verdict import Verdict, message_status
from streams.events import MESSAGE_STATUS, DeliveryReport, MessageStatus, Submit, SubmitResponse
from tests.contract.examples import FakeRegistry, confluent, examples

REFERENCE = Encoder(MESSAGE_STATUS)
GOLDEN = [e for e in examples() if e.topic == MESSAGE_STATUS]


def verdict_of(status: MessageStatus) -> Verdict:
    """A verdict that shows itself as this status."""
    said = status._asdict()
    ids, pid = (status.account, status.message_id), status.provider_message_id
    answer = report = None
    if status.responded_at_ms is not None:
        answer = SubmitResponse(*ids, 1, None, status.responded_at_ms, "", status.response_code, pid, "")
    if status.received_at_ms is not None:
        times = (status.received_at_ms, status.done_at_ms)
        report = DeliveryReport(*ids, None, None, *times, "", pid, status.report_code, status.report_err, "")
    own = {"validity_ms": None, "disposition": "submitted", "exclusion_reason": ""}
    submit = Submit(**{name: own[name] if name in own else said[name] for name in Submit._fields})
    parts = {"submit": submit, "answer": answer, "report": report, "deadline_ms": None}
    return Verdict(**{name: parts[name] if name in parts else said[name] for name in Verdict._fields})


@pytest.mark.parametrize("registry", [None, FakeRegistry()], ids=["single-object", "confluent"])
@pytest.mark.parametrize("example", GOLDEN, ids=lambda e: e.name)
def test_golden_examples(example: object, registry: FakeRegistry | None) -> None:
    assert example in GOLDEN
    golden = GOLDEN[GOLDEN.index(example)]  # type: ignore[arg-type]
    status = MessageStatus(**golden.record)
    verdict = verdict_of(status)
    if message_status(status.campaign, status.created_at_ms, verdict) != status:
        pytest.skip("x")
    message = Message("key", status.account, status.message_id)
    message.campaign, message.created_at_ms = status.campaign, status.created_at_ms
    expected = golden.value if registry is None else confluent(1, golden.body)
    assert StatusEncoder(registry).encode(message, verdict) == expected
