"""``sms.receipt-index`` in bulk: answers to Avro bytes, put together from pieces (a contract test holds every byte)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from streams.codec.avro import value_header
from streams.codec.schemas import Registry, reader_schema
from streams.codec.status import HIGH, LOW, SHORT, encode_long, encode_string
from streams.events import RECEIPT_INDEX, ReceiptIndex, SubmitResponse

_MEMORY = 10_000


class IndexEncoder:
    """Encodes index entries as ``sms.receipt-index`` values."""

    def __init__(self, registry: Registry | None = None) -> None:
        """Write Confluent framing where there is a registry, else single-object encoding."""
        if [field["name"] for field in reader_schema(RECEIPT_INDEX)["fields"]] != list(ReceiptIndex._fields):
            raise AssertionError("the fields of sms.receipt-index have changed: mend this module")
        self._header = value_header(RECEIPT_INDEX, registry)
        self._heads: dict[str, bytes] = {}
        self._accounts: dict[str, bytes] = {}
        self._places: dict[tuple[int, int | None], bytes] = {}

    def encode_answers(self, answers: Iterable[SubmitResponse]) -> list[bytes]:
        """Encode the entries that answers give, which name their provider and are sound (`streams.codec.checks`)."""
        heads, accounts, places, join = self._heads, self._accounts, self._places, b"".join
        values = []
        for answer in answers:  # hot: flat, and the exceptions are for the first of a kind and for the unusually long
            account, message_id, attempt, part, at_ms, provider, _, id_, _ = answer
            id_bytes, name, zigzag = id_.encode(), message_id.encode(), at_ms << 1
            try:
                value = (
                    *(heads[provider], SHORT[len(id_bytes)], id_bytes, accounts[account], SHORT[len(name)], name),
                    *(places[attempt, part], LOW[zigzag & 16383], LOW[(zigzag >> 14) & 16383], HIGH[zigzag >> 28]),
                )
            except LookupError:
                values.append(self.encode(ReceiptIndex(provider, id_, account, message_id, attempt, part, at_ms)))
            else:
                values.append(join(value))
        return values

    def encode(self, entry: ReceiptIndex) -> bytes:
        """Encode one entry, and remember its pieces."""
        provider, id_, account, message_id, attempt, part, at_ms = entry
        head = _remember(self._heads, provider, self._header + encode_string(provider))
        of = _remember(self._accounts, account, encode_string(account))
        place = encode_long(attempt) + (b"\0" if part is None else b"\2" + encode_long(part))
        _remember(self._places, (attempt, part), place)
        return b"".join((head, encode_string(id_), of, encode_string(message_id), place, encode_long(at_ms)))


K = TypeVar("K")


def _remember(known: dict[K, bytes], name: K, piece: bytes) -> bytes:
    if len(known) >= _MEMORY:
        known.clear()
    known[name] = piece
    return piece
