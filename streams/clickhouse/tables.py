"""Which table a topic's records go to, and how their Arrow columns become the table's. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from streams import events
from streams.clickhouse.backend import DATABASE

MESSAGES, REVISIONS = f"{DATABASE}.messages", f"{DATABASE}.revisions"
EVENTS, ORPHANS, DEAD_LETTERS = f"{DATABASE}.events", f"{DATABASE}.orphans", f"{DATABASE}.dead_letters"
RECEIPTS = f"{DATABASE}.receipts"

ROUTE_HEALTH, ANOMALIES = f"{DATABASE}.route_health", f"{DATABASE}.anomalies"

EVENT_TIMES: Mapping[str, str] = {
    events.SUBMIT: "submitted_at_ms",
    events.SUBMIT_RESPONSE: "responded_at_ms",
    events.DELIVERY_REPORT: "received_at_ms",
}
OTHERS_DEAD_LETTER = {**dict.fromkeys(EVENT_TIMES, "correlate"), events.PROVIDER_RECEIPT: "resolve"}
"""Who dead-letters the records of a topic that cannot be decoded; those of all others, the loader does."""
LOADED_TOPICS = (
    *(*EVENT_TIMES, events.PROVIDER_RECEIPT, events.MESSAGE_STATUS, events.ORPHAN_REPORT, events.DEAD_LETTER),
    *(events.ROUTE_HEALTH, events.ANOMALY),
)

_TIME = pa.timestamp("ms", "UTC")
_TIMES = ("timestamp_ms", "window_start_ms", "first_seen_ms", "last_seen_ms", "stream_time_ms")
_OFFSETS = ("submitted", "responded", "done", "received")


class Source(NamedTuple):
    """Where the rows of a batch stood: their partition, and for each row its offset and Kafka timestamp (int64)."""

    partition: int
    offsets: pa.Array
    timestamps_ms: pa.Array


class Insert(NamedTuple):
    """A batch for a table, in the table's columns."""

    table: str
    batch: pa.RecordBatch


def inserts(topic: str, batch: pa.RecordBatch, source: Source) -> list[Insert]:
    """Return what a decoded batch of a topic puts into which tables."""
    if topic == events.MESSAGE_STATUS:
        status = _status_columns(batch)
        return [Insert(REVISIONS, _batch(status | _position(source))), Insert(MESSAGES, _batch(status))]
    if topic == events.PROVIDER_RECEIPT:
        return [Insert(RECEIPTS, _batch(_with_times(batch) | _position(source)))]
    if topic == events.ORPHAN_REPORT:
        return [Insert(ORPHANS, _batch(_with_times(batch) | _position(source)))]
    if topic == events.ROUTE_HEALTH:
        routes = batch.filter(pc.or_(pc.not_equal(batch["provider"], ""), pc.not_equal(batch["account"], "")))
        return [Insert(ROUTE_HEALTH, _batch(_with_times(routes)))] if routes.num_rows else []
    if topic == events.ANOMALY:
        return [Insert(ANOMALIES, _batch(_with_times(batch) | _position(source)))]
    if topic == events.DEAD_LETTER:
        return [Insert(DEAD_LETTERS, _batch(_with_times(batch)))]
    return [Insert(EVENTS, _batch(_event_columns(topic, batch) | _position(source)))]


def _status_columns(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    """Times become milliseconds after created_at; all else stays."""
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    created_at_ms = columns.pop("created_at_ms")
    for name in _OFFSETS:
        columns[f"{name}_offset_ms"] = pc.subtract(columns.pop(f"{name}_at_ms"), created_at_ms)
    return columns | {"created_at": created_at_ms.cast(_TIME)}


def _event_columns(topic: str, batch: pa.RecordBatch) -> dict[str, pa.Array]:
    columns = _with_times(batch)
    event_at = columns.pop(EVENT_TIMES[topic].removesuffix("_ms"))
    name = pa.array([topic], pa.string()).dictionary_encode()
    return columns | {"topic": pa.DictionaryArray.from_arrays(_zeros(batch), name.dictionary), "event_at": event_at}


def _zeros(batch: pa.RecordBatch) -> pa.Array:
    return pa.repeat(pa.scalar(0, pa.int32()), batch.num_rows)


def _with_times(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    """``done_at_ms`` becomes the time ``done_at``; durations (``validity_ms``) stay numbers."""
    return {
        name.removesuffix("_ms") if _is_time(name) else name: column.cast(_TIME) if _is_time(name) else column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }


def _is_time(name: str) -> bool:
    return name.endswith("_at_ms") or name in _TIMES


def _position(source: Source) -> dict[str, pa.Array]:
    return {
        "partition": pa.repeat(pa.scalar(source.partition, pa.int32()), len(source.offsets)),
        "offset": source.offsets,
        "seen_at": source.timestamps_ms.cast(_TIME),
    }


def _batch(columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
