"""What the endpoint writes to Kafka: an event of a webhook as a record, and what cannot be used as a dead letter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from streams.codec.avro import Encoder
from streams.codec.checks import wrong
from streams.codec.schemas import Registry
from streams.events import DEAD_LETTER, DELIVERY_REPORT, PROVIDER_RECEIPT, DeadLetter, DeliveryReport
from streams.ingest.receivers import Receiver
from streams.receipts.webhooks import WebhookEvent

SOURCE = "ingest"
_LONGEST_DETAIL = 500


class Record(NamedTuple):
    """One record to write: topic without prefix, key, value."""

    topic: str
    key: bytes
    value: bytes


class Refused(ValueError):
    """An event that is no record: a countable word and a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        """Take the word for `DeadLetter.reason` and the sentence for its ``detail``."""
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class RecordMaker:
    """Makes records of events."""

    def __init__(self, registry: Registry | None = None) -> None:
        """Prepare the schemas; with a `registry` they are registered and records are Confluent-framed."""
        topics = (DELIVERY_REPORT, PROVIDER_RECEIPT, DEAD_LETTER)
        self._encode: dict[str, Callable[[Mapping[str, Any]], bytes]] = {
            topic: Encoder(topic, registry).encode for topic in topics
        }

    def report(self, receiver: Receiver, event: WebhookEvent, received_at_ms: int) -> Record:
        """Return the record of an event; raise `Refused`."""
        if event.messages is not None:
            raise Refused("summary_report", f"a summary of {event.messages} messages, it names none of them")
        code = event.meaning or event.code or ""
        text = event.text or (event.code or "" if event.code != code else "")
        fields: dict[str, Any] = {
            "attempt": None,
            "part": event.part,
            "received_at_ms": received_at_ms,
            "done_at_ms": event.done_at_ms,
            "provider": receiver.name,
            "provider_message_id": event.provider_message_id,
            "code": code,
            "err": event.err or "",
            "text": text,
        }
        message_id = {"reference": event.reference, "id": event.provider_message_id}.get(receiver.message_id)
        if not message_id:
            key = f"{receiver.name}:{event.provider_message_id}"
            return Record(PROVIDER_RECEIPT, key.encode(), self._encode[PROVIDER_RECEIPT](fields))
        if receiver.message_id == "id":
            fields["provider_message_id"] = ""
        report = DeliveryReport(account=receiver.account, message_id=message_id, **fields)
        found = wrong(report)
        if found is not None:
            raise Refused(*found)
        return Record(DELIVERY_REPORT, message_id.encode(), self._encode[DELIVERY_REPORT](report._asdict()))

    def dead_letter(self, provider: str, body: bytes, reason: str, detail: str, received_at_ms: int) -> Record:
        """Return the record of a body that cannot be used."""
        letter = DeadLetter(
            topic=PROVIDER_RECEIPT,
            partition=-1,
            offset=0,
            timestamp_ms=received_at_ms,
            key=provider.encode(),
            value=body,
            reason=reason,
            detail=detail[:_LONGEST_DETAIL],
            source=f"{SOURCE}: {provider}",
        )
        return Record(DEAD_LETTER, provider.encode(), self._encode[DEAD_LETTER](letter._asdict()))
