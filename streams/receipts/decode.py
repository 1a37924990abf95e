"""A receipt's text and what it means, as one record."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from streams.catalog import ReportOutcome
from streams.receipts.pdu import MESSAGE_STATE, NETWORK_ERROR_CODE, RECEIPTED_MESSAGE_ID, read_receipt
from streams.receipts.text import EMPTY, parse_receipt

Meaning = Callable[[str, str, str], ReportOutcome]
"""What a report's code, err and text mean to the provider that sent it."""

WRITTEN = ("id", "sub", "dlvrd", "submit_date", "done_date", "stat", "err", "text")
TOLD = ("status", "final", "reason", "reason_class")
TLVS = {
    "receipted_message_id": RECEIPTED_MESSAGE_ID,
    "message_state": MESSAGE_STATE,
    "network_error_code": NETWORK_ERROR_CODE,
}


def decode_line(line: str, meaning: Meaning) -> dict[str, Any]:
    """Read one line: a receipt's text; a JSON string that encodes it; or a JSON object with text and TLVs.

    The object: ``{"text": "...", "receipted_message_id": "1a2b", "message_state": 2, "network_error_code": "03001b"}``,
    each key optional. What begins like JSON and is none is the text itself.
    """
    line = line.removeprefix("\ufeff")
    if line[:1] not in ('"', "{"):
        return decode_receipt(line, meaning)
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return decode_receipt(line, meaning)
    if isinstance(value, str):
        return decode_receipt(value, meaning)
    if not isinstance(value, dict) or not value.keys() & {"text", *TLVS}:
        return decode_receipt(line, meaning)
    return _decode_pdu(value, meaning)


def decode_receipt(body: str, meaning: Meaning) -> dict[str, Any]:
    """Read a receipt's text and look up what it says; the values as written, None where it says nothing."""
    receipt = parse_receipt(body)
    told: dict[str, Any] = {"message_id" if name == "id" else name: getattr(receipt, name) for name in WRITTEN}
    if receipt == EMPTY:
        return told | dict.fromkeys(TOLD)
    return told | _meaning(meaning, receipt.code, receipt.err or "", receipt.text or "")


def _decode_pdu(given: Mapping[str, Any], meaning: Meaning) -> dict[str, Any]:
    """The same with TLVs: what they say stands in the place of what the text says."""
    tlvs = {tag: _octets(name, given[name]) for name, tag in TLVS.items() if given.get(name) is not None}
    receipt = read_receipt(str(given.get("text") or ""), tlvs)
    written = receipt.written
    told: dict[str, Any] = {"message_id" if name == "id" else name: getattr(written, name) for name in WRITTEN}
    told["message_id"] = receipt.provider_message_id or written.id
    told["stat"] = receipt.code or written.stat
    told["err"] = receipt.err or written.err
    if not any(value is not None for value in told.values()):
        return told | dict.fromkeys(TOLD)
    return told | _meaning(meaning, receipt.code, receipt.err, receipt.text)


def _octets(name: str, value: Any) -> bytes:
    """The octets of a TLV: the state is a number, the network error three octets in hexadecimal, the id text."""
    if name == "message_state":
        return bytes([value]) if isinstance(value, int) and 0 <= value < 256 else b""
    text = str(value)
    if name != "network_error_code":
        return text.encode("latin-1", "replace")
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _meaning(meaning: Meaning, code: str, err: str, text: str) -> dict[str, Any]:
    outcome = meaning(code, err, text)
    return {name: getattr(outcome, name) for name in TOLD}
