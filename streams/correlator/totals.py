"""Totals of one route in one window: what `sms.route-health` says of it, and how they are kept until then.

While a window is open the recipients of its submits are kept one by one (as numbers). When it closes, `DETAIL_MS`
after its end by stream time, what `streams.health.sketch` makes of them is kept in their place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streams.events import RouteHealth
from streams.health import buckets, sketch
from streams.health.sketch import UInts

WINDOW_MS = 10_000
KEEP_MS = 10 * 60_000
"""How far behind stream time an event may be dated and still count in its own window; older ones count there."""
DETAIL_MS = 5_000
"""How long after the end of a window (stream time) its submits still count for recipients and ranges."""

_FIELDS = RouteHealth._fields
COUNTERS = _FIELDS[_FIELDS.index("submits") : _FIELDS.index("refusal_reasons")]
(
    *(SUBMITS, RESPONSES_OK, RESPONSES_TEMPORARY, RESPONSES_PERMANENT, RESPONSES_UNKNOWN),
    *(DELIVERED, PARTIALLY_DELIVERED, FAILED, UNCONFIRMED, REPORTS_INTERMEDIATE),
    *(TIMEOUTS_NO_RESPONSE, TIMEOUTS_NO_RECEIPT, TIMEOUTS_EXPIRED),
    *(LATE, DUPLICATES, CONFLICTS, ORPHANS, UNKNOWN_CODES),
) = range(len(COUNTERS))
RESPONSE_LATENCY = len(COUNTERS)
RECEIPT_LATENCY = RESPONSE_LATENCY + len(buckets.BOUNDS)
MEASURES = RECEIPT_LATENCY + len(buckets.BOUNDS)
"""Whatever is counted has a number: the counters, then the buckets of the two histograms."""

_NO_NUMBER = 1 << 63
"""Values from here on stand for recipients that are no numbers (`streams.health.sketch`, "Hash")."""

Route = tuple[str, str, str, str]
"""Account, provider, country, traffic type."""


class Totals:
    """One route in one window. ``recipients`` is None once it is closed; ``fresh`` are those not packed yet."""

    __slots__ = (
        *("changed_ms", "counts", "distinct", "failures", "fresh", "ranges", "recipients", "refusals", "sample"),
        "sequential",
    )

    def __init__(self) -> None:
        """Start with nothing counted."""
        self.counts: dict[int, int] = {}
        self.refusals: dict[str, int] = {}
        self.failures: dict[str, int] = {}
        self.sample: dict[str, int] = {}
        self.recipients: list[UInts] | None = []
        self.fresh: list[UInts] = []
        self.distinct = b""
        self.ranges: dict[str, int] = {}
        self.sequential = 0
        self.changed_ms = 0

    def add_recipients(self, values: UInts) -> None:
        """Take in recipients of submits, as `streams.correlator.recipients` makes values of them."""
        if self.recipients is not None:
            self.recipients.append(values)
            self.fresh.append(values)

    def close(self) -> None:
        """Keep what is said of the recipients in place of themselves."""
        if self.recipients is not None:
            self.distinct, self.ranges, self.sequential = self._details(self.recipients)
            self.recipients = None
            self.fresh = []

    @staticmethod
    def _details(recipients: list[UInts]) -> tuple[bytes, dict[str, int], int]:
        """Return the sketch of distinct recipients, the fullest ranges, and how many submits were sequential."""
        if not recipients:
            return b"", {}, 0
        values, counts = np.unique(np.concatenate(recipients), return_counts=True)
        distinct = sketch.Distinct()
        distinct.add_many(sketch.mix_many(values))
        numeric = values < np.uint64(_NO_NUMBER)
        values, counts = values[numeric], counts[numeric]
        return distinct.data(), _ranges(values, counts), _sequential(values, counts)

    def record(self, route: Route, window: int, partition: int, stream_time_ms: int) -> RouteHealth:
        """Return the totals as a record; `window` counts from 1970."""
        details = (self.distinct, self.ranges, self.sequential)
        if self.recipients is not None:
            details = self._details(self.recipients)
        count = self.counts.get
        return RouteHealth(
            *route,
            window * WINDOW_MS,
            WINDOW_MS,
            partition,
            stream_time_ms,
            *[count(measure, 0) for measure in range(RESPONSE_LATENCY)],
            self.refusals,
            self.failures,
            self._histogram(RESPONSE_LATENCY),
            self._histogram(RECEIPT_LATENCY),
            details[0] or None,
            details[1],
            details[2],
            self.sample,
        )

    def _histogram(self, first: int) -> dict[str, int]:
        end = first + len(buckets.BOUNDS)
        return {
            buckets.NAMES[measure - first]: self.counts[measure]
            for measure in sorted(self.counts)
            if first <= measure < end
        }

    def pack(self) -> tuple[Any, ...]:
        """Return the state as values that msgpack knows; of the recipients only those since the last time."""
        fresh = None if self.recipients is None else b"".join(values.tobytes() for values in self.fresh)
        self.fresh = []
        return (
            *(self.changed_ms, self.counts, self.refusals, self.failures, self.sample),
            *(fresh, self.distinct, self.ranges, self.sequential),
        )

    def unpack(self, packed: Any) -> None:
        """Take the place of what `pack` gave, after what earlier ones gave."""
        self.changed_ms, self.counts, self.refusals, self.failures, self.sample = packed[:5]
        fresh, self.distinct, self.ranges, self.sequential = packed[5:]
        if fresh is None:
            self.recipients = None
        elif fresh and self.recipients is not None:
            self.recipients.append(np.frombuffer(fresh, np.uint64))


def _ranges(values: UInts, counts: Any) -> dict[str, int]:
    names, where = np.unique(values // np.uint64(10_000), return_inverse=True)
    totals = np.bincount(where, counts).astype(np.int64)
    several = np.flatnonzero((totals > 1) & (names > 0))
    return sketch.fullest({str(names[i]): int(totals[i]) for i in several})


def _sequential(values: UInts, counts: Any) -> int:
    _, where, members = np.unique(values // np.uint64(100), return_inverse=True, return_counts=True)
    return int(counts[(members[where] > 1) & (values > 0)].sum())
