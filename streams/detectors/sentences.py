"""What happened, with the numbers, in one plain sentence."""

from __future__ import annotations

from streams.detectors.finding import Finding
from streams.detectors.scopes import Scope
from streams.detectors.words import count, latency, name, percent, span

_SHARES = {
    "delivery_rate": "{observed} of {volume} final reports in {span} were deliveries",
    "sent_without_sr": "{observed} of {volume} messages that ended in {span} were never confirmed",
    "throttling": "{observed} of {volume} answers in {span} refused for now (throttled, queue full)",
    "refusals": "{observed} of {volume} answers in {span} refused for good",
    "duplicates": "{observed} of {volume} records in {span} were repetitions",
    "orphans": "{observed} of {volume} records in {span} belong to no message",
    "unknown_codes": "{observed} of {volume} answers and reports in {span} have a code that the catalog does not know",
    "no_response": "only {observed} of {volume} messages due for an answer in {span} got one",
    "no_receipts": "only {observed} of {volume} messages due for a report in {span} got one",
}
_LATENCIES = {
    "response_latency": "half of {volume} answers in {span} took longer than {observed}",
    "receipt_latency": "half of {volume} reports in {span} took longer than {observed}",
}


def sentence(scope: Scope, found: Finding) -> str:
    """Return the sentence of a share or a latency that is not as usual."""
    write = latency if found.unit == "ms" else percent
    template = (_LATENCIES if found.unit == "ms" else _SHARES)[found.kind]
    said = template.format(observed=write(found.observed), volume=count(found.volume), span=span(found.window_ms))
    usual = {
        "season": "usual at this hour of the week are",
        "recent": "usual lately are",
        "prior": "usual on other routes are",
    }[found.baseline]
    interval = f"95 % interval {write(found.low)} to {write(found.high)}"
    return f"{name(scope)}: {said} ({interval}); {usual} {write(found.expected)}"


def reason_sentence(
    scope: Scope,
    reason: str,
    observed: float,
    expected: float,
    interval: tuple[float, float],
    volume: int,
    span_ms: int,
) -> str:
    """Return the sentence of a reason that messages fail for more often than usual."""
    return (
        f"{name(scope)}: {percent(observed)} of {count(volume)} final reports in {span(span_ms)} say "
        f"{reason or 'no reason'} (95 % interval {percent(interval[0])} to {percent(interval[1])}); "
        f"usual lately are {percent(expected)}"
    )
