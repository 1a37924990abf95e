"""Whose a receipt is, given the uses of ids that are known.

This is docs/resolve.md, "Whose a receipt is", as code. A receipt is about a use of an id (an answer that brought it)
when a declared rule relates the two ids and the times fit:

1. Uses within ``id_window`` before the receipt (and up to ``early`` after it: answers and receipts race) are *recent*.
   Recent uses by one message: the receipt is its report. By several: it is nobody's (``ambiguous_id``).
2. Without a recent use, older ones decide in the same way, once a recent one can hardly come any more.
3. Without any it is nobody's (``no_response``).
"""

from __future__ import annotations

from collections.abc import Iterable

from streams.events import DeliveryReport, OrphanReport, ProviderReceipt
from streams.resolver.rules import ResolveRules
from streams.resolver.slot import Entry, age

NO_RESPONSE, AMBIGUOUS, CROWDED = "no_response", "ambiguous_id", "too_many_waiting"


def possible(receipt: ProviderReceipt, entries: Iterable[Entry], rules: ResolveRules) -> list[Entry]:
    """Return the uses that a receipt can be about: of a related id, and not (well) after it."""
    latest = receipt.received_at_ms + rules.keeping.early_ms
    related, id_ = rules.ids(receipt.provider).related, receipt.provider_message_id
    return [entry for entry in entries if entry.responded_at_ms <= latest and related(entry.answer_id, id_)]


def recent(receipt: ProviderReceipt, uses: list[Entry], rules: ResolveRules) -> list[Entry]:
    """Return the recent ones of the uses that a receipt can be about."""
    since = receipt.received_at_ms - rules.policy(receipt.provider).id_window_ms
    return [use for use in uses if use.responded_at_ms >= since]


def outcome(receipt: ProviderReceipt, uses: list[Entry]) -> DeliveryReport | str:
    """Return the report that a receipt is, or why it is nobody's."""
    if len({(use.account, use.message_id) for use in uses}) == 1:
        return report_of(receipt, uses)
    return AMBIGUOUS if uses else NO_RESPONSE


def report_of(receipt: ProviderReceipt, entries: list[Entry]) -> DeliveryReport:
    """Return the report that a receipt is, given the uses of its id by one message.

    It carries the id as the answer wrote it: by that the message is known everywhere else. What several uses leave
    open (attempt, part) is left to correlate, which tells it by that id.
    """
    latest = max(entries, key=age)
    attempts = {entry.attempt for entry in entries}
    parts = {entry.part for entry in entries}
    return DeliveryReport(
        account=latest.account,
        message_id=latest.message_id,
        attempt=receipt.attempt or (latest.attempt if len(attempts) == 1 else None),
        part=receipt.part or (latest.part if len(parts) == 1 else None),
        received_at_ms=receipt.received_at_ms,
        done_at_ms=receipt.done_at_ms,
        provider=receipt.provider,
        provider_message_id=latest.answer_id,
        code=receipt.code,
        err=receipt.err,
        text=receipt.text,
    )


def orphan(receipt: ProviderReceipt, reason: str) -> OrphanReport:
    """Return what is reported of a receipt that is nobody's."""
    return OrphanReport(
        kind="provider_receipt",
        account="default",
        message_id="",
        attempt=receipt.attempt,
        part=receipt.part,
        event_at_ms=receipt.received_at_ms,
        done_at_ms=receipt.done_at_ms,
        provider=receipt.provider,
        provider_message_id=receipt.provider_message_id,
        code=receipt.code,
        err=receipt.err,
        text=receipt.text,
        reason=reason,
    )
