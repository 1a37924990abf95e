"""Avro schemas as Arrow: which writer schemas the fast path reads, and how their columns become ours."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from streams.codec.schemas import AvroSchema

_PRIMITIVES = {
    "string": pa.string(),
    "int": pa.int32(),
    "long": pa.int64(),
    "boolean": pa.bool_(),
    "double": pa.float64(),
    "bytes": pa.binary(),
}
_WIDENS = {("int", "long")}


def arrow_schema(schema: AvroSchema) -> pa.Schema:
    """Return the Arrow schema of a record schema: same names, same order."""
    return pa.schema([_arrow_field(field) for field in schema["fields"]])


def _arrow_field(field: dict[str, Any]) -> pa.Field:
    inner, nullable = _unwrap(field["type"])
    return pa.field(field["name"], _arrow_type(inner), nullable)


def _arrow_type(kind: Any) -> pa.DataType:
    if isinstance(kind, str):
        return _PRIMITIVES[kind]
    if kind["type"] == "enum":
        return pa.string()
    if kind["type"] == "map":
        return pa.map_(pa.string(), _arrow_type(kind["values"]))
    raise ValueError(f"Avro type {kind!r} is not used in these schemas")


def _unwrap(kind: Any) -> tuple[Any, bool]:
    """Split ``["null", T]`` into T and whether it is nullable."""
    if isinstance(kind, list):
        others = [inner for inner in kind if inner != "null"]
        if len(others) != 1:
            return kind, True
        return others[0], True
    return kind, False


def resolvable(writer: AvroSchema, reader: AvroSchema) -> bool:
    """Tell whether columns written with `writer` can be read as `reader` column by column.

    Anything that needs the full rules of Avro schema resolution (aliases, other unions, new enum symbols,
    a missing field without default) is left to the reference codec.
    """
    written = {field["name"]: field for field in writer["fields"]}
    return _plain(writer) and all(_field_resolvable(written.get(f["name"]), f) for f in reader["fields"])


def _plain(writer: AvroSchema) -> bool:
    """Tell whether every column of the writer has a type that the fast decoder is known to take."""
    try:
        kinds = {field.type for field in arrow_schema(writer)}
    except (ValueError, KeyError, TypeError):
        return False
    return pa.binary() not in kinds  # pyruhvro 0.4 has no bytes


def _field_resolvable(written: dict[str, Any] | None, field: dict[str, Any]) -> bool:
    if written is None:
        return "default" in field and "aliases" not in field
    w_kind, w_nullable = _unwrap(written["type"])
    r_kind, r_nullable = _unwrap(field["type"])
    if w_nullable and not r_nullable:
        return False
    if isinstance(w_kind, str) or isinstance(r_kind, str):
        return w_kind == r_kind or (w_kind, r_kind) in _WIDENS
    if w_kind["type"] != r_kind["type"]:
        return False
    if w_kind["type"] == "enum":
        return set(w_kind["symbols"]) <= set(r_kind["symbols"])
    return bool(w_kind["values"] == r_kind["values"])


def conform(batch: pa.RecordBatch, writer: AvroSchema, reader: AvroSchema, target: pa.Schema) -> pa.RecordBatch:
    """Give a decoded batch exactly the reader's columns: in order, defaults filled in, others left out."""
    if writer["fields"] == reader["fields"]:
        return pa.RecordBatch.from_arrays(batch.columns, schema=_as_read(batch.schema, target))
    columns = []
    names = set(batch.schema.names)
    for field, avro in zip(target, reader["fields"], strict=True):
        if field.name in names:
            columns.append(pc.cast(batch.column(field.name), field.type))
        else:
            columns.append(_constant(avro.get("default"), field.type, batch.num_rows))
    return pa.RecordBatch.from_arrays(columns, schema=target)


def _as_read(decoded: pa.Schema, target: pa.Schema) -> pa.Schema:
    """Keep the decoder's types (a map's inner field names differ by library) under our names and order."""
    return decoded if decoded.names == target.names else target


def _constant(default: Any, kind: pa.DataType, length: int) -> pa.Array:
    if pa.types.is_map(kind):
        return pa.array([[]] * length, kind)
    return pa.repeat(pa.scalar(default, kind), length)
