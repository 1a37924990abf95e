"""A delivery receipt as an SMPP PDU brings it: the octets of the body and the optional parameters (TLVs).

Where a receipt says a thing twice, the TLV is right: it is typed, and no text of a message can forge it. The order is
that of SMPP 3.4, section 5.3.2: ``receipted_message_id`` before ``id:``, ``message_state`` before ``stat:``,
``network_error_code`` before ``err:``; an empty one, and an error code 0 (no error), say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from streams.events import ProviderReceipt
from streams.receipts.dates import parse_date
from streams.receipts.text import EMPTY, ReceiptText, parse_receipt

RECEIPTED_MESSAGE_ID = 0x001E
NETWORK_ERROR_CODE = 0x0423
MESSAGE_PAYLOAD = 0x0424
MESSAGE_STATE = 0x0427

STATES = ("SCHEDLD", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD", "SKIPPED")
"""Words of ``message_state`` by number (SMPP 5.0, section 4.7.15)."""

_KIND_BITS = 0x3C
_RECEIPT_KINDS = (0x04, 0x08, 0x10)
_INTERMEDIATE = 0x20
_WIDE_CODING = 0x08


class Receipt(NamedTuple):
    """What a receipt says, TLVs and text together.

    ``code``: the state as the catalog is asked for it ("" where none is told); ``intermediate``: the PDU itself says
    that it is a notification on the way (esm_class), whatever the code; ``written``: the text alone, as written.
    """

    provider_message_id: str
    code: str
    err: str
    done_date: str
    text: str
    intermediate: bool
    written: ReceiptText


def read_body(octets: bytes, data_coding: int = 0) -> str:
    """Return the characters of a body. A wrong data_coding does no harm: the parser tries the other ways to read it."""
    if data_coding & 0xEC == _WIDE_CODING and len(octets) % 2 == 0:
        wide = octets.decode("utf-16-be", "replace")
        if parse_receipt(wide) != EMPTY:
            return wide
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def read_receipt(
    body: bytes | str, tlvs: Mapping[int, bytes] | None = None, data_coding: int = 0, esm_class: int = 0x04
) -> Receipt:
    """Read a ``deliver_sm`` or ``data_sm`` that is a receipt. Never fails; what is not told is "".

    ``body``: short_message; a message_payload among the TLVs stands for an empty one. ``tlvs``: values by tag.
    """
    tlvs = tlvs or {}
    body = body or tlvs.get(MESSAGE_PAYLOAD, b"")
    written = parse_receipt(body if isinstance(body, str) else read_body(body, data_coding))
    return Receipt(
        provider_message_id=_string(tlvs.get(RECEIPTED_MESSAGE_ID)) or written.id or "",
        code=_state(tlvs.get(MESSAGE_STATE)) or written.code,
        err=_network_error(tlvs.get(NETWORK_ERROR_CODE)) or written.err or "",
        done_date=written.done_date or "",
        text=written.text or "",
        intermediate=esm_class & _KIND_BITS == _INTERMEDIATE,
        written=written,
    )


def is_receipt(receipt: Receipt, esm_class: int, tlvs: Mapping[int, bytes] | None = None) -> bool:
    """Tell a receipt from a message of the recipient's.

    esm_class says so; where it says nothing (some gateways forget it), the TLVs do. The text alone does not: anyone can
    write ``id:1 stat:DELIVRD`` in a message.
    """
    kind = esm_class & _KIND_BITS
    told = RECEIPTED_MESSAGE_ID in (tlvs or {}) and bool(receipt.code)
    return kind in _RECEIPT_KINDS or kind == _INTERMEDIATE or told


def to_report(receipt: Receipt, provider: str, received_at_ms: int) -> ProviderReceipt:
    """Return the event that a receipt is.

    Where the message is known, ``DeliveryReport(account=..., message_id=..., **report._asdict())`` is the event.
    """
    moment = parse_date(receipt.done_date, received_at_ms)
    return ProviderReceipt(
        provider=provider,
        provider_message_id=receipt.provider_message_id,
        attempt=None,
        part=None,
        received_at_ms=received_at_ms,
        done_at_ms=moment.ms if moment else None,
        code=receipt.code,
        err=receipt.err,
        text=receipt.text,
    )


def _string(value: bytes | None) -> str:
    """A C octet string: up to its NUL."""
    return (value or b"").partition(b"\0")[0].decode("latin-1").strip()


def _state(value: bytes | None) -> str:
    """A word for what is known; the number for what is not, so that it is kept as it came."""
    if not value:
        return ""
    state = value[-1]
    return STATES[state] if state < len(STATES) else str(state)


def _network_error(value: bytes | None) -> str:
    """One octet says whose numbering, two the code. "" for no error, and for what has another length."""
    if value is None or len(value) != 3:
        return ""
    code = int.from_bytes(value[1:], "big")
    return str(code) if code else ""
