"""The Avro schemas, and which writer schema the first bytes of a record name.

Two framings are understood, told apart by the first bytes:

- Confluent: ``0x00`` + 4-byte big-endian schema id of a schema registry.
- Avro single-object encoding (Avro 1.12 specification, "Single-object encoding"): ``C3 01`` + 8-byte
  little-endian CRC-64-AVRO fingerprint of the writer schema's parsing canonical form.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

from streams.schemafiles import schemas_dir

AvroSchema = dict[str, Any]

SINGLE_OBJECT = b"\xc3\x01"
CONFLUENT = b"\x00"
SINGLE_OBJECT_HEADER = 10
CONFLUENT_HEADER = 5


class UnknownSchemaError(LookupError):
    """The writer schema that a record names cannot be found."""


class Registry(Protocol):
    """What is needed of a schema registry."""

    def schema(self, schema_id: int) -> AvroSchema:
        """Return the schema with this id; raise `UnknownSchemaError` where there is none."""

    def register(self, topic: str, schema: AvroSchema) -> int:
        """Register the value schema of a topic and return its id."""


def load_schema(path: Path) -> AvroSchema:
    """Read one ``.avsc`` file."""
    schema: AvroSchema = json.loads(path.read_text(encoding="utf-8"))
    return schema


@cache
def reader_schema(topic: str) -> AvroSchema:
    """Return the schema this version reads and writes for a topic."""
    path = schemas_dir() / f"{topic}.avsc"
    if not path.is_file():
        raise UnknownSchemaError(f"no schema for topic {topic}: {path} does not exist")
    return load_schema(path)


@cache
def parsed_schema(topic: str) -> Any:
    """Return `reader_schema` in fastavro's parsed form."""
    return fastavro.parse_schema(reader_schema(topic))


def single_object_header(schema: AvroSchema) -> bytes:
    """Return the ten bytes that precede a single-object body written with this schema."""
    return SINGLE_OBJECT + bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))


@cache
def known_headers() -> dict[bytes, AvroSchema]:
    """Map the single-object header of every schema file, older versions included, to its schema.

    Older and newer writers are known by the files in ``schemas/versions/``.
    """
    folder = schemas_dir()
    paths = [*sorted(folder.glob("*.avsc")), *sorted(folder.glob("versions/**/*.avsc"))]
    schemas = [load_schema(path) for path in paths]
    return {single_object_header(schema): schema for schema in schemas}


class WriterSchemas:
    """Finds the writer schema of a record by its first bytes, and remembers it."""

    def __init__(self, registry: Registry | None = None) -> None:
        """Use `registry` for Confluent framing; without one such records are unreadable."""
        self._registry = registry
        self._known: dict[bytes, AvroSchema] = dict(known_headers())

    def header(self, value: bytes) -> bytes:
        """Return the framing bytes of a record, which name its writer schema."""
        if value[:2] == SINGLE_OBJECT:
            return value[:SINGLE_OBJECT_HEADER]
        if value[:1] == CONFLUENT:
            return value[:CONFLUENT_HEADER]
        return b""

    def writer(self, header: bytes) -> AvroSchema:
        """Return the schema a framing names; raise `UnknownSchemaError` with what to do."""
        schema = self._known.get(header)
        if schema is None:
            schema = self._known[header] = self._find(header)
        return schema

    def _find(self, header: bytes) -> AvroSchema:
        if not header:
            raise UnknownSchemaError("neither Confluent framing (00) nor single-object encoding (C3 01)")
        if header[:1] != CONFLUENT:
            raise UnknownSchemaError(
                f"no schema file has the fingerprint {header[2:].hex()}: put the writer's .avsc into schemas/versions/"
            )
        if self._registry is None:
            raise UnknownSchemaError(
                "the record names a schema registry's schema, but none is configured (schema_registry.url)"
            )
        return self._registry.schema(int.from_bytes(header[1:], "big"))
