"""The incident in the demo's backlog: in the last minutes, one provider fails most of what one sender gives it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from operator import attrgetter

import msgspec

from streams.simulator import Arrival, Traffic, TrafficConfig

PROVIDER = "aurora"
BEFORE_MS, LASTS_MS = 11 * 60_000, 3 * 60_000
"""How long there is steady traffic before it, from which detect learns what is usual, and how long it lasts."""
_RATE = 4.0
_FAILED = 0.65
_ACCOUNT, _COUNTRY, _PROVIDERS = "bank", "FR", ("aurora", "borealis")

MESSAGES = round(_RATE * (BEFORE_MS + LASTS_MS) / 1_000)


def with_incident(traffic: Traffic, end_ms: int, seed: int) -> Iterator[Arrival]:
    """Yield the traffic together with some that ends in an incident at `end_ms`, in the order of arrival."""
    start_ms = end_ms - BEFORE_MS - LASTS_MS
    usual = TrafficConfig(start_ms=start_ms, messages=round(_RATE * BEFORE_MS / 1_000), messages_per_s=_RATE)
    usual = msgspec.structs.replace(
        usual,
        accounts=[account for account in usual.accounts if account.name == _ACCOUNT],
        countries=[country for country in usual.countries if country.code == _COUNTRY],
        providers=[provider for provider in usual.providers if provider.name in _PROVIDERS],
    )
    broken = msgspec.structs.replace(
        usual,
        start_ms=end_ms - LASTS_MS,
        messages=round(_RATE * LASTS_MS / 1_000),
        providers=[
            msgspec.structs.replace(provider, failed=_FAILED) if provider.name == PROVIDER else provider
            for provider in usual.providers
        ],
    )
    return heapq.merge(traffic, Traffic(usual, seed), Traffic(broken, seed), key=attrgetter("at_ms"))
