"""What `replay` reads: NDJSON and Avro container files, as events with their place in the file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import fastavro

from streams.codec.ndjson import BadLineError, Parsed, parse_line, parse_object
from streams.events import DELIVERY_REPORT, PROVIDER_RECEIPT, SUBMIT, SUBMIT_RESPONSE

_AVRO_MAGIC = b"Obj\x01"
_TOPIC_OF_RECORD = {
    "Submit": SUBMIT,
    "SubmitResponse": SUBMIT_RESPONSE,
    "DeliveryReport": DELIVERY_REPORT,
    "ProviderReceipt": PROVIDER_RECEIPT,
}
_LONGEST_LINE = 4 << 20
_CHUNK = 1 << 20


class Read(NamedTuple):
    """One line or record: its number (from 1), the byte after it, and the event or what is wrong with it."""

    number: int
    end: int
    parsed: Parsed | BadLineError
    raw: bytes


def digest(path: Path, size: int | None = None) -> str:
    """Return the SHA-256 of a file, or of its first `size` bytes."""
    hasher = hashlib.sha256()
    left = path.stat().st_size if size is None else size
    with path.open("rb") as file:
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            hasher.update(chunk)
            left -= len(chunk)
    return hasher.hexdigest()


def read_file(path: Path, skip_bytes: int = 0, skip_lines: int = 0) -> Iterator[Read]:
    """Yield what is in a file, in order; of an NDJSON file optionally only what comes after a known beginning."""
    with path.open("rb") as file:
        magic = file.read(len(_AVRO_MAGIC))
        file.seek(0)
        if magic == _AVRO_MAGIC:
            yield from _records(file)
        else:
            file.seek(skip_bytes)
            yield from _lines(file, skip_bytes, skip_lines)


def _lines(file: IO[bytes], end: int, number: int) -> Iterator[Read]:
    while line := file.readline(_LONGEST_LINE):
        number += 1
        end += len(line)
        if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
            while (rest := file.readline(_LONGEST_LINE)) and not rest.endswith(b"\n"):
                end += len(rest)
            end += len(rest)
            yield Read(number, end, BadLineError("too_large", f"longer than {_LONGEST_LINE} bytes"), line[:1000])
            continue
        text = line.strip()
        if number == 1:
            text = text.removeprefix(b"\xef\xbb\xbf")
        if text:
            yield Read(number, end, _parse(text), text)


def _parse(text: bytes) -> Parsed | BadLineError:
    try:
        return parse_line(text)
    except BadLineError as error:
        return error


def _records(file: IO[bytes]) -> Iterator[Read]:
    number = 0
    try:
        reader = fastavro.reader(file)
        schema: Any = reader.writer_schema
        topic = _TOPIC_OF_RECORD.get(str(schema["name"]).rpartition(".")[2])
        for number, record in enumerate(reader, start=1):
            yield Read(number, file.tell(), _record(topic, record), repr(record).encode()[:10_000])
    except Exception as error:  # whatever a damaged file makes the Avro library raise
        detail = f"the Avro file is damaged after record {number}: {error!r}"
        yield Read(number + 1, file.tell(), BadLineError("not_avro", detail), b"")


def _record(topic: str | None, record: Any) -> Parsed | BadLineError:
    if topic is None:
        names = ", ".join(_TOPIC_OF_RECORD)
        return BadLineError("unknown_schema", f"the file's record is not one of {names}")
    try:
        return parse_object({"topic": topic, **record})
    except BadLineError as error:
        return error
