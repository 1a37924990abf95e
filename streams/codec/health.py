"""``sms.route-health`` in bulk: totals to Avro bytes, put together from pieces.

There are many of them, and most numbers are small. A contract test holds every byte against the reference codec.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streams.codec.avro import value_header
from streams.codec.schemas import Registry, reader_schema
from streams.codec.status import encode_long, encode_string
from streams.correlator.health import Told
from streams.correlator.totals import RECEIPT_LATENCY, RESPONSE_LATENCY, Route, Totals
from streams.events import ROUTE_HEALTH, RouteHealth
from streams.health.buckets import NAMES
from streams.health.heartbeat import WINDOW_MS

_FIELDS: Final = RouteHealth._fields
_FIRST_NUMBER: Final = _FIELDS.index("window_start_ms")
_FIRST_MAP: Final = _FIELDS.index("refusal_reasons")
_RECIPIENTS: Final = _FIELDS.index("recipients")
_SMALL: Final = [encode_long(number) for number in range(1 << 12)]
_CHARACTERS: Final = [chr(number << 1) for number in range(64)]
"""Numbers of which Avro makes one byte: a character of ASCII too."""
_BUCKETS: Final = [encode_string(name) for name in NAMES]
_FEW: Final = 32
_ENTRIES: Final = [bucket + encode_long(number) for bucket in _BUCKETS for number in range(_FEW)]
"""Entries of a histogram: of each bucket with each small number."""
_ZEROS: Final = [b"\0"] * RESPONSE_LATENCY
_MEMORY: Final = 20_000
_NULL: Final = b"\0"
_BYTES: Final = b"\2"
_EMPTY: Final = b"\0"
"""A map without entries, and the end of one with some."""


class HealthEncoder:
    """Encodes records of ``sms.route-health``, and remembers the routes and reasons it has seen."""

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
        self._routes: dict[Route, tuple[str, bytes]] = {}
        self._words: dict[str, bytes] = {}

    def encode_all(self, told: Told) -> list[tuple[str, bytes]]:
        """Return the keys (as ``topics.yaml`` has them) and values of what is told; not of its heartbeat."""
        when = _long(WINDOW_MS) + _long(told.source_partition) + _long(told.stream_time_ms)
        window, key_of_window, start = -1, "", b""
        found: list[tuple[str, bytes]] = []
        for totals in told.totals:
            if totals.window != window:  # the same of many, one after the other
                window = totals.window
                key_of_window = f":{window * WINDOW_MS}:{told.source_partition}"
                start = _long(window * WINDOW_MS) + when
            key, head = self._routes.get(totals.route) or self._route(totals.route)
            found.append((key + key_of_window, self._value(totals, head + start)))
        return found

    def _value(self, totals: Totals, head: bytes) -> bytes:
        counts, details = totals.counts, totals.details
        assert details is not None
        pieces = [head, *_ZEROS]
        responses: list[bytes] = []
        receipts: list[bytes] = []
        for measure in sorted(totals.used):
            count = counts[measure]
            if measure < RESPONSE_LATENCY:
                pieces[1 + measure] = _long(count)
            elif measure < RECEIPT_LATENCY:
                responses.append(_entry(measure - RESPONSE_LATENCY, count))
            else:
                receipts.append(_entry(measure - RECEIPT_LATENCY, count))
        pieces.append(self._reasons(totals.refusals))
        pieces.append(self._reasons(totals.failures))
        pieces.append(_map(responses))
        pieces.append(_map(receipts))
        data = details.distinct
        pieces.append(_BYTES + _long(len(data)) + data if data else _NULL)
        pieces.append(_many(details.ranges))
        pieces.append(_many(totals.sample))
        return b"".join(pieces)

    def _route(self, route: Route) -> tuple[str, bytes]:
        names = b"".join(map(encode_string, route[:3]))
        head = self._header + names + encode_long(self._types.index(route[3]))
        if len(self._routes) >= _MEMORY:
            self._routes.clear()
        known = self._routes[route] = (":".join(route), head)
        return known

    def _reasons(self, values: Mapping[str, int]) -> bytes:
        """Encode a map whose names come again and again."""
        if not values:
            return _EMPTY
        return _map([(self._words.get(name) or self._word(name)) + _long(count) for name, count in values.items()])

    def _word(self, name: str) -> bytes:
        if len(self._words) >= _MEMORY:
            self._words.clear()
        encoded = self._words[name] = encode_string(name)
        return encoded


def _many(values: Mapping[str, int]) -> bytes:
    """Encode a map of many different names: nearly always short ones of ASCII, with little numbers."""
    if not values:
        return _EMPTY
    texts: list[str] = []
    for name, number in values.items():
        if len(name) >= 64 or not 0 <= number < 64:
            break
        texts.append(_CHARACTERS[len(name)])
        texts.append(name)
        texts.append(_CHARACTERS[number])
    else:
        text = "".join(texts)
        if text.isascii():
            return _long(len(values)) + text.encode() + _EMPTY
    return _map([encode_string(name) + _long(number) for name, number in values.items()])


def _map(entries: list[bytes]) -> bytes:
    """Encode a map whose entries are encoded already."""
    return _long(len(entries)) + b"".join(entries) + _EMPTY if entries else _EMPTY


def _entry(bucket: int, number: int) -> bytes:
    return _ENTRIES[bucket * _FEW + number] if 0 <= number < _FEW else _BUCKETS[bucket] + _long(number)


def _long(number: int) -> bytes:
    return _SMALL[number] if 0 <= number < 4096 else encode_long(number)
