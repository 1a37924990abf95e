"""A receipt with its TLVs, and the event it becomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.events import DeliveryReport
from streams.receipts.pdu import (
    MESSAGE_PAYLOAD,
    MESSAGE_STATE,
    NETWORK_ERROR_CODE,
    RECEIPTED_MESSAGE_ID,
    is_receipt,
    read_receipt,
    to_report,
)

TEXT = b"id:0489708364 sub:001 dlvrd:001 submit date:2611221359 done date:2611221401 stat:DELIVRD err:000 text:Hi"
NOVEMBER_2026 = 1_795_355_966_000


def test_what_a_tlv_says_stands_in_the_place_of_what_the_text_says() -> None:
    tlvs = {RECEIPTED_MESSAGE_ID: b"1d305b4c\0", MESSAGE_STATE: b"\x05", NETWORK_ERROR_CODE: b"\x03\x00\x1b"}
    receipt = read_receipt(TEXT, tlvs)
    assert (receipt.provider_message_id, receipt.code, receipt.err) == ("1d305b4c", "UNDELIV", "27")
    assert (receipt.written.id, receipt.written.stat, receipt.written.err) == ("0489708364", "DELIVRD", "000")


def test_a_tlv_that_says_nothing_leaves_the_text() -> None:
    tlvs = {RECEIPTED_MESSAGE_ID: b"\0", MESSAGE_STATE: b"", NETWORK_ERROR_CODE: b"\x03\x00\x00"}
    receipt = read_receipt(TEXT.replace(b"err:000", b"err:021"), tlvs)
    assert (receipt.provider_message_id, receipt.code, receipt.err) == ("0489708364", "DELIVRD", "021")
    assert read_receipt(TEXT, {NETWORK_ERROR_CODE: b"\x00\x1b"}).err == "000"


@pytest.mark.parametrize(
    ("state", "word"), [(0, "SCHEDLD"), (2, "DELIVRD"), (8, "REJECTD"), (9, "SKIPPED"), (77, "77")]
)
def test_message_state_is_a_word_where_there_is_one(state: int, word: str) -> None:
    assert read_receipt(b"", {MESSAGE_STATE: bytes([state])}).code == word


def test_a_receipt_may_be_in_the_tlvs_alone_or_in_the_payload() -> None:
    receipt = read_receipt(b"", {RECEIPTED_MESSAGE_ID: b"a-1", MESSAGE_STATE: b"\x02"})
    assert (receipt.provider_message_id, receipt.code, receipt.text) == ("a-1", "DELIVRD", "")
    assert read_receipt(b"", {MESSAGE_PAYLOAD: TEXT}).provider_message_id == "0489708364"


@pytest.mark.parametrize("data_coding", [0, 1, 3, 4, 8, 0xF1])
@pytest.mark.parametrize("encoding", ["ascii", "utf-16-be"])
def test_a_wrong_data_coding_does_no_harm(data_coding: int, encoding: str) -> None:
    receipt = read_receipt(TEXT.decode().encode(encoding), {}, data_coding)
    assert (receipt.provider_message_id, receipt.code, receipt.text) == ("0489708364", "DELIVRD", "Hi")


def test_esm_class_tells_a_receipt_and_a_notification_on_the_way() -> None:
    receipt = read_receipt(TEXT)
    assert not receipt.intermediate
    assert read_receipt(TEXT, esm_class=0x20).intermediate
    assert [is_receipt(receipt, esm_class) for esm_class in (0x00, 0x04, 0x44, 0x08, 0x20, 0x40)] == [
        *(False, True, True, True, True, False)
    ]


def test_the_text_alone_makes_no_receipt_but_its_tlvs_do() -> None:
    tlvs = {RECEIPTED_MESSAGE_ID: b"a-1", MESSAGE_STATE: b"\x02"}
    assert not is_receipt(read_receipt(TEXT, esm_class=0), 0)
    assert is_receipt(read_receipt(b"", tlvs, esm_class=0), 0, tlvs)


def test_a_receipt_becomes_a_report() -> None:
    report = to_report(read_receipt(TEXT, {NETWORK_ERROR_CODE: b"\x03\x00\x1b"}), "aurora", NOVEMBER_2026)
    event = DeliveryReport(account="acme", message_id="m1", **report._asdict())
    assert event == DeliveryReport(
        account="acme",
        message_id="m1",
        attempt=None,
        part=None,
        received_at_ms=NOVEMBER_2026,
        done_at_ms=1_795_356_060_000,
        provider="aurora",
        provider_message_id="0489708364",
        code="DELIVRD",
        err="27",
        text="Hi",
    )


@given(st.binary(max_size=100), st.dictionaries(st.sampled_from([0x1E, 0x423, 0x424, 0x427]), st.binary(max_size=20)))
def test_any_octets_can_be_read(body: bytes, tlvs: dict[int, bytes]) -> None:
    to_report(read_receipt(body, tlvs, 8), "p", NOVEMBER_2026)
