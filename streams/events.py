"""The words of the system as frozen records: what goes in and what comes out.

Field names and order are those of the Avro schemas in ``schemas/`` (a contract test compares them).
Times are epoch milliseconds UTC and end in ``_ms``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

SUBMIT = "sms.submit"
SUBMIT_RESPONSE = "sms.submit-response"
DELIVERY_REPORT = "sms.delivery-report"
PROVIDER_RECEIPT = "sms.provider-receipt"
RECEIPT_INDEX = "sms.receipt-index"
MESSAGE_STATUS = "sms.message-status"
ORPHAN_REPORT = "sms.orphan-report"
DEAD_LETTER = "sms.dead-letter"
ROUTE_HEALTH = "sms.route-health"
ANOMALY = "sms.anomaly"


class Submit(NamedTuple):
    """The sender handed the message to a provider, or decided (not) to."""

    account: str
    message_id: str
    attempt: int
    created_at_ms: int | None
    submitted_at_ms: int
    provider: str
    campaign: str
    sender: str
    recipient: str
    country: str
    traffic_type: str
    encoding: str
    parts: int
    validity_ms: int | None
    disposition: str
    exclusion_reason: str
    price_micros: int | None
    currency: str
    attributes: Mapping[str, str]


class SubmitResponse(NamedTuple):
    """The provider's answer to a hand-over. ``part`` None: the whole message."""

    account: str
    message_id: str
    attempt: int
    part: int | None
    responded_at_ms: int
    provider: str
    code: str
    provider_message_id: str
    text: str


class DeliveryReport(NamedTuple):
    """What came back later. ``attempt`` None: told by the provider's id, else the latest."""

    account: str
    message_id: str
    attempt: int | None
    part: int | None
    received_at_ms: int
    done_at_ms: int | None
    provider: str
    provider_message_id: str
    code: str
    err: str
    text: str


class ProviderReceipt(NamedTuple):
    """A delivery report that knows only the provider's id of the message."""

    provider: str
    provider_message_id: str
    attempt: int | None
    part: int | None
    received_at_ms: int
    done_at_ms: int | None
    code: str
    err: str
    text: str


class ReceiptIndex(NamedTuple):
    """Which message a provider's id means, by an answer that brought it (as written there)."""

    provider: str
    provider_message_id: str
    account: str
    message_id: str
    attempt: int
    part: int | None
    responded_at_ms: int


class MessageStatus(NamedTuple):
    """One revision of a message; the highest ``version`` is the latest."""

    account: str
    message_id: str
    campaign: str
    created_at_ms: int
    attempt: int
    provider: str
    sender: str
    recipient: str
    country: str
    traffic_type: str
    encoding: str
    parts: int
    submitted_at_ms: int
    price_micros: int | None
    currency: str
    attributes: Mapping[str, str]
    status: str
    derived: bool
    settled: bool
    late: bool
    conflict: bool
    duplicate_delivery: bool
    unknown_code: bool
    reason: str
    reason_class: str
    recipient_action: str
    billable_parts: int
    version: int
    response_code: str
    report_code: str
    report_err: str
    provider_message_id: str
    responded_at_ms: int | None
    done_at_ms: int | None
    received_at_ms: int | None


class OrphanReport(NamedTuple):
    """An answer or a report that found no message within ``keep_unmatched``."""

    kind: str
    account: str
    message_id: str
    attempt: int | None
    part: int | None
    event_at_ms: int
    done_at_ms: int | None
    provider: str
    provider_message_id: str
    code: str
    err: str
    text: str
    reason: str


class DeadLetter(NamedTuple):
    """A record that could not be used, with its original bytes and why."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    reason: str
    detail: str
    source: str


Event = Submit | SubmitResponse | DeliveryReport

ResolveEvent = ProviderReceipt | ReceiptIndex
InputEvent = Event | ResolveEvent
