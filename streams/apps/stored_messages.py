"""Messages as the tables have them: the facts among the raw events, and the row that was made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from streams.clickhouse.backend import Database, Params
from streams.clickhouse.stored import stored_by_message
from streams.correlator.facts import Facts
from streams.events import Event, MessageStatus

Key = tuple[bytes, bytes]
"""Message id and account: in this order the tables give them, sorted by their bytes."""

_THESE = "message_id IN {ids:Array(String)}"


class StoredMessage(NamedTuple):
    """One message. ``facts`` or ``row`` (the latest) is None where the table has none; ``partition`` is 0 then."""

    key: Key
    partition: int
    facts: Facts | None
    row: dict[str, Any] | None


def stored_messages(db: Database, ids: Sequence[str] | None = None) -> Iterator[StoredMessage]:
    """Yield every message, or those of some message ids (in any account)."""
    where, params = ("1", None) if ids is None else (_THESE, {"ids": list(ids)})
    events = _facts(stored_by_message(db, where, params))
    rows = _rows(db, where, params)
    found, row = next(events, None), next(rows, None)
    while found is not None or row is not None:
        key = min(k for k in (found and found[0], row and row[0]) if k is not None)
        partition, facts, stored = 0, None, None
        if found is not None and found[0] == key:
            partition, facts = found[1], found[2]
            found = next(events, None)
        if row is not None and row[0] == key:
            stored = row[1]
            row = next(rows, None)
        yield StoredMessage(key, partition, facts, stored)


def _facts(events: Iterator[tuple[int, Event]]) -> Iterator[tuple[Key, int, Facts]]:
    for key, group in groupby(events, key=lambda e: (e[1].message_id.encode(), e[1].account.encode())):
        facts = Facts()
        partition = 0
        for partition, event in group:  # noqa: B007 (the last one's partition is that of all)
            facts.add(event)
        yield key, partition, facts


def _rows(db: Database, where: str, params: Params | None) -> Iterator[tuple[Key, dict[str, Any]]]:
    names = ", ".join(map(_column, MessageStatus._fields))
    sql = f"SELECT {names} FROM sms.messages FINAL WHERE {where} ORDER BY message_id, account"
    for block in db.stream(sql, params):
        for values in block:
            row = dict(zip(MessageStatus._fields, values, strict=True))
            yield (row["message_id"].encode(), row["account"].encode()), row


def _column(name: str) -> str:
    """Return what to select for a field of the record: times are stored as offsets from created_at."""
    if name == "created_at_ms":
        return "toUnixTimestamp64Milli(created_at)"
    if name.endswith("_at_ms"):
        return f"toUnixTimestamp64Milli(created_at) + {name.replace('_at_ms', '_offset_ms')}"
    return name
