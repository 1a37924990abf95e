"""Loader of the golden examples in schemas/examples: what the bytes on each topic look like, exactly."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from streams.codec.schemas import AvroSchema, UnknownSchemaError, reader_schema
from streams.schemafiles import schemas_dir

SCHEMAS = schemas_dir()
EXAMPLES = SCHEMAS / "examples"


class Example(NamedTuple):
    """``record`` has all fields; ``body`` is its Avro binary encoding, ``value`` the same in single-object encoding."""

    name: str
    topic: str
    given: dict[str, Any]
    record: dict[str, Any]
    body: bytes
    value: bytes


class Evolved(NamedTuple):
    """A record of another version of a schema: written with ``writer``, read as ``record`` today."""

    name: str
    topic: str
    writer: AvroSchema
    written: dict[str, Any]
    record: dict[str, Any]
    body: bytes
    value: bytes


def topics() -> list[str]:
    return sorted(path.stem for path in SCHEMAS.glob("*.avsc"))


def examples() -> list[Example]:
    """All examples of all topics; the bytes fields as bytes."""
    return [_example(path) for topic in topics() for path in sorted((EXAMPLES / topic).glob("*.json"))]


def _example(path: Path) -> Example:
    data, topic = json.loads(path.read_text()), path.parent.name
    record, given = (_bytes(topic, data[name]) for name in ("record", "given"))
    body, value = (bytes.fromhex(data[name]) for name in ("body_hex", "single_object_hex"))
    return Example(f"{topic}/{path.stem}", topic, given, record, body, value)


def evolved() -> list[Evolved]:
    """All records of older and newer writers."""
    found = []
    for path in sorted((EXAMPLES / "evolution").glob("*.json")):
        data = json.loads(path.read_text())
        body, value = (bytes.fromhex(data[name]) for name in ("body_hex", "single_object_hex"))
        found.append(Evolved(path.stem, data["topic"], data["writer"], data["written"], data["record"], body, value))
    return found


def _bytes(topic: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Undo Avro's JSON encoding of bytes: one character U+0000 to U+00FF for each byte."""
    fields = {field["name"]: field["type"] for field in reader_schema(topic)["fields"]}
    return {
        name: value.encode("latin-1") if isinstance(value, str) and "bytes" in fields[name] else value
        for name, value in record.items()
    }


class FakeRegistry:
    """A schema registry in memory, behind the interface that the codecs need."""

    def __init__(self, schemas: Sequence[AvroSchema] = ()) -> None:
        self.schemas = dict(enumerate(schemas, 1))
        self.subjects: list[str] = []
        self.lookups = 0

    def schema(self, schema_id: int) -> AvroSchema:
        self.lookups += 1
        if schema_id not in self.schemas:
            raise UnknownSchemaError(f"the schema registry has no schema {schema_id}")
        return self.schemas[schema_id]

    def register(self, topic: str, schema: AvroSchema) -> int:
        self.subjects.append(f"{topic}-value")
        for schema_id, known in self.schemas.items():
            if known == schema:
                return schema_id
        self.schemas[len(self.schemas) + 1] = schema
        return len(self.schemas)


def confluent(schema_id: int, body: bytes) -> bytes:
    """Confluent wire format: a zero byte, the schema's id (4 bytes, big endian), the body."""
    return b"\0" + schema_id.to_bytes(4, "big") + body
