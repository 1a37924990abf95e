"""One window of route health: what all routes did in it, counted from what the steps noted.

While a window is open the recipients of its submits are kept one by one (as numbers). When it closes, what
`streams.health.sketch` makes of them is kept in their place.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from streams.correlator.measures import NAMED
from streams.correlator.notes import Change, Route
from streams.correlator.recipients import NO_DETAILS, Details, Ints, details_of
from streams.correlator.totals import Totals
from streams.health.sketch import UInts

_ROW_BITS: Final = 7
_VALUES: Final = "<u8"
_NOTHING: Final[dict[str, int]] = {}


class Window:
    """A window (number from 1970): a table of counts, of each route (by `row`) how much of each measure.

    ``untold`` are the rows that have changed since they were told, ``changed_ms`` is the stream time of the newest
    change. ``recipients`` are those of rows, as they came: None once the window is closed.
    """

    __slots__ = (
        "_counts",
        "_details",
        "_logs",
        "_named",
        "_noted",
        "_routes",
        "_rows",
        "_stale",
        "changed_ms",
        "number",
        "recipients",
        "untold",
    )

    def __init__(self, number: int) -> None:
        """Start with nothing counted."""
        self.number = number
        self.changed_ms = 0
        self.untold: set[int] = set()
        self.recipients: list[tuple[Ints, UInts]] | None = []
        self._rows: dict[Route, int] = {}
        self._routes: list[Route] = []
        self._counts: Any = np.zeros(0, np.uint32)
        # What has been noted and not been counted: rows, and what happened to each of them.
        self._noted: list[int] = []
        self._logs: list[bytes] = []
        self._named: list[dict[int, dict[str, int]]] = [{} for _ in range(NAMED)]
        self._details: dict[int, Details] = {}
        self._stale: set[int] = set()

    def add(self, change: Change) -> None:
        """Take in what a step noted: now, or before this was restored."""
        rows = [self._row(route) for route in change.routes]
        self._noted += rows
        self._logs += change.logs
        self.untold.update(rows)
        self.changed_ms = change.now_ms
        for place, kind, name in change.named:
            names = self._named[kind].setdefault(rows[place], {})
            names[name] = names.get(name, 0) + 1
        if change.values and self.recipients is not None:
            self.recipients.append((np.repeat(rows, change.sizes), np.frombuffer(change.values, _VALUES)))
            self._stale.update(itertools.compress(rows, change.sizes))

    def _row(self, route: Route) -> int:
        row = self._rows.get(route)
        if row is None:
            row = self._rows[route] = len(self._routes)
            self._routes.append(route)
        return row

    def _count(self) -> None:
        """Count what has been noted."""
        if not self._noted:
            return
        rows = np.repeat(np.array(self._noted) << _ROW_BITS, [len(log) for log in self._logs])
        cells = rows | np.frombuffer(b"".join(self._logs), np.uint8)
        counts = np.bincount(cells, minlength=len(self._routes) << _ROW_BITS).astype(np.uint32)
        counts[: len(self._counts)] += self._counts
        self._counts = counts
        self._noted, self._logs = [], []

    def _detail(self, rows: Iterable[int]) -> None:
        """Work out what is said of the recipients of rows, where they have changed."""
        wanted = sorted(self._stale.intersection(rows))
        if not wanted or self.recipients is None:
            return
        places = np.full(len(self._routes), -1)
        places[wanted] = np.arange(len(wanted))
        groups = places[np.concatenate([owners for owners, _ in self.recipients])]
        values = np.concatenate([values for _, values in self.recipients])
        if len(wanted) < len(self._routes):
            values = values[groups >= 0]
            groups = groups[groups >= 0]
        self._details.update(zip(wanted, details_of(groups, values, len(wanted)), strict=True))
        self._stale.difference_update(wanted)

    def close(self) -> None:
        """Keep what is said of the recipients in place of themselves."""
        self._detail(self._stale)
        self.recipients = None

    def tell(self) -> list[Totals]:
        """Return the totals of what has changed since the last time."""
        rows = sorted(self.untold)
        self.untold = set()
        self._count()
        self._detail(rows)
        table = self._counts.reshape(-1, 1 << _ROW_BITS)[rows]
        places, measures = np.nonzero(table)
        cuts = np.searchsorted(places, np.arange(len(rows) + 1)).tolist()
        counts, numbers = table[places, measures].tolist(), measures.tolist()
        found: list[Totals] = []
        for row, (start, end) in zip(rows, itertools.pairwise(cuts), strict=True):
            named = [dict(names[row]) if row in names else _NOTHING for names in self._named]
            details = self._details.get(row, NO_DETAILS)
            found.append(Totals(self.number, self._routes[row], numbers[start:end], counts[start:end], named, details))
        return found

    def tell_all(self) -> None:
        """All that is counted is to be told (again)."""
        self.untold = set(range(len(self._routes)))

    def pack(self) -> tuple[Any, ...]:
        """Return the whole state as values that msgpack knows, for a checkpoint."""
        self._count()
        used = np.flatnonzero(self._counts)
        recipients = None
        if self.recipients is not None:
            recipients = [(owners.astype(_VALUES).tobytes(), values.tobytes()) for owners, values in self.recipients]
        counts = (used.astype(_VALUES).tobytes(), self._counts[used].astype(_VALUES).tobytes())
        details = {
            row: (one.distinct, one.ranges.tobytes(), one.submits.astype(_VALUES).tobytes())
            for row, one in self._details.items()
        }
        return (self.number, self.changed_ms, self._routes, counts, self._named, recipients, details)

    @classmethod
    def unpack(cls, packed: Any) -> Window:
        """Rebuild a window from what `pack` gave; nothing of it is to be told."""
        number, changed_ms, routes, (used, counts), named, recipients, details = packed
        window = cls(number)
        window.changed_ms = changed_ms
        for route in routes:
            window._row(tuple(route))
        window._counts = np.zeros(len(routes) << _ROW_BITS, np.uint32)
        window._counts[np.frombuffer(used, _VALUES)] = np.frombuffer(counts, _VALUES)
        window._named = named
        for row, (distinct, ranges, submits) in details.items():
            counted = np.frombuffer(submits, _VALUES).astype(np.int64)
            window._details[row] = Details(distinct, np.frombuffer(ranges, _VALUES), counted)
        window.recipients = None
        if recipients is not None:
            window.recipients = [
                (np.frombuffer(owners, _VALUES).astype(np.int64), np.frombuffer(values, _VALUES))
                for owners, values in recipients
            ]
            window._stale = {row for owners, _ in window.recipients for row in owners.tolist()}
        return window
