"""Records for the tests, all fields told, and how many rows a table has."""

from __future__ import annotations

from typing import Any

from streams.clickhouse.backend import Database
from streams.events import (
    DeadLetter,
    DeliveryReport,
    MessageStatus,
    OrphanReport,
    ProviderReceipt,
    Submit,
    SubmitResponse,
)

T0 = 1_772_445_590_000  # 2026-03-02 09:59:50 UTC
DAY = 86_400_000


def submit(message_id: str = "m1", **fields: Any) -> Submit:
    base = Submit(
        account="acme",
        message_id=message_id,
        attempt=1,
        created_at_ms=None,
        submitted_at_ms=T0,
        provider="p1",
        campaign="spring",
        sender="ACME",
        recipient="+33600000001",
        country="FR",
        traffic_type="otp",
        encoding="gsm7",
        parts=1,
        validity_ms=None,
        disposition="submitted",
        exclusion_reason="",
        price_micros=45_000,
        currency="EUR",
        attributes={},
    )
    return base._replace(**fields)


def response(message_id: str = "m1", **fields: Any) -> SubmitResponse:
    base = SubmitResponse("acme", message_id, 1, None, T0 + 200, "p1", "0", "abc1", "")
    return base._replace(**fields)


def report(message_id: str = "m1", **fields: Any) -> DeliveryReport:
    base = DeliveryReport("acme", message_id, None, None, T0 + 5_000, T0 + 4_000, "p1", "abc1", "DELIVRD", "000", "")
    return base._replace(**fields)


def receipt(id_: str = "abc1", **fields: Any) -> ProviderReceipt:
    base = ProviderReceipt("p1", id_, None, None, T0 + 5_000, T0 + 4_000, "DELIVRD", "000", "")
    return base._replace(**fields)


def status(message_id: str = "m1", status: str = "delivered", version: int = 768, **fields: Any) -> MessageStatus:
    base = MessageStatus(
        account="acme",
        message_id=message_id,
        campaign="spring",
        created_at_ms=T0,
        attempt=1,
        provider="p1",
        sender="ACME",
        recipient="+33600000001",
        country="FR",
        traffic_type="otp",
        encoding="gsm7",
        parts=1,
        submitted_at_ms=T0,
        price_micros=45_000,
        currency="EUR",
        attributes={},
        status=status,
        derived=False,
        settled=status in ("delivered", "failed", "excluded", "sent_without_sr", "partially_delivered"),
        late=False,
        conflict=False,
        duplicate_delivery=False,
        unknown_code=False,
        reason="",
        reason_class="none",
        recipient_action="keep",
        billable_parts=1,
        version=version,
        response_code="",
        report_code="",
        report_err="",
        provider_message_id="",
        responded_at_ms=None,
        done_at_ms=None,
        received_at_ms=None,
    )
    return base._replace(**fields)


def revisions(message_id: str = "m1", at: int = T0, **fields: Any) -> list[MessageStatus]:
    """The usual life of a message: submitted, accepted after 0.2 s, delivered after 5 s."""
    same = {"created_at_ms": at, "submitted_at_ms": at, **fields}
    answered = {"response_code": "0", "provider_message_id": "abc1", "responded_at_ms": at + 200}
    reported = {"report_code": "DELIVRD", "report_err": "000", "done_at_ms": at + 4_000, "received_at_ms": at + 5_000}
    return [
        status(message_id, "submitted", 256, billable_parts=0, **same),
        status(message_id, "accepted", 512, **{**answered, **same}),
        status(message_id, "delivered", 768, **{**answered, **reported, **same}),
    ]


def orphan(message_id: str = "m9", **fields: Any) -> OrphanReport:
    base = OrphanReport(
        *("delivery_report", "acme", message_id, None, None, T0, None),
        *("p1", "zzz", "DELIVRD", "", "", "no_submit"),
    )
    return base._replace(**fields)


def dead_letter(offset: int = 7, **fields: Any) -> DeadLetter:
    base = DeadLetter("sms.submit", 0, offset, T0, b"k\xff", b"\x00\x01", "not_avro", "why", "correlate")
    return base._replace(**fields)


def count(db: Database, table: str) -> int:
    """Rows of a table as they lie there, doubles and all."""
    rows = db.query(f"SELECT count() FROM sms.{table}").rows
    return int(rows[0][0])
