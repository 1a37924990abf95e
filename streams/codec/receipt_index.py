"""``sms.receipt-index`` in bulk: answers to Avro bytes, put together from pieces (a contract test holds every byte)."""

from __future__ import annotations

from streams.codec.avro import value_header
from streams.codec.schemas import Registry, reader_schema
from streams.codec.status import encode_long, encode_string
from streams.events import RECEIPT_INDEX, ReceiptIndex

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

    def encode(
        self, provider: str, id_: str, account: str, message_id: str, attempt: int, part: int | None, at_ms: int
    ) -> bytes:
        """Encode one entry; the arguments are the fields in their order."""
        head = self._heads.get(provider)
        if head is None:
            head = _remember(self._heads, provider, self._header + encode_string(provider))
        of = self._accounts.get(account)
        if of is None:
            of = _remember(self._accounts, account, encode_string(account))
        place = self._places.get((attempt, part))
        if place is None:
            told = b"\0" if part is None else b"\2" + encode_long(part)
            place = self._places[attempt, part] = encode_long(attempt) + told
        return b"".join((head, encode_string(id_), of, encode_string(message_id), place, encode_long(at_ms)))


def _remember(known: dict[str, bytes], name: str, piece: bytes) -> bytes:
    if len(known) >= _MEMORY:
        known.clear()
    known[name] = piece
    return piece
