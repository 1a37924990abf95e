"""Totals of one route in one window: what `sms.route-health` says of it, and how they are kept until then.

While a window is open the recipients of its submits are kept one by one (as numbers). When it closes, `DETAIL_MS`
after its end by stream time, what `streams.health.sketch` makes of them is kept in their place.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from streams.correlator import verdict as words
from streams.correlator.recipients import NO_DETAILS, Details
from streams.events import RouteHealth
from streams.health import buckets, sketch
from streams.health.heartbeat import WINDOW_MS
from streams.health.sketch import UInts

KEEP_MS: Final = 10 * 60_000
"""How far behind stream time an event may be dated and still count in its own window; older ones count there."""
DETAIL_MS: Final = 5_000
"""How long after the end of a window (stream time) its submits still count for recipients and ranges."""

_FIELDS: Final = RouteHealth._fields
COUNTERS: Final = _FIELDS[_FIELDS.index("submits") : _FIELDS.index("refusal_reasons")]
SUBMITS: Final = 0
RESPONSES_OK: Final = 1
RESPONSES_TEMPORARY: Final = 2
RESPONSES_PERMANENT: Final = 3
RESPONSES_UNKNOWN: Final = 4
DELIVERED: Final = 5
PARTIALLY_DELIVERED: Final = 6
FAILED: Final = 7
UNCONFIRMED: Final = 8
REPORTS_INTERMEDIATE: Final = 9
TIMEOUTS_NO_RESPONSE: Final = 10
TIMEOUTS_NO_RECEIPT: Final = 11
TIMEOUTS_EXPIRED: Final = 12
LATE: Final = 13
DUPLICATES: Final = 14
CONFLICTS: Final = 15
ORPHANS: Final = 16
UNKNOWN_CODES: Final = 17
RESPONSE_LATENCY: Final = 18
RECEIPT_LATENCY: Final = 71
MEASURES: Final = 124
"""Whatever is counted has a number: the counters, then the buckets of the two histograms."""

FINAL: Final = {
    words.DELIVERED: DELIVERED,
    words.PARTIALLY_DELIVERED: PARTIALLY_DELIVERED,
    words.FAILED: FAILED,
    words.SENT_WITHOUT_SR: UNCONFIRMED,
}
"""What is counted when a report makes a message's status one of these."""

_new: Final = tuple.__new__
"""Makes a named tuple at half the cost of calling its class."""

Route = tuple[str, str, str, str]
"""Account, provider, country, traffic type."""


_ENDS = (len(COUNTERS), RESPONSE_LATENCY + len(buckets.BOUNDS), RECEIPT_LATENCY + len(buckets.BOUNDS))
if COUNTERS[LATE] != "late" or _ENDS != (RESPONSE_LATENCY, RECEIPT_LATENCY, MEASURES):
    raise AssertionError("the counters of sms.route-health have changed: mend this module")


def is_marketing(route: Route) -> bool:
    """Tell whether repetitions are looked for among the recipients of a route."""
    return route[3] == "marketing"


class Totals:
    """One route in one window (from 1970): ``counts`` by measure, reasons, the sample, and the recipients.

    ``used`` are the measures of which anything is counted.
    ``submits`` are those of the step that is going on whose recipients are still to be looked at.
    ``recipients`` are the values of all earlier ones, None once the window is closed; ``fresh`` are those not packed
    yet. ``touched``, ``changed`` and ``untold`` are marks of `streams.correlator.health`: it has been counted in during
    this step, has not been packed, has not been told since.
    """

    __slots__ = (
        "changed",
        "changed_ms",
        "counts",
        "details",
        "failures",
        "fresh",
        "recipients",
        "refusals",
        "route",
        "sample",
        "submits",
        "touched",
        "untold",
        "used",
        "window",
    )

    def __init__(self, window: int, route: Route) -> None:
        """Start with nothing counted."""
        self.window = window
        self.route = route
        self.counts = [0] * MEASURES
        self.used: list[int] = []
        self.refusals: dict[str, int] = {}
        self.failures: dict[str, int] = {}
        self.sample: dict[str, int] = {}
        self.submits: list[Any] = []
        self.recipients: list[UInts] | None = []
        self.fresh: list[UInts] = []
        self.details: Details | None = NO_DETAILS
        self.changed_ms = 0
        self.touched = self.changed = self.untold = False

    def add(self, measure: int, many: int = 1) -> None:
        """Count one, or `many`."""
        count = self.counts[measure]
        if not count:
            self.used.append(measure)
        self.counts[measure] = count + many

    def add_refusal(self, reason: str) -> None:
        """Count the reason of a refused attempt."""
        self.refusals[reason] = self.refusals.get(reason, 0) + 1

    def add_failure(self, reason: str) -> None:
        """Count the reason of a failed message."""
        self.failures[reason] = self.failures.get(reason, 0) + 1

    def add_sample(self, campaign: str, hash_: int) -> None:
        """Count a marketing submit whose recipient has this hash, where that is in the sample."""
        key = sketch.sample_key(campaign, hash_)
        if key:
            self.sample[key] = self.sample.get(key, 0) + 1

    def add_recipients(self, values: UInts) -> None:
        """Take in recipients of submits, as `streams.correlator.recipients` makes values of them."""
        if self.recipients is not None:
            self.recipients.append(values)
            self.fresh.append(values)
            self.details = None

    def close(self) -> None:
        """Keep what is said of the recipients (``details`` must be there) in place of themselves."""
        self.recipients = None
        self.fresh = []

    def pack(self) -> tuple[Any, ...]:
        """Return the state as values that msgpack knows; of the recipients only those since the last time."""
        counts = self.counts
        fresh = None if self.recipients is None else b"".join([values.tobytes() for values in self.fresh])
        self.fresh = []
        details = self.details if fresh is None and self.details is not None else NO_DETAILS
        return (
            self.changed_ms,
            bytes(self.used),
            [counts[measure] for measure in self.used],
            self.refusals,
            self.failures,
            self.sample,
            fresh,
            details.distinct,
            details.ranges,
        )

    def unpack(self, packed: Any) -> None:
        """Take the place of what `pack` gave, after what earlier ones gave."""
        self.changed_ms, used, counts, self.refusals, self.failures, self.sample, fresh, *details = packed
        self.counts = [0] * MEASURES
        self.used = list(used)
        for measure, count in zip(used, counts, strict=True):
            self.counts[measure] = count
        if fresh is None:
            self.details = Details(*details)
            self.close()
        elif fresh:
            self.add_recipients(np.frombuffer(fresh, np.uint64))
            self.fresh = []

    def record(self, partition: int, stream_time_ms: int) -> RouteHealth:
        """Return the totals as they are told; ``details`` must be there."""
        details = self.details
        assert details is not None
        told: tuple[Any, ...] = (*self.route, self.window * WINDOW_MS, WINDOW_MS, partition, stream_time_ms)
        told += tuple(self.counts[:RESPONSE_LATENCY])
        told += (self.refusals, self.failures, self._histogram(RESPONSE_LATENCY), self._histogram(RECEIPT_LATENCY))
        told += (details.distinct or None, details.ranges, self.sample)
        return _new(RouteHealth, told)

    def _histogram(self, first: int) -> dict[str, int]:
        last = first + len(buckets.NAMES)
        return {buckets.NAMES[m - first]: self.counts[m] for m in sorted(self.used) if first <= m < last}


class Lane:
    """A route, its totals by window, and those in which it counted last in this step: of [start_ms, end_ms).

    Events come nearly in the order of their times, so it is the same totals again and again. They are noted here, and
    counted when the lane turns to other totals or the step ends: so memory is gone through once, in order. ``log`` are
    the measures, ``submits`` the submits whose recipients are to be looked at.
    """

    __slots__ = ("end_ms", "log", "marketing", "route", "start_ms", "submits", "totals", "windows")

    def __init__(self, route: Route) -> None:
        """Begin with none."""
        self.route = route
        self.windows: dict[int, Totals] = {}
        self.marketing = is_marketing(route)
        self.start_ms = self.end_ms = 0
        self.totals = Totals(0, route)
        self.log: list[int] = []
        self.submits: list[Any] = []

    def flush(self) -> None:
        """Count in the totals what has been noted."""
        totals = self.totals
        if self.log:
            for measure in self.log:
                totals.add(measure)
            self.log = []
        if self.submits:
            totals.add(SUBMITS, len(self.submits))
            totals.submits += self.submits
            self.submits = []
