"""Incidents in the events themselves: from when to when what goes wrong, for which provider, account or country.

The same kinds as in `incidents` (which has them in route health), as far as events can show them soon.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from streams.simulator.config import Provider


class Trouble(NamedTuple):
    """One incident. Times are epoch milliseconds UTC, the end excluded; what is empty stands for all."""

    kind: str
    from_ms: int
    to_ms: int
    size: float
    provider: str = ""
    account: str = ""
    country: str = ""
    traffic_type: str = ""

    def hits(self, at_ms: int, account: str, country: str, traffic_type: str) -> bool:
        """Tell whether a message sent at that time has this trouble, whoever the provider is."""
        if not self.from_ms <= at_ms < self.to_ms:
            return False
        names = ((self.account, account), (self.country, country), (self.traffic_type, traffic_type))
        return all(not ours or ours == theirs for ours, theirs in names)


class TroubleKind(NamedTuple):
    """What its size means, the size where none is said, and which habits of a provider it changes (if it does so)."""

    size: str
    usual: float
    habits: Callable[[Provider, float], dict[str, float]] | None = None


def _drop(provider: Provider, size: float) -> dict[str, float]:
    return {"failed": 1 - (1 - provider.failed) * (1 - size)}


def _fake(provider: Provider, size: float) -> dict[str, float]:
    real = {"failed": 0.0, "absent": 0.0, "no_report": 0.0, "late_report": 0.0, "early_report": 0.0}
    return {"report_median_ms": size, "report_sigma": 0.01, **real}


TROUBLES = {
    "delivery_drop": TroubleKind("share of the deliveries that fail", 0.5, _drop),
    "receipts_lost": TroubleKind("share of the reports that never come", 0.5, lambda _, size: {"no_report": size}),
    "unanswered": TroubleKind("share of the hand-overs without an answer", 0.5, lambda _, size: {"no_response": size}),
    "throttled": TroubleKind("share refused for now", 0.5, lambda _, size: {"throttled": size}),
    "refused": TroubleKind("share refused for good", 0.5, lambda _, size: {"refused": size}),
    "slow_answers": TroubleKind(
        "times as long", 10.0, lambda provider, size: {"response_median_ms": provider.response_median_ms * size}
    ),
    "slow_reports": TroubleKind(
        "times as long", 10.0, lambda provider, size: {"report_median_ms": provider.report_median_ms * size}
    ),
    "duplicates": TroubleKind("share of the records that come twice", 0.5, lambda _, size: {"duplicate": size}),
    "unknown_codes": TroubleKind("share of the codes", 0.3, lambda _, size: {"unknown_code": size}),
    "fake_receipts": TroubleKind("milliseconds after the answer", 50.0, _fake),
    "silence": TroubleKind("share of the messages not sent", 1.0),
    "surge": TroubleKind("times as many", 5.0),
    "pumping": TroubleKind("times the usual messages, on top, to numbers in sequence", 2.0),
    "repeated_recipients": TroubleKind("share of the messages sent again", 0.5),
}


def troubled(provider: Provider, troubles: list[Trouble]) -> Provider:
    """Return a provider with the habits it has while these incidents last."""
    for trouble in troubles:
        change = TROUBLES[trouble.kind].habits
        if change is not None and trouble.provider in ("", provider.name):
            provider = msgspec.structs.replace(provider, **change(provider, trouble.size))
    return provider
