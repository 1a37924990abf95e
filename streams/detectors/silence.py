"""Maintenance: times at which some anomalies are not to be told."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from streams.detectors.scopes import Scope


class Silence(NamedTuple):
    """No anomaly is opened or updated for what this names, at the times it names; learning stops too.

    What is empty stands for all. ``from_ms`` to ``to_ms`` (epoch milliseconds UTC, the end excluded) is one time; or
    on ``days`` (0 Monday to 6 Sunday; empty: all) from ``starts`` to ``ends``, local time in ``zone``, again and
    again; an end before the start is on the next day.
    """

    provider: str = ""
    account: str = ""
    country: str = ""
    kind: str = ""
    from_ms: int | None = None
    to_ms: int | None = None
    days: tuple[int, ...] = ()
    starts: time | None = None
    ends: time | None = None
    zone: str = "UTC"

    def covers(self, kind: str, scope: Scope, at_ms: int) -> bool:
        """Tell whether an anomaly of this kind and scope is silent at a time (epoch milliseconds UTC)."""
        names = ((self.kind, kind), (self.provider, scope.provider), (self.account, scope.account))
        if any(ours and ours != theirs for ours, theirs in (*names, (self.country, scope.country))):
            return False
        return self._at(at_ms)

    def _at(self, at_ms: int) -> bool:
        if self.from_ms is not None and at_ms < self.from_ms:
            return False
        if self.to_ms is not None and at_ms >= self.to_ms:
            return False
        if self.starts is None and self.ends is None and not self.days:
            return True
        local = datetime.fromtimestamp(at_ms / 1_000, UTC).astimezone(ZoneInfo(self.zone))
        starts, ends = self.starts or time.min, self.ends or time.max
        today, now = local.weekday(), local.time()
        if starts <= ends:
            return self._on(today) and starts <= now and (now < ends or ends == time.max)
        return (self._on(today) and now >= starts) or (self._on((today - 1) % 7) and now < ends)

    def _on(self, day: int) -> bool:
        return not self.days or day in self.days
