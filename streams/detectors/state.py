"""The state of a group: what is kept between two calls, in pieces that a table can hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from streams.detectors import repeats
from streams.detectors.life import Case
from streams.detectors.quality import Quality
from streams.detectors.scopes import ACCOUNT, PROVIDER_GROUP, ROUTE, Scope, levels
from streams.detectors.sending import Sending
from streams.detectors.window import WINDOW_MS, Row, row_of
from streams.events import RouteHealth

_LATE_WINDOWS = 6
"""So many windows that are closed already may still be corrected."""

Key = tuple[str, str, str, str, int]
ScopeState = Quality | Sending


class Head(msgspec.Struct):
    """What is small and changes with every window."""

    closed: int | None = None
    cases: list[Case] = []
    pending: dict[str, list[int]] = {}
    late: int = 0


class GroupState:
    """Everything known about one group. Made by its name, or by `load` from the pieces that `changes` gave."""

    def __init__(self, group: str) -> None:
        """Begin a group of which nothing is known."""
        self.group = group
        self.scopes: dict[str, ScopeState] = {}
        self.head = Head()
        self._windows: dict[int, dict[Key, RouteHealth]] = {}
        self._order: list[str] = []
        self._doubles: tuple[int, set[str]] = (0, set())
        self._fresh_windows: set[int] = set()
        self._fresh_scopes: set[str] = set()

    @property
    def closed(self) -> int | None:
        """The newest window that is closed, by number (start // window length)."""
        return self.head.closed

    # ---- records -------------------------------------------------------------------------------------------------

    def take(self, record: RouteHealth) -> None:
        """Keep a record, unless a newer one of the same key is there; what is late corrects the totals."""
        number = record.window_start_ms // WINDOW_MS
        closed = self.head.closed
        if closed is not None and number <= closed - _LATE_WINDOWS:
            self.head.late += 1
            return
        window = self._windows.setdefault(number, {})
        key = (*record[:4], record.source_partition)
        known = window.get(key)
        if known is not None and known.stream_time_ms > record.stream_time_ms:
            return
        window[key] = record
        self._fresh_windows.add(number)
        if closed is not None and number <= closed:
            self._mend(number, record, known)

    def _mend(self, number: int, record: RouteHealth, known: RouteHealth | None) -> None:
        change = row_of(record) - (0 if known is None else row_of(known))
        if not change.any():
            return
        states = [self._scope(Scope.of(level, record), self.head.closed or number) for level in levels(self.group)]
        for state in reversed(states):  # what is due of a whole is known from its parts
            state.mend(number, change)
            self._fresh_scopes.add(state.scope.key)

    # ---- windows -------------------------------------------------------------------------------------------------

    def begin(self, until: int) -> None:
        """Find where to begin, the first time: at the first window there is a record of."""
        if self.head.closed is None and self._windows and min(self._windows) < until:
            self.head.closed = min(self._windows) - 1

    def next_window(self, until: int, longest_gap: int) -> int:
        """Return the window to close next; a long gap without any record is jumped over."""
        closed = self.head.closed or 0
        waiting = [number for number in self._windows if closed < number < until]
        following = min(waiting, default=until - 1)
        if following - closed > longest_gap:
            for state in self.scopes.values():
                state.skip(following - 1)
            return following
        return closed + 1

    def close(self, number: int) -> None:
        """Close a window: add its records to every scope they belong to, and an empty window to all others."""
        self.head.closed = number
        rows: dict[str, Row] = {}
        names: dict[str, dict[str, int]] = {}
        for record in self._windows.get(number, {}).values():
            self._spread(record, row_of(record), number, rows, names)
        for key in reversed(self._wide_first()):  # what is due of a whole is known from its parts
            state = self.scopes[key]
            if state.ring.last < number:  # else: written before a crash, and the head not
                state.close(rows.get(key), names.get(key) or {})
                self._fresh_scopes.add(key)
        for old in [old for old in self._windows if old <= number - _LATE_WINDOWS]:
            del self._windows[old]
            self._fresh_windows.add(old)

    def _spread(
        self, record: RouteHealth, row: Row, number: int, rows: dict[str, Row], names: dict[str, dict[str, int]]
    ) -> None:
        for level in levels(self.group):
            scope = Scope.of(level, record)
            key = scope.key
            state = self._scope(scope, number - 1)
            rows[key] = rows[key] + row if key in rows else row
            if isinstance(state, Quality):
                counted = record.failure_reasons
            elif state.wants_ranges and record.traffic_type != "marketing":
                counted = record.ranges
            else:
                counted = {}
            if counted:
                total = names.setdefault(key, {})
                for name, count in counted.items():
                    total[name] = total.get(name, 0) + count
            if level == ACCOUNT and record.campaign_sample and isinstance(state, Sending) and state.ring.last < number:
                repeats.take(state.campaigns, dict(record.campaign_sample), (number + 1) * WINDOW_MS)

    def _scope(self, scope: Scope, last: int) -> ScopeState:
        state = self.scopes.get(scope.key)
        if state is None:
            make = Quality if self.group.startswith(PROVIDER_GROUP) else Sending
            state = self.scopes[scope.key] = make(scope, last)
            self._join(state)
        return state

    def _join(self, new: ScopeState) -> None:
        """Make a route that is new a part of what it belongs to, which is there before it."""
        if new.scope.level == ROUTE and isinstance(new, Quality):
            for level in levels(self.group):
                whole = self.scopes[Scope.of(level, new.scope).key]
                if isinstance(whole, Quality) and whole is not new:
                    whole.parts.append(new)

    def _wide_first(self) -> list[str]:
        """Return the scopes in the order in which they are written.

        A whole is worked out from its parts. So after a crash a part must not be further than its whole.
        """
        if len(self._order) != len(self.scopes):
            self._order = sorted(self.scopes, key=lambda key: (self.scopes[key].scope.level == ROUTE, key))
        return self._order

    def doubles(self) -> set[str]:
        """Return the scopes of a provider that hold one route and nothing else: that route tells it all."""
        if self._doubles[0] != len(self.scopes):
            found: set[str] = set()
            scopes = [state.scope for state in self.scopes.values() if isinstance(state, Quality)]
            routes = [scope for scope in scopes if scope.level == ROUTE]
            for scope in scopes:
                if scope.level != ROUTE and sum(route.within(scope) for route in routes) == 1:
                    found.add(scope.key)
            self._doubles = (len(self.scopes), found)
        return self._doubles[1]

    # ---- keeping -------------------------------------------------------------------------------------------------

    def changes(self) -> dict[str, bytes | None]:
        """Return the pieces that are new since the last call, to be written in this order; None: the piece is gone."""
        pieces: dict[str, bytes | None] = {}
        for number in sorted(self._fresh_windows):
            records = self._windows.get(number)
            pieces[f"window:{number}"] = None if records is None else _encode([*records.values()])
        for key in [key for key in self._wide_first() if key in self._fresh_scopes]:
            state = self.scopes[key]
            for hour in sorted(state.fresh_hours):
                pieces[f"hour:{hour}:{key}"] = state.dump_hour(hour)
            state.fresh_hours.clear()
            pieces[f"scope:{key}"] = _encode(state.dump())
        if pieces or not self.head.closed:
            pieces["head"] = _encode(self.head)
        self._fresh_windows.clear()
        self._fresh_scopes.clear()
        return pieces

    @classmethod
    def load(cls, group: str, pieces: Mapping[str, bytes]) -> GroupState:
        """Make the state from its pieces, by name."""
        state = cls(group)
        hours: dict[str, dict[int, bytes]] = {}
        for hour, key, data in _hours(pieces):
            hours.setdefault(key, {})[hour] = data
        for name in sorted(pieces):
            what, _, rest = name.partition(":")
            if what == "window":
                records: list[RouteHealth] = msgspec.msgpack.decode(pieces[name], type=list[RouteHealth])
                state._windows[int(rest)] = {(*record[:4], record.source_partition): record for record in records}
            elif what == "scope":
                dumped: dict[str, Any] = msgspec.msgpack.decode(pieces[name], strict=False)
                make = Quality if group.startswith(PROVIDER_GROUP) else Sending
                loaded = state.scopes[rest] = make.load(dumped, hours.get(rest, {}))
                state._join(loaded)
        if "head" in pieces:
            state.head = msgspec.msgpack.decode(pieces["head"], type=Head)
        return state


def _encode(value: Any) -> bytes:
    return msgspec.msgpack.encode(value, enc_hook=lambda number: number.item())  # numpy's


def _hours(pieces: Mapping[str, bytes]) -> Iterator[tuple[int, str, bytes]]:
    for name, data in pieces.items():
        if name.startswith("hour:"):
            _, hour, key = name.split(":", 2)
            yield int(hour), key, data
