"""Avro records by the batch: bytes to columns to records, and records to bytes.

Decoding goes through pyruhvro (Rust, Avro to Arrow) for whole batches; fastavro is the reference, and the
fallback for every batch or writer schema that the fast path does not take. A contract test holds the two
against each other.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import fastavro
import pyarrow as pa
import pyruhvro

from streams import events
from streams.codec.arrow import arrow_schema, conform, resolvable
from streams.codec.schemas import (
    CONFLUENT,
    AvroSchema,
    Registry,
    UnknownSchemaError,
    WriterSchemas,
    parsed_schema,
    reader_schema,
    single_object_header,
)

RECORD_TYPES: dict[str, Callable[[Iterable[Any]], Any]] = {
    events.SUBMIT: events.Submit._make,
    events.SUBMIT_RESPONSE: events.SubmitResponse._make,
    events.DELIVERY_REPORT: events.DeliveryReport._make,
    events.PROVIDER_RECEIPT: events.ProviderReceipt._make,
    events.RECEIPT_INDEX: events.ReceiptIndex._make,
    events.MESSAGE_STATUS: events.MessageStatus._make,
    events.ORPHAN_REPORT: events.OrphanReport._make,
    events.DEAD_LETTER: events.DeadLetter._make,
    events.ROUTE_HEALTH: events.RouteHealth._make,
    events.ANOMALY: events.Anomaly._make,
}


class Bad(NamedTuple):
    """A record that could not be decoded: its position in the batch, a countable word, a sentence."""

    position: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded batch: Arrow columns in the reader schema's order.

    `good` holds the position in the input of each row of `batch`; None stands for all of them, in order.
    """

    batch: pa.RecordBatch
    good: list[int] | None
    bad: list[Bad]


class Decoder:
    """Decodes the values of one topic, whatever known writer schema and framing they have."""

    def __init__(self, topic: str, registry: Registry | None = None) -> None:
        """Prepare for the values of `topic`; `registry` finds the schemas of Confluent-framed records."""
        self.topic = topic
        self._reader = reader_schema(topic)
        self._parsed = parsed_schema(topic)
        self._arrow = arrow_schema(self._reader)
        self._writers = WriterSchemas(registry)
        self._plans: dict[bytes, _Plan] = {}

    def columns(self, values: Sequence[bytes | None]) -> Decoded:
        """Decode a batch into columns; what cannot be decoded is in `Decoded.bad`, the rest is not held up."""
        header = self._common_header(values)
        if header is not None:
            fast = self._fast(header, values)
            if fast is not None:
                return Decoded(fast, None, [])
        return self._by_header(values)

    def rows(self, values: Sequence[bytes | None]) -> tuple[list[Any], list[int] | None, list[Bad]]:
        """Decode a batch into records of `streams.events`; also the positions and what was bad, as `columns`."""
        decoded = self.columns(values)
        return to_rows(self.topic, decoded.batch), decoded.good, decoded.bad

    def one(self, value: bytes | None) -> Any:
        """Decode one record by itself, where records come one by one: a record of `streams.events`, or `Bad`."""
        header = b"" if value is None else self._writers.header(value)
        try:
            plan = self._plan(header)
        except UnknownSchemaError as error:
            return Bad(
                0, "unknown_schema" if header else "not_avro", str(error) if value else "the record has no value"
            )
        try:
            body = io.BytesIO((value or b"")[len(header) :])
            record: Any = fastavro.schemaless_reader(body, plan.parsed, self._parsed)
            return RECORD_TYPES[self.topic](record[field.name] for field in self._arrow)
        except Exception as error:
            return Bad(0, "not_avro", f"does not decode by its writer schema: {error!r}")

    def _common_header(self, values: Sequence[bytes | None]) -> bytes | None:
        if not values or values[0] is None:
            return None
        header = self._writers.header(values[0])
        if header and all(value is not None and value.startswith(header) for value in values):
            return header
        return None

    def _plan(self, header: bytes) -> _Plan:
        plan = self._plans.get(header)
        if plan is None:
            plan = self._plans[header] = _Plan.make(self._writers.writer(header), self._reader)
        return plan

    def _fast(self, header: bytes, values: Sequence[Any]) -> pa.RecordBatch | None:
        """Decode a batch of one writer schema in one call; None when that cannot be done."""
        try:
            plan = self._plan(header)
        except UnknownSchemaError:
            return None
        if not plan.fast:
            return None
        size = len(header)
        try:
            batch = pyruhvro.deserialize_array([value[size:] for value in values], plan.writer_json)
            conformed = conform(batch, plan.writer, self._reader, self._arrow)
            conformed.validate(full=True)  # strings are not checked to be UTF-8 while decoding
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # a panic in Rust is no Exception; whatever it was, the reference codec tells the good
            return None
        return conformed

    def _by_header(self, values: Sequence[bytes | None]) -> Decoded:
        """Decode record by record with the reference codec."""
        records: list[dict[str, Any]] = []
        good: list[int] = []
        bad: list[Bad] = []
        for index, value in enumerate(values):
            header = b"" if value is None else self._writers.header(value)
            try:
                plan = self._plan(header)  # a registry that does not answer is no fault of the record: it is raised
            except UnknownSchemaError as error:
                detail = "the record has no value" if value is None else str(error)
                bad.append(Bad(index, "unknown_schema" if header else "not_avro", detail))
                continue
            try:
                records.append(self._reference(plan, (value or b"")[len(header) :]))
                good.append(index)
            except Exception as error:
                bad.append(Bad(index, "not_avro", f"does not decode by its writer schema: {error!r}"))
        return self._as_columns(records, good, bad)

    def _as_columns(self, records: list[dict[str, Any]], good: list[int], bad: list[Bad]) -> Decoded:
        """Put records into columns; one with a number too large for its field must not take the others with it."""
        try:
            return Decoded(pa.RecordBatch.from_pylist(records, self._arrow), good, bad)
        except pa.ArrowException:
            fitting: list[tuple[int, dict[str, Any]]] = []
            for index, record in zip(good, records, strict=True):
                try:
                    pa.RecordBatch.from_pylist([record], self._arrow)
                    fitting.append((index, record))
                except pa.ArrowException as error:
                    bad.append(Bad(index, "not_avro", f"does not fit its schema: {error}"))
        batch = pa.RecordBatch.from_pylist([record for _, record in fitting], self._arrow)
        return Decoded(batch, [index for index, _ in fitting], sorted(bad))

    def _reference(self, plan: _Plan, body: bytes) -> dict[str, Any]:
        """Decode one record with the reference codec, by the full rules of Avro schema resolution."""
        record: Any = fastavro.schemaless_reader(io.BytesIO(body), plan.parsed, self._parsed)
        return {
            field.name: list(record[field.name].items()) if pa.types.is_map(field.type) else record[field.name]
            for field in self._arrow
        }


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one writer schema is read."""

    writer: AvroSchema
    writer_json: str
    parsed: Any
    fast: bool

    @classmethod
    def make(cls, writer: AvroSchema, reader: AvroSchema) -> _Plan:
        return cls(writer, json.dumps(writer), fastavro.parse_schema(writer), resolvable(writer, reader))


def to_rows(topic: str, batch: pa.RecordBatch) -> list[Any]:
    """Turn decoded columns into records; maps become dicts."""
    columns = [_values(name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True)]
    made: Any = RECORD_TYPES[topic]  # the class's `_make`; without its frame in between it takes a third of the time
    return list(map(partial(tuple.__new__, made.__self__), zip(*columns, strict=True)))


_DISTINCT = {"message_id", "recipient", "provider_message_id"}
"""What is another in nearly every record."""
_NO_ATTRIBUTES: dict[str, str] = {}


def _values(name: str, column: pa.Array) -> list[Any]:
    """Return a column as Python values.

    Equal words are one object in all records: codes and names are looked up again and again, and an object that is
    shared is in the processor's cache, with its hash, where one of each record's own would have to be fetched.
    """
    if column.null_count == len(column):
        return [None] * len(column)
    if pa.types.is_map(column.type):
        return _maps(column)
    if name in _DISTINCT or not pa.types.is_string(column.type):
        values: list[Any] = column.to_pylist()
        return values
    coded = column.dictionary_encode()
    words = list(map(_shared, coded.dictionary.to_pylist()))
    if len(words) == 1 and not column.null_count:
        return words * len(column)
    return [None if place is None else words[place] for place in coded.indices.to_pylist()]


_words: dict[str, str] = {}
_MOST_WORDS = 20_000


def _shared(word: str) -> str:
    """Return the one object for a word, also over batches."""
    if len(_words) >= _MOST_WORDS:
        _words.clear()
    return _words.setdefault(word, word)


def _maps(column: pa.Array) -> list[dict[str, str]]:
    if len(column.items) == 0:
        return [_NO_ATTRIBUTES] * len(column)
    names = _values("", column.keys)
    values = _values("", column.items)
    ends = column.offsets.to_pylist()
    known: dict[tuple[Any, ...], dict[str, str]] = {(): _NO_ATTRIBUTES}
    found = []
    for a, b in itertools.pairwise(ends):
        key = (*names[a:b], *values[a:b])
        attributes = known.get(key)
        if attributes is None:
            attributes = known[key] = dict(zip(names[a:b], values[a:b], strict=True))
        found.append(attributes)
    return found


class Encoder:
    """Encodes records of one topic, one at a time, with the reference codec.

    What goes out in bulk (``sms.message-status``) has an encoder of its own in `streams.codec.status`.
    """

    def __init__(self, topic: str, registry: Registry | None = None) -> None:
        """Write Confluent framing where there is a registry, else single-object encoding."""
        self.topic = topic
        schema = reader_schema(topic)
        self._names = [field["name"] for field in schema["fields"]]
        self._parsed = parsed_schema(topic)
        self.header = value_header(topic, registry)

    def encode(self, record: Any) -> bytes:
        """Encode a record of `streams.events` (or a mapping with the schema's field names)."""
        mapping = record if isinstance(record, dict) else dict(zip(self._names, record, strict=True))
        body = io.BytesIO(self.header)
        body.seek(0, io.SEEK_END)
        fastavro.schemaless_writer(body, self._parsed, mapping)
        return body.getvalue()


def value_header(topic: str, registry: Registry | None) -> bytes:
    """Return the framing bytes with which values of a topic are written."""
    schema = reader_schema(topic)
    if registry is None:
        return single_object_header(schema)
    return CONFLUENT + registry.register(topic, schema).to_bytes(4, "big")
