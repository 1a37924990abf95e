"""Reading the raw events of ``sms.events`` back as the records they were."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from operator import itemgetter
from typing import Any

from streams.clickhouse.backend import Database, Params
from streams.events import DELIVERY_REPORT, SUBMIT, DeliveryReport, Event, ProviderReceipt, Submit, SubmitResponse

_COLUMNS = (
    *("topic", "account", "message_id", "attempt", "part", "event_at_ms", "created_at_ms", "done_at_ms", "provider"),
    *("code", "err", "text", "provider_message_id", "campaign", "sender", "recipient", "country", "traffic_type"),
    *("encoding", "parts", "validity_ms", "disposition", "exclusion_reason", "price_micros", "currency"),
    *("attributes", "partition", "offset"),
)
_PLACE = {name: place for place, name in enumerate(_COLUMNS)}

_SUBMIT = tuple(_PLACE["event_at_ms" if name == "submitted_at_ms" else name] for name in Submit._fields)
_ANSWER = tuple(_PLACE["event_at_ms" if name == "responded_at_ms" else name] for name in SubmitResponse._fields)
_REPORT = tuple(_PLACE["event_at_ms" if name == "received_at_ms" else name] for name in DeliveryReport._fields)


def stored_events(db: Database, partition: int, before_offset: int) -> Iterator[tuple[int, Event | ProviderReceipt]]:
    """Yield offset and event of one partition number (replays), receipts too, each once, in the order of offsets."""
    where = f"partition = {partition:d} AND offset < {before_offset:d}"
    yield from merge(_events(db, where), _receipts(db, where), key=itemgetter(0))


def _events(db: Database, where: str) -> Iterator[tuple[int, Event | ProviderReceipt]]:
    for block in db.stream(_select(where, "offset")):
        for row in block:
            yield row[_PLACE["offset"]], event_of(row)


def _receipts(db: Database, where: str) -> Iterator[tuple[int, Event | ProviderReceipt]]:
    columns = ", ".join(("offset", *ProviderReceipt._fields))
    for block in db.stream(f"SELECT {columns} FROM sms.receipts FINAL WHERE {where} ORDER BY offset"):
        for row in block:
            yield row[0], ProviderReceipt._make(row[1:])


def stored_by_message(db: Database, where: str = "1", params: Params | None = None) -> Iterator[tuple[int, Event]]:
    """Yield every event, each once, with its partition; those of a message together, in the order of offsets."""
    for block in db.stream(_select(where, "message_id, account, offset"), params):
        for row in block:
            yield row[_PLACE["partition"]], event_of(row)


def _select(where: str, order: str) -> str:
    columns = ", ".join(_COLUMNS)
    return f"SELECT {columns} FROM sms.events FINAL WHERE {where} ORDER BY {order}"


def event_of(row: tuple[Any, ...]) -> Event:
    """Rebuild an event from its row."""
    topic = row[0]
    if topic == SUBMIT:
        return Submit(*(row[place] for place in _SUBMIT))
    if topic == DELIVERY_REPORT:
        return DeliveryReport(*(row[place] for place in _REPORT))
    return SubmitResponse(*(row[place] for place in _ANSWER))
