"""``sms.route-health`` to Avro bytes, put together from pieces: there are many of them, and most numbers are small.

A contract test holds every byte against the reference codec.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streams.codec.avro import value_header
from streams.codec.schemas import Registry, reader_schema
from streams.codec.status import encode_long, encode_string
from streams.events import ROUTE_HEALTH, RouteHealth

_FIELDS: Final = RouteHealth._fields
_FIRST_NUMBER: Final = _FIELDS.index("window_start_ms")
_FIRST_COUNT: Final = _FIELDS.index("submits")
_FIRST_MAP: Final = _FIELDS.index("refusal_reasons")
_RECIPIENTS: Final = _FIELDS.index("recipients")
_SMALL: Final = [encode_long(number) for number in range(1 << 12)]
_MEMORY: Final = 20_000
_NULL, _BYTES = b"\0", b"\2"


class HealthEncoder:
    """Encodes records of ``sms.route-health``."""

    def __init__(self, registry: Registry | None = None) -> None:
        """Write Confluent framing where there is a registry, else single-object encoding."""
        fields = {field["name"]: field for field in reader_schema(ROUTE_HEALTH)["fields"]}
        kinds = [fields[name]["type"] for name in _FIELDS]
        numbers, maps = kinds[_FIRST_NUMBER:_FIRST_MAP], kinds[_FIRST_MAP:_RECIPIENTS] + kinds[_RECIPIENTS + 1 :]
        as_known = all(kind in ("int", "long") for kind in numbers) and all(kind["values"] == "long" for kind in maps)
        if tuple(fields) != _FIELDS or not as_known or kinds[_RECIPIENTS] != ["null", "bytes"]:
            raise AssertionError("the fields of sms.route-health have changed: mend this module")
        self._types: list[str] = kinds[3]["symbols"]
        self._header = value_header(ROUTE_HEALTH, registry)
        self._heads: dict[tuple[str, ...], bytes] = {}
        self._names: dict[str, bytes] = {}
        self._when: tuple[int, ...] = ()
        self._when_encoded = b""

    def encode(self, record: RouteHealth) -> bytes:
        """Encode one record."""
        data = record.recipients
        when: tuple[int, ...] = record[_FIRST_NUMBER:_FIRST_COUNT]  # type: ignore[assignment]  # numbers all
        if when != self._when:  # the same in many records, one after the other
            self._when = when
            self._when_encoded = b"".join([_long(number) for number in when])
        pieces = [self._heads.get(record[:4]) or self._head(record), self._when_encoded]
        pieces += [_long(number) for number in record[_FIRST_COUNT:_FIRST_MAP]]  # type: ignore[arg-type]  # numbers all
        pieces += [self._map(one) for one in record[_FIRST_MAP:_RECIPIENTS]]  # type: ignore[arg-type]  # maps all
        pieces.append(_NULL if data is None else b"".join((_BYTES, _long(len(data)), data)))
        pieces += [_many(record.ranges), _many(record.campaign_sample)]
        return b"".join(pieces)

    def _head(self, record: RouteHealth) -> bytes:
        names = b"".join(map(encode_string, (record.account, record.provider, record.country)))
        head = self._header + names + encode_long(self._types.index(record.traffic_type))
        if len(self._heads) >= _MEMORY:
            self._heads.clear()
        self._heads[record[:4]] = head
        return head

    def _map(self, values: Mapping[str, int]) -> bytes:
        """Encode a map whose names come again and again."""
        if not values:
            return b"\0"
        pieces = [_long(len(values))]
        for name, number in values.items():
            pieces += (self._names.get(name) or self._name(name), _long(number))
        pieces.append(b"\0")
        return b"".join(pieces)

    def _name(self, name: str) -> bytes:
        if len(self._names) >= _MEMORY:
            self._names.clear()
        encoded = self._names[name] = encode_string(name)
        return encoded


def _many(values: Mapping[str, int]) -> bytes:
    """Encode a map of many different names."""
    if not values:
        return b"\0"
    pieces = [_long(len(values))]
    for name, number in values.items():
        pieces += (encode_string(name), _long(number))
    pieces.append(b"\0")
    return b"".join(pieces)


def _long(number: int) -> bytes:
    return _SMALL[number] if 0 <= number < 4096 else encode_long(number)
