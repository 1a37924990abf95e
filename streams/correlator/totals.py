"""Totals of one route in one window: what `sms.route-health` says of it, and how they are kept until then.

While a window is open the recipients of its submits are kept one by one (as numbers). When it closes, `DETAIL_MS`
after its end by stream time, what `streams.health.sketch` makes of them is kept in their place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from streams.correlator import verdict as words
from streams.correlator.recipients import NO_DETAILS, Details
from streams.events import RouteHealth, Submit
from streams.health import buckets, sketch
from streams.health.heartbeat import WINDOW_MS
from streams.health.sketch import UInts

KEEP_MS = 10 * 60_000
"""How far behind stream time an event may be dated and still count in its own window; older ones count there."""
DETAIL_MS = 5_000
"""How long after the end of a window (stream time) its submits still count for recipients and ranges."""

_FIELDS = RouteHealth._fields
COUNTERS = _FIELDS[_FIELDS.index("submits") : _FIELDS.index("refusal_reasons")]
SUBMITS, RESPONSES_OK, RESPONSES_TEMPORARY, RESPONSES_PERMANENT, RESPONSES_UNKNOWN = range(5)
DELIVERED, PARTIALLY_DELIVERED, FAILED, UNCONFIRMED, REPORTS_INTERMEDIATE = range(5, 10)
TIMEOUTS_NO_RESPONSE, TIMEOUTS_NO_RECEIPT, TIMEOUTS_EXPIRED = range(10, 13)
LATE, DUPLICATES, CONFLICTS, ORPHANS, UNKNOWN_CODES = range(13, 18)
RESPONSE_LATENCY = len(COUNTERS)
RECEIPT_LATENCY = RESPONSE_LATENCY + len(buckets.BOUNDS)
MEASURES = RECEIPT_LATENCY + len(buckets.BOUNDS)
"""Whatever is counted has a number: the counters, then the buckets of the two histograms."""

FINAL = {
    words.DELIVERED: DELIVERED,
    words.PARTIALLY_DELIVERED: PARTIALLY_DELIVERED,
    words.FAILED: FAILED,
    words.SENT_WITHOUT_SR: UNCONFIRMED,
}
"""What is counted when a report makes a message's status one of these."""

Route = tuple[str, str, str, str]
"""Account, provider, country, traffic type."""


if COUNTERS[LATE] != "late" or len(COUNTERS) != UNKNOWN_CODES + 1:
    raise AssertionError("the counters of sms.route-health have changed: mend this module")


class Totals:
    """One route in one window. ``recipients`` is None once it is closed; ``fresh`` are those not packed yet."""

    __slots__ = ("changed_ms", "counts", "details", "failures", "fresh", "recipients", "refusals", "sample")

    def __init__(self) -> None:
        """Start with nothing counted."""
        self.counts = np.zeros(MEASURES, np.int64)
        self.refusals: dict[str, int] = {}
        self.failures: dict[str, int] = {}
        self.sample: dict[str, int] = {}
        self.recipients: list[UInts] | None = []
        self.fresh: list[UInts] = []
        self.details: Details | None = NO_DETAILS
        self.changed_ms = 0

    def add_refusal(self, reason: str) -> None:
        """Count the reason of a refused attempt."""
        self.refusals[reason] = self.refusals.get(reason, 0) + 1

    def add_failure(self, reason: str) -> None:
        """Count the reason of a failed message."""
        self.failures[reason] = self.failures.get(reason, 0) + 1

    def add_sample(self, submit: Submit, hash_: int) -> None:
        """Count a marketing submit whose recipient, with this hash, is in the sample."""
        key = sketch.sample_key(submit.campaign, hash_) if submit.traffic_type == "marketing" else ""
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

    def record(self, route: Route, window: int, partition: int, stream_time_ms: int) -> RouteHealth:
        """Return the totals as a record; `window` counts from 1970. ``details`` must be there."""
        assert self.details is not None
        counts: list[int] = self.counts.tolist()
        return RouteHealth._make(
            (
                *(*route, window * WINDOW_MS, WINDOW_MS, partition, stream_time_ms),
                *counts[:RESPONSE_LATENCY],
                *(self.refusals, self.failures),
                *(_histogram(counts[RESPONSE_LATENCY:RECEIPT_LATENCY]), _histogram(counts[RECEIPT_LATENCY:])),
                *(self.details.distinct or None, self.details.ranges, self.sample),
            )
        )

    def pack(self) -> tuple[Any, ...]:
        """Return the state as values that msgpack knows; of the recipients only those since the last time."""
        fresh = None if self.recipients is None else b"".join(values.tobytes() for values in self.fresh)
        self.fresh = []
        used = np.flatnonzero(self.counts)
        return (
            *(self.changed_ms, used.astype(np.uint8).tobytes(), self.counts[used].tolist()),
            *(self.refusals, self.failures, self.sample, fresh),
            *(self.details if fresh is None and self.details is not None else NO_DETAILS),
        )

    def unpack(self, packed: Any) -> None:
        """Take the place of what `pack` gave, after what earlier ones gave."""
        self.changed_ms, used, counts, self.refusals, self.failures, self.sample, fresh, *details = packed
        self.counts[:] = 0
        self.counts[np.frombuffer(used, np.uint8)] = counts
        if fresh is None:
            self.details = Details(*details)
            self.close()
        elif fresh:
            self.add_recipients(np.frombuffer(fresh, np.uint64))
            self.fresh = []


def _histogram(counts: list[int]) -> dict[str, int]:
    return {name: count for name, count in zip(buckets.NAMES, counts, strict=True) if count} if any(counts) else {}
