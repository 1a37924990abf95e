"""What is decided about a part and about a message."""

from __future__ import annotations

from typing import Final, NamedTuple

from streams.events import DeliveryReport, MessageStatus, Submit, SubmitResponse

PENDING: Final = "pending"
EXCLUDED: Final = "excluded"
SUBMITTED: Final = "submitted"
ACCEPTED: Final = "accepted"
ENROUTE: Final = "enroute"
SENT_WITHOUT_SR: Final = "sent_without_sr"
DELIVERED: Final = "delivered"
PARTIALLY_DELIVERED: Final = "partially_delivered"
FAILED: Final = "failed"

OPEN_ORDER: Final = {PENDING: 0, SUBMITTED: 1, ACCEPTED: 2, ENROUTE: 3}
"""How far a message that is not settled has got."""


class Reason(NamedTuple):
    """Why: a canonical reason, whose trouble it is, and what to do with the recipient."""

    reason: str
    reason_class: str
    recipient_action: str


NO_REASON: Final = Reason("", "none", "keep")
NO_RESPONSE: Final = Reason("no_response", "undetermined", "retry")
EXPIRED_REASON: Final = Reason("expired", "temporary", "retry")


class Finding(NamedTuple):
    """What is found of a message, with few different values among many messages.

    The fields stand in the order of the ``sms.message-status`` schema, where they follow each other.
    """

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


class Verdict(NamedTuple):
    """Where a message stands, and when time will change that.

    ``deadline_ms`` is the next stream time at which a timeout passes, None where none is open.
    """

    attempt: int
    submit: Submit
    submitted_at_ms: int
    parts: int
    finding: Finding
    version: int
    answer: SubmitResponse | None
    report: DeliveryReport | None
    deadline_ms: int | None


def open_finding(status: str, billable_parts: int = 0) -> Finding:
    """Return what is found of a message of which nothing is said but that it stands at an open status."""
    return Finding(status, False, False, False, False, False, False, *NO_REASON, billable_parts)


def provider_message_id(verdict: Verdict) -> str:
    """Return the provider's id of the message: the answer's, else the report's."""
    if verdict.answer is not None and verdict.answer.provider_message_id:
        return verdict.answer.provider_message_id
    return "" if verdict.report is None else verdict.report.provider_message_id


def message_status(campaign: str, created_at_ms: int, verdict: Verdict) -> MessageStatus:
    """Return the verdict as the record that goes to ``sms.message-status``."""
    submit, answer, report = verdict.submit, verdict.answer, verdict.report
    return MessageStatus(
        submit.account,
        submit.message_id,
        campaign,
        created_at_ms,
        verdict.attempt,
        submit.provider,
        submit.sender,
        submit.recipient,
        submit.country,
        submit.traffic_type,
        submit.encoding,
        verdict.parts,
        verdict.submitted_at_ms,
        submit.price_micros,
        submit.currency,
        submit.attributes,
        *verdict.finding,
        verdict.version,
        "" if answer is None else answer.code,
        "" if report is None else report.code,
        "" if report is None else report.err,
        provider_message_id(verdict),
        None if answer is None else answer.responded_at_ms,
        None if report is None else report.done_at_ms,
        None if report is None else report.received_at_ms,
    )
