"""``sms.message-status`` in bulk: verdicts to Avro bytes, most of them put together from remembered pieces.

The fields of the schema stand in an order that makes this cheap: what never changes for a message (``head``),
what belongs to the submit (``tail``), what has few combinations (remembered by value), and at the end what is new
in every revision. A contract test holds every byte against the reference codec.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import fastavro

from streams.codec.avro import value_header
from streams.codec.schemas import Registry, reader_schema
from streams.correlator.message import Message
from streams.correlator.verdict import Verdict
from streams.events import MESSAGE_STATUS

_HEAD = ("account", "message_id", "campaign", "created_at_ms")
_TAIL = (
    *("attempt", "provider", "sender", "recipient", "country", "traffic_type", "encoding", "parts"),
    *("submitted_at_ms", "price_micros", "currency", "attributes"),
)
_FEW = (
    *("status", "derived", "settled", "late", "conflict", "duplicate_delivery", "unknown_code"),
    *("reason", "reason_class", "recipient_action", "billable_parts"),
)
_NEW = (
    *("version", "response_code", "report_code", "report_err", "provider_message_id"),
    *("responded_at_ms", "done_at_ms", "received_at_ms"),
)

_MEMORY = 20_000
_LOW = [bytes((n & 127 | 128, n >> 7 | 128)) for n in range(1 << 14)]
"""Two bytes of a varint that goes on, by the 14 bits they carry."""
_HIGH = [b""] * 128 + [bytes((n & 127 | 128, n >> 7)) for n in range(128, 1 << 14)]
"""The last two bytes of a varint."""
_SIX_BYTES = range(1 << 34, 1 << 41)
"""Times from 1970-07 to 2039-09 in milliseconds: their varint has exactly six bytes."""


def encode_long(value: int) -> bytes:
    """Encode an Avro long (zigzag varint; Avro 1.12 specification, "Binary Encoding")."""
    if value in _SIX_BYTES:
        zigzag = value << 1
        return _LOW[zigzag & 16383] + _LOW[(zigzag >> 14) & 16383] + _HIGH[zigzag >> 28]
    zigzag = (value << 1) ^ (value >> 63)
    out = bytearray()
    while zigzag > 127:
        out.append(zigzag & 127 | 128)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


def encode_string(value: str) -> bytes:
    """Encode an Avro string."""
    data = value.encode()
    return encode_long(len(data)) + data


class _Piece:
    """Reference encoding of some fields of the schema that stand next to each other."""

    def __init__(self, names: tuple[str, ...]) -> None:
        fields = {field["name"]: field for field in reader_schema(MESSAGE_STATUS)["fields"]}
        self._parsed = fastavro.parse_schema(
            {"type": "record", "name": "Piece", "fields": [fields[name] for name in names]}
        )
        self._names = names

    def encode(self, values: Iterable[Any]) -> bytes:
        body = io.BytesIO()
        fastavro.schemaless_writer(body, self._parsed, dict(zip(self._names, values, strict=True)))
        return body.getvalue()


class StatusEncoder:
    """Encodes revisions as ``sms.message-status`` values."""

    def __init__(self, registry: Registry | None = None) -> None:
        """Write Confluent framing where there is a registry, else single-object encoding."""
        names = [field["name"] for field in reader_schema(MESSAGE_STATUS)["fields"]]
        if names != [*_HEAD, *_TAIL, *_FEW, *_NEW]:
            raise AssertionError("the order of the fields of sms.message-status has changed: mend this module")
        self._header = value_header(MESSAGE_STATUS, registry)
        self._few = _Piece(_FEW)
        self._tail = _Piece(_TAIL)
        self._remembered: dict[tuple[Any, ...], bytes] = {}
        self._codes: dict[tuple[str, str, str], bytes] = {}
        self._versions = [encode_long(version) for version in range(4096)]

    def encode_all(self, revisions: Iterable[tuple[Message, Verdict]]) -> list[bytes]:
        """Encode a batch of revisions, in order."""
        return [self.encode(message, verdict) for message, verdict in revisions]

    def encode(self, message: Message, verdict: Verdict) -> bytes:
        """Encode one revision."""
        few = self._remembered.get(verdict[4:15])
        if few is None:
            few = self._remember(verdict)
        tail_of = message.tail_of
        if tail_of is None or tail_of[:4] != verdict[:4]:
            self._fixed(message, verdict)
        answer, report = verdict.answer, verdict.report
        version = verdict.version
        parts = [
            message.head,
            message.tail,
            few,
            self._versions[version] if version < 4096 else encode_long(version),
        ]
        if report is None:
            if answer is None:
                parts.append(b"\0\0\0\0\0\0\0")
            else:
                parts += (self._code(answer.code, "", ""), encode_string(answer.provider_message_id), b"\2")
                parts += (encode_long(answer.responded_at_ms), b"\0\0")
            return b"".join(parts)
        done_at = report.done_at_ms
        done = b"\0\2" if done_at is None else b"\2" + encode_long(done_at) + b"\2"
        if answer is None:
            parts += (self._code("", report.code, report.err), encode_string(report.provider_message_id))
            parts += (b"\0", done, encode_long(report.received_at_ms))
        else:
            told = answer.provider_message_id or report.provider_message_id
            parts += (self._code(answer.code, report.code, report.err), encode_string(told), b"\2")
            parts += (encode_long(answer.responded_at_ms), done, encode_long(report.received_at_ms))
        return b"".join(parts)

    def _remember(self, verdict: Verdict) -> bytes:
        if len(self._remembered) >= _MEMORY:
            self._remembered.clear()
        few = self._remembered[verdict[4:15]] = self._few.encode(verdict[4:15])
        return few

    def _code(self, response: str, report: str, err: str) -> bytes:
        key = (response, report, err)
        codes = self._codes.get(key)
        if codes is None:
            if len(self._codes) >= _MEMORY:
                self._codes.clear()
            codes = self._codes[key] = b"".join(map(encode_string, key))
        return codes

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
        message.tail = self._tail.encode(
            (
                *(verdict.attempt, submit.provider, submit.sender, submit.recipient, submit.country),
                *(submit.traffic_type, submit.encoding, verdict.parts, verdict.submitted_at_ms),
                *(submit.price_micros, submit.currency, submit.attributes),
            )
        )
        message.tail_of = verdict
