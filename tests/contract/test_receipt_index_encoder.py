"""The fast encoder of sms.receipt-index gives the bytes of the reference codec, whatever it has encoded before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.codec.avro import Encoder
from streams.codec.checks import EARLIEST_MS, LATEST_MS
from streams.codec.receipt_index import IndexEncoder
from streams.events import RECEIPT_INDEX, ReceiptIndex, SubmitResponse
from tests.contract.examples import Example, FakeRegistry, examples

GOLDEN = [example for example in examples() if example.topic == RECEIPT_INDEX]
REFERENCE, FAST = Encoder(RECEIPT_INDEX), IndexEncoder()

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
entries = st.builds(
    ReceiptIndex,
    provider=texts,
    provider_message_id=texts,
    account=texts,
    message_id=texts,
    attempt=st.integers(1, 300),
    part=st.none() | st.integers(1, 255),
    responded_at_ms=st.integers(EARLIEST_MS, LATEST_MS),
)


@pytest.mark.parametrize("registry", [None, FakeRegistry()], ids=["single-object", "confluent"])
@pytest.mark.parametrize("example", GOLDEN, ids=lambda e: e.name)
def test_golden_examples(example: Example, registry: FakeRegistry | None) -> None:
    entry = ReceiptIndex(**example.record)
    assert IndexEncoder(registry).encode(entry) == Encoder(RECEIPT_INDEX, registry).encode(entry)


@given(known=st.lists(entries, max_size=5))
def test_any_answers(known: list[ReceiptIndex]) -> None:
    answers = [SubmitResponse(*e[2:], e.provider, "0", e.provider_message_id, "text") for e in known]
    assert FAST.encode_answers(answers) == [REFERENCE.encode(entry) for entry in known]
