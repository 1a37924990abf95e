"""What an anomaly can be about: a provider, a provider's country, one route; an account, its countries, its traffic."""

from __future__ import annotations

from typing import NamedTuple

from streams.events import RouteHealth

PROVIDER = "provider"
PROVIDER_COUNTRY = "provider_country"
ROUTE = "route"
ACCOUNT = "account"
ACCOUNT_TRAFFIC = "account_traffic"
ACCOUNT_COUNTRY = "account_country"

PROVIDER_GROUP = "provider:"
ACCOUNT_GROUP = "account:"

PROVIDER_LEVELS = (PROVIDER, PROVIDER_COUNTRY, ROUTE)
ACCOUNT_LEVELS = (ACCOUNT, ACCOUNT_TRAFFIC, ACCOUNT_COUNTRY, ROUTE)

_NAMED = {
    PROVIDER: (False, True, False, False),
    PROVIDER_COUNTRY: (False, True, True, False),
    ROUTE: (True, True, True, True),
    ACCOUNT: (True, False, False, False),
    ACCOUNT_TRAFFIC: (True, False, False, True),
    ACCOUNT_COUNTRY: (True, False, True, False),
}
"""Which of account, provider, country and traffic type a level names."""


class Scope(NamedTuple):
    """One thing that is watched. What its level does not name is empty."""

    level: str
    account: str
    provider: str
    country: str
    traffic_type: str

    @property
    def key(self) -> str:
        """The scope as text; part of the id of its anomalies."""
        return "|".join(self)

    @classmethod
    def of(cls, level: str, record: RouteHealth | Scope) -> Scope:
        """Return the scope of a level that a record, or the scope of a route, belongs to."""
        route = (record.account, record.provider, record.country, record.traffic_type)
        return cls(level, *(value if named else "" for value, named in zip(route, _NAMED[level], strict=True)))

    def within(self, other: Scope) -> bool:
        """Tell whether this scope is a part of another."""
        return self != other and all(
            not theirs or theirs == ours for ours, theirs in zip(self[1:], other[1:], strict=True)
        )

    def meets(self, other: Scope) -> bool:
        """Tell whether a message can belong to both."""
        return all(not ours or not theirs or ours == theirs for ours, theirs in zip(self[1:], other[1:], strict=True))

    def beyond(self, other: Scope) -> str:
        """Return what this scope names and the other does not: ``country=SN,traffic_type=otp``."""
        names = [
            f"{name}={ours}"
            for name, ours, theirs in zip(self._fields[1:], self[1:], other[1:], strict=True)
            if ours and not theirs
        ]
        return ",".join(names)


def groups(record: RouteHealth) -> tuple[str, ...]:
    """Return the groups a record belongs to; none for a heartbeat."""
    if not record.provider and not record.account:
        return ()
    return (PROVIDER_GROUP + record.provider, ACCOUNT_GROUP + record.account)


def levels(group: str) -> tuple[str, ...]:
    """Return the levels that a group watches, the most general first."""
    return PROVIDER_LEVELS if group.startswith(PROVIDER_GROUP) else ACCOUNT_LEVELS
