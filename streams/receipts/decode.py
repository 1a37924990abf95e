"""A receipt's text and what it means, as one record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.catalog import ReportOutcome
from streams.receipts.text import parse_receipt

Meaning = Callable[[str, str, str], ReportOutcome]
"""What a report's code, err and text mean to the provider that sent it."""

TOLD = ("status", "final", "reason", "reason_class")


def decode_receipt(body: str, meaning: Meaning) -> dict[str, Any]:
    """Read a receipt and look up what it says; the values as written, None where the receipt says nothing."""
    receipt = parse_receipt(body)
    values: dict[str, Any] = receipt._asdict()
    told = {"message_id": values.pop("id"), **values}
    if not any(value is not None for value in receipt):
        return told | dict.fromkeys(TOLD)
    outcome = meaning(receipt.stat or "", receipt.err or "", receipt.text or "")
    return told | {name: getattr(outcome, name) for name in TOLD}
