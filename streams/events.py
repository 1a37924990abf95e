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


class RouteHealth(NamedTuple):
    """Absolute totals of one route in one window, from one source partition; the newest of a key holds.

    What each field counts is in the schema; ``docs/anomalies.md`` says why.
    """

    account: str
    provider: str
    country: str
    traffic_type: str
    window_start_ms: int
    window_ms: int
    source_partition: int
    stream_time_ms: int
    submits: int
    responses_ok: int
    responses_temporary: int
    responses_permanent: int
    responses_unknown: int
    delivered: int
    partially_delivered: int
    failed: int
    unconfirmed: int
    reports_intermediate: int
    timeouts_no_response: int
    timeouts_no_receipt: int
    timeouts_expired: int
    late: int
    duplicates: int
    conflicts: int
    orphans: int
    unknown_codes: int
    refusal_reasons: Mapping[str, int]
    failure_reasons: Mapping[str, int]
    response_latency: Mapping[str, int]
    receipt_latency: Mapping[str, int]
    recipients: bytes | None
    ranges: Mapping[str, int]
    campaign_sample: Mapping[str, int]


class Anomaly(NamedTuple):
    """Something an operator should look at: opened, updated, resolved under one ``anomaly_id``."""

    anomaly_id: str
    revision: int
    kind: str
    state: str
    severity: str
    scope: str
    account: str
    provider: str
    country: str
    traffic_type: str
    first_seen_ms: int
    last_seen_ms: int
    stream_time_ms: int
    observed: float
    expected: float
    interval_low: float
    interval_high: float
    unit: str
    volume: int
    window_ms: int
    baseline: str
    contributors: Mapping[str, float]
    part_of: str
    sentence: str


Event = Submit | SubmitResponse | DeliveryReport

ResolveEvent = ProviderReceipt | ReceiptIndex
InputEvent = Event | ResolveEvent
