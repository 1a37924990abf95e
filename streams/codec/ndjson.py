"""Events as lines of JSON: ``{"topic": "sms.submit", "message_id": "m1", ...}``, one object a line.

Field names are those of the Avro schemas. Times are integers (epoch milliseconds UTC) or ISO 8601 with a zone, under
their name with or without ``_ms``. What is missing takes the schema's default; fields that no schema has are left out
and counted. A number where a text is expected (``"code": 0``) is taken as its text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec

from streams.codec.checks import wrong
from streams.codec.schemas import reader_schema
from streams.events import (
    DELIVERY_REPORT,
    PROVIDER_RECEIPT,
    SUBMIT,
    SUBMIT_RESPONSE,
    DeliveryReport,
    Event,
    ProviderReceipt,
    Submit,
    SubmitResponse,
)

_MAKE: dict[str, Callable[..., Any]] = {
    SUBMIT: Submit,
    SUBMIT_RESPONSE: SubmitResponse,
    DELIVERY_REPORT: DeliveryReport,
    PROVIDER_RECEIPT: ProviderReceipt,
}
TOPICS = tuple(_MAKE)

_RANGES = {"int": (-(1 << 31), (1 << 31) - 1), "long": (-(1 << 63), (1 << 63) - 1)}


class BadLineError(ValueError):
    """A line that is no event: a countable word and a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        """Take the word for `streams.events.DeadLetter.reason` and the sentence for its ``detail``."""
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Parsed(NamedTuple):
    """An event (or a report that knows only the provider's id), and the names of fields nobody knows."""

    topic: str
    event: Event | ProviderReceipt
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    kind: str
    nullable: bool
    default: Any
    required: bool
    symbols: tuple[str, ...]


def parse_line(line: bytes) -> Parsed:
    """Read one line; raise `BadLineError` where it is no event."""
    try:
        data = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadLineError("bad_line", f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise BadLineError("bad_line", "not a JSON object")
    return parse_object(data)


def parse_object(data: Mapping[str, Any]) -> Parsed:
    """Read an event from an object with the field ``topic``."""
    topic = data.get("topic")
    if topic not in TOPICS:
        raise BadLineError("bad_line", f"topic is {topic!r}, must be one of {', '.join(TOPICS)}")
    values, ignored = _values(topic, data)
    event = _MAKE[topic](**values)
    found = wrong(event)
    if found is not None:
        raise BadLineError(*found)
    return Parsed(topic, event, ignored)


def _values(topic: str, data: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    fields = _fields(topic)
    values: dict[str, Any] = {}
    known = {"topic"}
    for field in fields:
        name = field.name
        if name not in data and name.endswith("_ms") and name.removesuffix("_ms") in data:
            name = name.removesuffix("_ms")
        known.add(name)
        given = data.get(name)
        if given is None:
            if field.required:
                raise BadLineError("bad_field", f"{field.name} is missing")
            values[field.name] = field.default
        else:
            values[field.name] = _value(field, given)
    return values, tuple(name for name in data if name not in known)


@cache
def _fields(topic: str) -> tuple[_Field, ...]:
    return tuple(_field(field) for field in reader_schema(topic)["fields"])


def _field(field: dict[str, Any]) -> _Field:
    kind = field["type"]
    nullable = isinstance(kind, list)
    if nullable:
        kind = next(inner for inner in kind if inner != "null")
    symbols = tuple(kind.get("symbols", ())) if isinstance(kind, dict) else ()
    name = kind["type"] if isinstance(kind, dict) else kind
    return _Field(field["name"], name, nullable, field.get("default"), "default" not in field, symbols)


def _value(field: _Field, given: Any) -> Any:
    if field.kind in _RANGES:
        return _integer(field, given)
    if field.kind == "string":
        if isinstance(given, str):
            return given
        if isinstance(given, int) and not isinstance(given, bool):
            return str(given)
        raise _bad(field, given, "a text")
    if field.kind == "enum":
        return _symbol(field, given)
    if isinstance(given, dict):
        return {str(name): value if isinstance(value, str) else _json(value) for name, value in given.items()}
    raise _bad(field, given, "an object")


def _json(value: Any) -> str:
    """Return a value of the sender's own columns as text; there is no wrong one."""
    return msgspec.json.encode(value).decode()


def _symbol(field: _Field, given: Any) -> str:
    if given in field.symbols:
        return str(given)
    if field.name == "traffic_type" and isinstance(given, str):
        return "unknown"
    raise _bad(field, given, "one of " + ", ".join(field.symbols))


def _integer(field: _Field, given: Any) -> int:
    if isinstance(given, str) and field.name.endswith("_at_ms"):
        return _time(field, given)
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    low, high = _RANGES[field.kind]
    if isinstance(given, int) and not isinstance(given, bool) and low <= given <= high:
        return given
    raise _bad(field, given, "a whole number")


def _time(field: _Field, given: str) -> int:
    try:
        when = datetime.fromisoformat(given)
    except ValueError as error:
        raise _bad(field, given, "epoch milliseconds or ISO 8601 with a zone") from error
    if when.tzinfo is None:
        raise _bad(field, given, "with a zone (2026-03-02T10:00:00Z)")
    return round(when.timestamp() * 1_000)


def _bad(field: _Field, given: Any, expected: str) -> BadLineError:
    shown = repr(given)
    return BadLineError("bad_field", f"{field.name} is {shown[:80]}, must be {expected}")
