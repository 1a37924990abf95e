"""``sms.route-health`` in bulk: totals to Avro bytes, put together from pieces.

There are many of them, and most numbers are small. A contract test holds every byte against the reference codec.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from streams.codec.avro import value_header
from streams.codec.schemas import Registry, reader_schema
from streams.codec.status import encode_long, encode_string
from streams.correlator.health import Told
from streams.correlator.measures import RECEIPT_LATENCY, RESPONSE_LATENCY
from streams.correlator.notes import Route
from streams.correlator.recipients import Details
from streams.correlator.totals import Totals
from streams.events import ROUTE_HEALTH, RouteHealth
from streams.health import sketch
from streams.health.buckets import NAMES
from streams.health.heartbeat import WINDOW_MS

_FIELDS: Final = RouteHealth._fields
_FIRST_NUMBER: Final = _FIELDS.index("window_start_ms")
_FIRST_MAP: Final = _FIELDS.index("refusal_reasons")
_RECIPIENTS: Final = _FIELDS.index("recipients")
_SMALL: Final = [encode_long(number) for number in range(1 << 12)]
_ONE_BYTE: Final = 64
"""Numbers below are one byte in Avro."""
_BUCKETS: Final = [encode_string(name) for name in NAMES]
_FEW: Final = 32
_ENTRIES: Final = [bucket + encode_long(number) for bucket in _BUCKETS for number in range(_FEW)]
"""Entries of a histogram: of each bucket with each small number."""
_GROUP: Final = 4
_DIGITS: Final = np.array([b"%04d" % number for number in range(10**_GROUP)]).view(np.uint32)
"""Of each group of four digits its four bytes."""
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
        encode_details([totals.details for totals in told.totals if not totals.details.encoded])
        for totals in told.totals:
            if totals.window != window:  # the same of many, one after the other
                window = totals.window
                key_of_window = f":{window * WINDOW_MS}:{told.source_partition}"
                start = _long(window * WINDOW_MS) + when
            key, head = self._routes.get(totals.route) or self._route(totals.route)
            found.append((key + key_of_window, self._value(totals, head + start)))
        return found

    def _value(self, totals: Totals, head: bytes) -> bytes:
        pieces = [head, *_ZEROS]
        responses: list[bytes] = []
        receipts: list[bytes] = []
        counts = totals.counts
        for place, measure in enumerate(totals.measures):
            count = counts[place]
            if measure < RESPONSE_LATENCY:
                pieces[1 + measure] = _long(count)
            elif measure < RECEIPT_LATENCY:
                responses.append(_entry(measure - RESPONSE_LATENCY, count))
            else:
                receipts.append(_entry(measure - RECEIPT_LATENCY, count))
        refusals, failures, sample = totals.named
        pieces.append(self._reasons(refusals))
        pieces.append(self._reasons(failures))
        pieces.append(_map(responses))
        pieces.append(_map(receipts))
        pieces.append(totals.details.encoded)
        pieces.append(_strings(sample))
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


def encode_details(details: Sequence[Details]) -> None:
    """Encode sketches and maps of ranges, all of them at once: there are many, and nearly all names differ."""
    for one, ranges in zip(details, _encode_ranges(details), strict=True):
        data = one.distinct
        one.encoded = (_BYTES + _long(len(data)) + data if data else _NULL) + ranges


def _encode_ranges(details: Sequence[Details]) -> list[bytes]:
    if not details:
        return []
    names = np.concatenate([one.ranges for one in details])
    counts = np.concatenate([one.submits for one in details])
    # A row for each: its digits up to the last column but one, before them how many they are, after them the count. Of
    # these numbers Avro makes one byte each; a map with larger ones is encoded by itself.
    lengths = sketch.lengths(names).astype(np.uint8)
    groups = -(-int(lengths.max(initial=0)) // _GROUP)
    digits = np.empty((len(names), groups), np.uint32)
    for column in range(groups - 1, -1, -1):
        rest = names // np.uint64(10**_GROUP)
        digits[:, column] = _DIGITS[names - rest * np.uint64(10**_GROUP)]
        names = rest
    longest = _GROUP * groups
    rows = np.empty((len(names), longest + 2), np.uint8)
    rows[:, 1:-1] = digits.view(np.uint8).reshape(len(names), longest)
    start = np.uint8(longest) - lengths
    rows[np.arange(len(rows)), start] = lengths << 1
    rows[:, -1] = counts << 1
    text = rows[np.arange(longest + 2, dtype=np.uint8) >= start[:, np.newaxis]].tobytes()
    sizes = [len(one.ranges) for one in details]
    ends = np.append(0, np.cumsum(lengths + 2, dtype=np.int64))[np.cumsum(sizes)].tolist()
    maps = [
        _long(size) + text[start:end] + _EMPTY if size else _EMPTY
        for size, start, end in zip(sizes, [0, *ends], ends, strict=False)
    ]
    if counts.max(initial=0) >= _ONE_BYTE:
        for place, one in enumerate(details):
            if one.submits.max(initial=0) >= _ONE_BYTE:
                maps[place] = _strings(one.fullest())
    return maps


def _strings(values: Mapping[str, int]) -> bytes:
    """Encode a map of names that do not come again."""
    return _map([encode_string(name) + _long(number) for name, number in values.items()])


def _map(entries: list[bytes]) -> bytes:
    """Encode a map whose entries are encoded already."""
    return _long(len(entries)) + b"".join(entries) + _EMPTY if entries else _EMPTY


def _entry(bucket: int, number: int) -> bytes:
    return _ENTRIES[bucket * _FEW + number] if 0 <= number < _FEW else _BUCKETS[bucket] + _long(number)


def _long(number: int) -> bytes:
    return _SMALL[number] if 0 <= number < 4096 else encode_long(number)
