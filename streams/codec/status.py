"""``sms.message-status`` in bulk: verdicts to Avro bytes, most of them put together from remembered pieces.

The fields of the schema stand in an order that makes this cheap: what never changes for a message (``head``),
what belongs to the submit (``tail``), what has few combinations (remembered by value), and at the end what is new
in every revision. A contract test holds every byte against the reference codec.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import fastavro

from streams.codec.avro import value_header
from streams.codec.schemas import Registry, reader_schema
from streams.correlator.message import Message
from streams.correlator.verdict import Verdict
from streams.events import MESSAGE_STATUS, Submit

_HEAD: Final = ("account", "message_id", "campaign", "created_at_ms")
_ROUTE: Final = ("attempt", "provider", "sender")
_KIND: Final = ("country", "traffic_type", "encoding", "parts")
_PRICE: Final = ("price_micros", "currency")
_TAIL: Final = (*_ROUTE, "recipient", *_KIND, "submitted_at_ms", *_PRICE, "attributes")
_FEW: Final = (
    *("status", "derived", "settled", "late", "conflict", "duplicate_delivery", "unknown_code"),
    *("reason", "reason_class", "recipient_action", "billable_parts"),
)
_CODES: Final = ("response_code", "report_code", "report_err")
_NEW: Final = ("version", *_CODES, "provider_message_id", "responded_at_ms", "done_at_ms", "received_at_ms")

_MEMORY: Final = 20_000
_VERSIONS: Final = 4096
_TIME_BYTES: Final = 6
"""Of a time in milliseconds, from 1970-07 to 2039-09."""
LOW: Final = [bytes((n & 127 | 128, n >> 7 | 128)) for n in range(1 << 14)]
"""Two bytes of a varint that goes on, by the 14 bits they carry."""
HIGH: Final = [b""] * 128 + [bytes((n & 127 | 128, n >> 7)) for n in range(128, 1 << 14)]
"""The last two bytes of a varint."""


def encode_long(value: int) -> bytes:
    """Encode an Avro long (zigzag varint; Avro 1.12 specification, "Binary Encoding")."""
    if 17179869184 <= value < 2199023255552:  # exactly six bytes, as times are
        zigzag = value << 1
        return LOW[zigzag & 16383] + LOW[(zigzag >> 14) & 16383] + HIGH[zigzag >> 28]
    zigzag = (value << 1) ^ (value >> 63)
    out = bytearray()
    while zigzag > 127:
        out.append(zigzag & 127 | 128)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


SHORT: Final = [bytes((n << 1,)) for n in range(64)]


def encode_string(value: str) -> bytes:
    """Encode an Avro string."""
    data = value.encode()
    size = len(data)
    return (SHORT[size] if size < 64 else encode_long(size)) + data


def encode_map(values: Mapping[str, str], word: Callable[[str], bytes] = encode_string) -> bytes:
    """Encode an Avro map of strings, as one block; `word` encodes its names and values."""
    if not values:
        return b"\0"
    pieces = [encode_long(len(values))]
    for name, value in values.items():
        pieces += (word(name), word(value))
    pieces.append(b"\0")
    return b"".join(pieces)


class _Piece:
    """Some fields of the schema that stand next to each other and have few combinations of values.

    The reference codec encodes each combination once.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        fields = {field["name"]: field for field in reader_schema(MESSAGE_STATUS)["fields"]}
        self._parsed = fastavro.parse_schema(
            {"type": "record", "name": "Piece", "fields": [fields[name] for name in names]}
        )
        self._names = names

        self.known: dict[tuple[Any, ...], bytes] = {}

    def encode(self, values: tuple[Any, ...]) -> bytes:
        """Encode the fields with these values."""
        known = self.known.get(values)
        if known is None:
            if len(self.known) >= _MEMORY:
                self.known.clear()
            body = io.BytesIO()
            fastavro.schemaless_writer(body, self._parsed, dict(zip(self._names, values, strict=True)))
            known = self.known[values] = body.getvalue()
        return known


class StatusEncoder:
    """Encodes revisions as ``sms.message-status`` values."""

    def __init__(self, registry: Registry | None = None) -> None:
        """Write Confluent framing where there is a registry, else single-object encoding."""
        names = [field["name"] for field in reader_schema(MESSAGE_STATUS)["fields"]]
        if names != [*_HEAD, *_TAIL, *_FEW, *_NEW]:
            raise AssertionError("the order of the fields of sms.message-status has changed: mend this module")
        self._header = value_header(MESSAGE_STATUS, registry)
        self._few = _Piece(_FEW)
        self._route = _Piece(_ROUTE)
        self._kind = _Piece(_KIND)
        self._price = _Piece(_PRICE)
        self._codes = _Piece(_CODES)
        self._upper: dict[int, bytes] = {}
        self._words: dict[str, bytes] = {}
        self._versions = [encode_long(version) for version in range(_VERSIONS)]

    def encode_all(self, revisions: Iterable[tuple[Message, Verdict]]) -> list[bytes]:
        """Encode a batch of revisions, in order."""
        few_known, codes_known, versions, join = self._few.known, self._codes.known, self._versions, b"".join
        low, upper, late, text = LOW, self._upper, self._time, encode_string
        values = []
        for message, verdict in revisions:
            submit, finding, version, answer, report = verdict[1], verdict[4], verdict[5], verdict[6], verdict[7]
            encoded = message.encoded
            if encoded is None or encoded[0] is not submit or encoded[1] != verdict[3] or verdict[0] != submit[2]:
                encoded = self._fixed(message, verdict)
            few = few_known.get(finding) or self._few.encode(finding)
            number = versions[version] if version < _VERSIONS else encode_long(version)
            if answer is None:
                response, told, responded = "", "", b"\0"
            else:
                at, response, told = answer[4], answer[6], answer[7]
                responded = b"\2" + (low[at << 1 & 16383] + upper[at >> 13] if at >> 13 in upper else late(at))
            if report is None:
                codes = (response, "", "")
                coded = codes_known.get(codes) or self._codes.encode(codes)
                said = text(told) if told else b"\0"
                values.append(join((encoded[2], few, number, coded, said, responded, b"\0\0")))
                continue
            at, done_at = report[4], report[5]
            codes, told = (response, report[8], report[9]), told or report[7]
            coded = codes_known.get(codes) or self._codes.encode(codes)
            said = text(told) if told else b"\0"
            received = low[at << 1 & 16383] + upper[at >> 13] if at >> 13 in upper else late(at)
            if done_at is None:
                values.append(join((encoded[2], few, number, coded, said, responded, b"\0\2", received)))
                continue
            at = done_at
            done = low[at << 1 & 16383] + upper[at >> 13] if at >> 13 in upper else late(at)
            values.append(join((encoded[2], few, number, coded, said, responded, b"\2", done, b"\2", received)))
        return values

    def _time(self, value: int) -> bytes:
        """Encode a time, and remember the bytes that it shares with all times within eight seconds."""
        encoded = encode_long(value)
        if len(encoded) == _TIME_BYTES:
            if len(self._upper) >= _MEMORY:
                self._upper.clear()
            self._upper[value >> 13] = encoded[2:]
        return encoded

    def encode(self, message: Message, verdict: Verdict) -> bytes:
        """Encode one revision."""
        return self.encode_all([(message, verdict)])[0]

    def _fixed(self, message: Message, verdict: Verdict) -> tuple[Submit | None, int, bytes]:
        """Encode what stays the same for the message and its submit, and leave it with the message."""
        attempt, submit, submitted_at, parts = verdict[0], verdict[1], verdict[2], verdict[3]
        word = self._word
        route = (attempt, submit.provider, submit.sender)
        kind = (submit.country, submit.traffic_type, submit.encoding, parts)
        price = (submit.price_micros, submit.currency)
        fixed = b"".join(
            (
                self._header,
                word(message.account),
                encode_string(message.message_id),
                word(message.campaign),
                self._time(message.created_at_ms),
                self._route.known.get(route) or self._route.encode(route),
                encode_string(submit.recipient),
                self._kind.known.get(kind) or self._kind.encode(kind),
                self._time(submitted_at),
                self._price.known.get(price) or self._price.encode(price),
                encode_map(submit.attributes, word),
            )
        )
        # A borrowed submit (of another attempt) is not remembered: the attempt it belongs to has other bytes.
        encoded = (submit if attempt == submit.attempt else None, parts, fixed)
        message.encoded = encoded
        return encoded

    def _word(self, value: str) -> bytes:
        """Encode a string that is likely to come again."""
        known = self._words.get(value)
        if known is None:
            if len(self._words) >= _MEMORY:
                self._words.clear()
            known = self._words[value] = encode_string(value)
        return known
