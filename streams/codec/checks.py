"""What an event must be besides well-formed Avro: sensible numbers, times that are milliseconds, an id."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from streams.codec.avro import Bad, Decoder, to_rows
from streams.events import (
    DELIVERY_REPORT,
    PROVIDER_RECEIPT,
    RECEIPT_INDEX,
    SUBMIT,
    SUBMIT_RESPONSE,
    DeliveryReport,
    InputEvent,
    ProviderReceipt,
    ReceiptIndex,
    Submit,
    SubmitResponse,
)

EARLIEST_MS = 946_684_800_000
"""2000-01-01; anything before was not given in milliseconds."""
LATEST_MS = 4_102_444_800_000
"""2100-01-01."""
MOST_PARTS = 255
"""SMPP and TS 23.040 count the segments of a message in one octet."""
MOST_ATTEMPTS = 10_000
LONGEST_VALIDITY_MS = 366 * 24 * 3_600_000

TIME_FIELD = {
    SUBMIT: "submitted_at_ms",
    SUBMIT_RESPONSE: "responded_at_ms",
    DELIVERY_REPORT: "received_at_ms",
    PROVIDER_RECEIPT: "received_at_ms",
    RECEIPT_INDEX: "responded_at_ms",
}
"""The event time of each input."""

_IDS: dict[type, tuple[str, ...]] = {
    Submit: ("message_id",),
    SubmitResponse: ("message_id",),
    DeliveryReport: ("message_id",),
    ProviderReceipt: ("provider", "provider_message_id"),
    ReceiptIndex: ("provider", "provider_message_id", "message_id"),
}
"""What must not be empty."""
_IDS_BY_TOPIC = {
    SUBMIT: _IDS[Submit],
    SUBMIT_RESPONSE: _IDS[SubmitResponse],
    DELIVERY_REPORT: _IDS[DeliveryReport],
    PROVIDER_RECEIPT: _IDS[ProviderReceipt],
    RECEIPT_INDEX: _IDS[ReceiptIndex],
}

_BOUNDS: dict[str, tuple[int, int]] = {
    "submitted_at_ms": (EARLIEST_MS, LATEST_MS),
    "created_at_ms": (EARLIEST_MS, LATEST_MS),
    "responded_at_ms": (EARLIEST_MS, LATEST_MS),
    "received_at_ms": (EARLIEST_MS, LATEST_MS),
    "done_at_ms": (0, 1 << 62),
    "attempt": (1, MOST_ATTEMPTS),
    "part": (1, MOST_PARTS),
    "parts": (1, MOST_PARTS),
    "validity_ms": (0, LONGEST_VALIDITY_MS),
}


def wrong(event: InputEvent) -> tuple[str, str] | None:
    """Return a countable word and a sentence for what is wrong with an event, None if nothing is."""
    for name in _IDS[type(event)]:
        if not getattr(event, name):
            return "bad_field", f"{name} is empty"
    for name, value in zip(event._fields, event, strict=True):
        bounds = _BOUNDS.get(name)
        if bounds is not None and isinstance(value, int) and not bounds[0] <= value <= bounds[1]:
            return _explain(name, value, bounds)
    return None


def _explain(name: str, value: int, bounds: tuple[int, int]) -> tuple[str, str]:
    if not name.endswith("_at_ms"):
        return "bad_field", f"{name} is {value}, must be from {bounds[0]} to {bounds[1]}"
    hint = ""
    for factor, unit in ((1_000, "seconds"), (1e-3, "microseconds"), (1e-6, "nanoseconds")):
        if bounds[0] <= value * factor <= bounds[1]:
            hint = f"; it looks like {unit}"
    return "bad_time", f"{name} is {value}, must be epoch milliseconds between 2000 and 2100{hint}"


def sound(topic: str, batch: pa.RecordBatch) -> bool:
    """Tell whether `wrong` would find nothing in a whole decoded batch of a topic."""
    if batch.num_rows == 0:
        return True
    for name, (low, high) in _BOUNDS.items():
        if name in batch.schema.names:
            ends = pc.min_max(batch.column(name)).as_py()
            if ends["min"] is not None and not (low <= ends["min"] and ends["max"] <= high):
                return False
    return all(pc.min(pc.binary_length(batch.column(name))).as_py() > 0 for name in _IDS_BY_TOPIC[topic])


def decode_events(decoder: Decoder, values: list[bytes | None]) -> tuple[list[Any], list[int] | None, list[Bad]]:
    """Decode a batch of input events and leave out what is not sound.

    Returns the events, the positions in `values` they come from (None: all, in order) and the bad ones.
    """
    decoded = decoder.columns(values)
    events: list[Any] = to_rows(decoder.topic, decoded.batch)
    if sound(decoder.topic, decoded.batch):
        return events, decoded.good, decoded.bad
    positions = decoded.good if decoded.good is not None else list(range(len(values)))
    kept, good, bad = [], [], list(decoded.bad)
    for position, event in zip(positions, events, strict=True):
        found = wrong(event)
        if found is None:
            kept.append(event)
            good.append(position)
        else:
            bad.append(Bad(position, *found))
    return kept, good, sorted(bad)


def clamp(event: InputEvent, latest_ms: int) -> InputEvent:
    """Return the event dated `latest_ms` at most: one bad clock must not expire everybody's messages."""
    if isinstance(event, Submit):
        created = event.created_at_ms
        return event._replace(
            submitted_at_ms=min(event.submitted_at_ms, latest_ms),
            created_at_ms=created if created is None else min(created, latest_ms),
        )
    if isinstance(event, SubmitResponse | ReceiptIndex):
        return event._replace(responded_at_ms=min(event.responded_at_ms, latest_ms))
    return event._replace(received_at_ms=min(event.received_at_ms, latest_ms))
