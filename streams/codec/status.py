"""``sms.message-status`` in bulk: verdicts to Avro bytes, most of them put together from remembered pieces.

The fields of the schema stand in an order that makes this cheap: what never changes for a message (``head``),
what belongs to the submit (``tail``), what has few combinations (remembered by value), and at the end what is new
in every revision. A contract test holds every byte against the reference codec.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

import fastavro

from streams.codec.avro import value_header
from streams.codec.schemas import Registry, reader_schema
from streams.correlator.message import Message
from streams.correlator.verdict import Verdict
from streams.events import MESSAGE_STATUS

_HEAD = ("account", "message_id", "campaign", "created_at_ms")
_ROUTE = ("attempt", "provider", "sender")
_KIND = ("country", "traffic_type", "encoding", "parts")
_PRICE = ("price_micros", "currency")
_TAIL = (*_ROUTE, "recipient", *_KIND, "submitted_at_ms", *_PRICE, "attributes")
_FEW = (
    *("status", "derived", "settled", "late", "conflict", "duplicate_delivery", "unknown_code"),
    *("reason", "reason_class", "recipient_action", "billable_parts"),
)
_CODES = ("response_code", "report_code", "report_err")
_NEW = ("version", *_CODES, "provider_message_id", "responded_at_ms", "done_at_ms", "received_at_ms")

_MEMORY = 20_000
_VERSIONS = 4096
LOW = [bytes((n & 127 | 128, n >> 7 | 128)) for n in range(1 << 14)]
"""Two bytes of a varint that goes on, by the 14 bits they carry."""
HIGH = [b""] * 128 + [bytes((n & 127 | 128, n >> 7)) for n in range(128, 1 << 14)]
"""The last two bytes of a varint."""


def encode_long(value: int) -> bytes:
    """Encode an Avro long (zigzag varint; Avro 1.12 specification, "Binary Encoding")."""
    if 17179869184 <= value < 2199023255552:  # 1970-07 to 2039-09 in milliseconds: exactly six bytes
        zigzag = value << 1
        return LOW[zigzag & 16383] + LOW[(zigzag >> 14) & 16383] + HIGH[zigzag >> 28]
    zigzag = (value << 1) ^ (value >> 63)
    out = bytearray()
    while zigzag > 127:
        out.append(zigzag & 127 | 128)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


SHORT = [bytes((n << 1,)) for n in range(64)]


def encode_string(value: str) -> bytes:
    """Encode an Avro string."""
    data = value.encode()
    size = len(data)
    return (SHORT[size] if size < 64 else encode_long(size)) + data


def encode_map(values: Mapping[str, str]) -> bytes:
    """Encode an Avro map of strings, as one block."""
    if not values:
        return b"\0"
    pieces = [encode_long(len(values))]
    for name, value in values.items():
        pieces += (encode_string(name), encode_string(value))
    return b"".join((*pieces, b"\0"))


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
        self._versions = [encode_long(version) for version in range(_VERSIONS)]

    def encode_all(self, revisions: Iterable[tuple[Message, Verdict]]) -> list[bytes]:
        """Encode a batch of revisions, in order."""
        few_known, codes_known, versions, join = self._few.known, self._codes.known, self._versions, b"".join
        values = []
        for message, verdict in revisions:  # by position: this loop is hot, and a name costs twice as much
            submit, version, answer, report = verdict[1], verdict[15], verdict[16], verdict[17]
            if message.tail_of is not submit or message.tail_parts != verdict[3] or verdict[0] != submit.attempt:
                self._fixed(message, verdict)
            few = few_known.get(verdict[4:15]) or self._few.encode(verdict[4:15])
            number = versions[version] if version < _VERSIONS else encode_long(version)
            if answer is None:
                response, provider_id, responded = "", "", b"\0"
            else:
                response, provider_id = answer.code, answer.provider_message_id
                responded = b"\2" + encode_long(answer.responded_at_ms)
            if report is None:
                codes, reported = (response, "", ""), b"\0\0"
            else:
                codes, done_at = (response, report.code, report.err), report.done_at_ms
                provider_id = provider_id or report.provider_message_id
                done = b"\0\2" if done_at is None else b"\2" + encode_long(done_at) + b"\2"
                reported = done + encode_long(report.received_at_ms)
            coded = codes_known.get(codes) or self._codes.encode(codes)
            told = encode_string(provider_id) if provider_id else b"\0"
            values.append(join((message.head, message.tail, few, number, coded, told, responded, reported)))
        return values

    def encode(self, message: Message, verdict: Verdict) -> bytes:
        """Encode one revision."""
        return self.encode_all([(message, verdict)])[0]

    def _fixed(self, message: Message, verdict: Verdict) -> None:
        """Encode what stays the same for the message and for the submit, and leave it with the message."""
        if not message.head:
            message.head = b"".join(
                (
                    self._header,
                    encode_string(message.account),
                    encode_string(message.message_id),
                    encode_string(message.campaign),
                    encode_long(message.created_at_ms),
                )
            )
        submit = verdict.submit
        route = (verdict.attempt, submit.provider, submit.sender)
        kind = (submit.country, submit.traffic_type, submit.encoding, verdict.parts)
        message.tail = b"".join(
            (
                self._route.known.get(route) or self._route.encode(route),
                encode_string(submit.recipient),
                self._kind.known.get(kind) or self._kind.encode(kind),
                encode_long(verdict.submitted_at_ms),
                self._price.encode((submit.price_micros, submit.currency)),
                encode_map(submit.attributes),
            )
        )
        # A borrowed submit (of another attempt) is not remembered: the attempt it belongs to has another tail.
        message.tail_of = submit if verdict.attempt == submit.attempt else None
        message.tail_parts = verdict.parts
