"""Records as rows of the tables: what `replay` and the tests use, where there is no topic to read from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any
from zlib import crc32

import pyarrow as pa

from streams.clickhouse.backend import MAX_BLOCK_ROWS, Database
from streams.clickhouse.tables import Source, inserts
from streams.codec.arrow import arrow_schema
from streams.codec.schemas import reader_schema
from streams.events import (
    DEAD_LETTER,
    MESSAGE_STATUS,
    ORPHAN_REPORT,
    DeadLetter,
    Event,
    MessageStatus,
    OrphanReport,
    ProviderReceipt,
)

NO_PARTITION = -1
"""The partition of rows that were never in a topic."""

PlacedEvent = tuple[str, int, int, int, Event | ProviderReceipt]
"""An event and where it stood: topic, partition, offset, timestamp_ms, event."""


def load_rows(
    db: Database,
    token: str,
    statuses: Sequence[MessageStatus] = (),
    events: Sequence[PlacedEvent] = (),
    orphans: Sequence[OrphanReport] = (),
    dead_letters: Sequence[DeadLetter] = (),
    *,
    first_offset: int | None = None,
    timestamp_ms: int | Sequence[int] = 0,
) -> dict[str, int]:
    """Insert records without Kafka, into the very tables that the load worker fills. Returns rows by table.

    `token` names the batch: the same records under the same token, again, change nothing. The caller makes it from
    what does not change (the files' digests and the range of records in them).
    Statuses and orphans get partition -1 and offsets counted from `first_offset` (None: from a number made of the
    token, so that no two batches share them), and `timestamp_ms` as `seen_at`: one for all, or one a status (orphans
    then have 0). The stream time at which a timeout fired is what the timeline shows best.
    """
    loader = _Rows(db, token)
    first_offset = crc32(token.encode()) << 24 if first_offset is None else first_offset
    one = timestamp_ms if isinstance(timestamp_ms, int) else 0
    times = [one] * len(statuses) if isinstance(timestamp_ms, int) else timestamp_ms
    loader.load(MESSAGE_STATUS, NO_PARTITION, _from(first_offset, statuses), times, statuses)
    loader.load(ORPHAN_REPORT, NO_PARTITION, _from(first_offset, orphans), [one] * len(orphans), orphans)
    loader.load(DEAD_LETTER, NO_PARTITION, _from(first_offset, dead_letters), [one] * len(dead_letters), dead_letters)
    by_place = sorted(events, key=lambda event: event[:3])
    for (topic, partition), placed in groupby(by_place, key=lambda event: event[:2]):
        _, _, offsets, stamps, records = zip(*placed, strict=True)
        loader.load(topic, partition, offsets, stamps, records)
    return loader.rows


def _from(first: int, records: Sequence[Any]) -> range:
    return range(first, first + len(records))


class _Rows:
    """Inserts records of one batch, in blocks that are the same each time."""

    def __init__(self, db: Database, token: str) -> None:
        self.rows: dict[str, int] = {}
        self._db = db
        self._token = token

    def load(
        self, topic: str, partition: int, offsets: Sequence[int], times: Sequence[int], records: Sequence[Any]
    ) -> None:
        for start in range(0, len(records), MAX_BLOCK_ROWS):
            part = slice(start, start + MAX_BLOCK_ROWS)
            source = Source(partition, pa.array(offsets[part], pa.int64()), pa.array(times[part], pa.int64()))
            for table, batch in inserts(topic, records_batch(topic, records[part]), source):
                self._db.insert(table, batch, f"{self._token}-{topic}-{partition}-{start}")
                self.rows[table] = self.rows.get(table, 0) + batch.num_rows


def records_batch(topic: str, records: Iterable[Any]) -> pa.RecordBatch:
    """Turn records of `streams.events` into the columns that decoding them from the topic would give."""
    schema = arrow_schema(reader_schema(topic))
    columns = list(zip(*records, strict=True)) or [()] * len(schema)
    arrays = [pa.array(_values(field, column), field.type) for field, column in zip(schema, columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _values(field: pa.Field, column: Sequence[Any]) -> Sequence[Any]:
    if pa.types.is_map(field.type):
        maps: Sequence[Mapping[str, str]] = column
        return [list(attributes.items()) for attributes in maps]
    return column
