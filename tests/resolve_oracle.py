"""What must become of receipts, written a second time from docs/resolve.md, slowly: every receipt looks at everything.

It knows all records at once, and no keys, slots, partitions or batches; so it says what holds in whatever order they
come, as long as nothing that one needs has run out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from streams.events import DeliveryReport, ProviderReceipt, ReceiptIndex

Outcome = tuple[object, ...]


def same_id(rule: str, answer: str, receipt: str) -> bool:
    """Whether one rule relates two ids."""
    if rule == "hex_to_decimal":
        return bool(re.fullmatch("[0-9a-fA-F]+", answer) and re.fullmatch("[0-9]+", receipt)) and (
            int(answer, 16) == int(receipt)
        )
    for what in rule.split("+"):
        if what == "case":
            answer, receipt = answer.upper(), receipt.upper()
        if what == "zeros":
            answer, receipt = (re.sub("^0+(?=.)", "", i) if i.isalnum() else i for i in (answer, receipt))
    return answer == receipt


def outcomes(
    index: Sequence[ReceiptIndex],
    receipts: Sequence[ProviderReceipt],
    rules: dict[str, Sequence[str]],
    window_ms: int,
    early_ms: int,
) -> Counter[Outcome]:
    """What comes out for each receipt: (account, message_id, attempt, part, ...) or ("orphan", reason, ...)."""
    return Counter(_outcome(index, receipt, rules, window_ms, early_ms) for receipt in receipts)


def _outcome(
    index: Sequence[ReceiptIndex],
    receipt: ProviderReceipt,
    rules: dict[str, Sequence[str]],
    window_ms: int,
    early_ms: int,
) -> Outcome:
    at = receipt.received_at_ms
    uses = [
        entry
        for entry in index
        if entry.provider == receipt.provider
        and entry.responded_at_ms <= at + early_ms
        and any(same_id(r, entry.provider_message_id, receipt.provider_message_id) for r in rules[receipt.provider])
    ]
    recent = [entry for entry in uses if entry.responded_at_ms >= at - window_ms]
    chosen = recent or uses
    messages = {(entry.account, entry.message_id) for entry in chosen}
    rest = (receipt.received_at_ms, receipt.done_at_ms, receipt.code, receipt.err, receipt.text)
    if len(messages) != 1:
        return ("orphan", "ambiguous_id" if messages else "no_response", receipt.provider_message_id, *rest)
    attempts, parts = {entry.attempt for entry in chosen}, {entry.part for entry in chosen}
    attempt = attempts.pop() if len(attempts) == 1 else None
    part = parts.pop() if len(parts) == 1 else None
    return (*messages.pop(), receipt.attempt or attempt, receipt.part or part, receipt.provider, *rest)


def outcome_of(report: DeliveryReport) -> Outcome:
    """A report in the same form, without the id that it carries."""
    rest = (report.received_at_ms, report.done_at_ms, report.code, report.err, report.text)
    return (report.account, report.message_id, report.attempt, report.part, report.provider, *rest)
