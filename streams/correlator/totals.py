"""Totals of one route in one window: what `sms.route-health` says of it, and how they are kept until then.

While a window is open the recipients of its submits are kept one by one (as numbers). When it closes, `DETAIL_MS`
after its end by stream time, what `streams.health.sketch` makes of them is kept in their place.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
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

    def pack(self, measures: bytes, counts: list[int]) -> tuple[Any, ...]:
        """Return the state as values that msgpack knows; of the recipients only those since the last time.

        `measures` and `counts` are those of ``counts`` that are not zero, as `sparse` gives them.
        """
        fresh = None if self.recipients is None else b"".join(values.tobytes() for values in self.fresh)
        self.fresh = []
        return (
            *(self.changed_ms, measures, counts, self.refusals, self.failures, self.sample, fresh),
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


def sparse(many: Sequence[Totals]) -> list[tuple[bytes, list[int]]]:
    """Return, for each, the measures that are not zero (a byte each) and their counts."""
    if not many:
        return []
    rows = np.stack([totals.counts for totals in many])
    which, measures = np.nonzero(rows)
    names, counts = measures.astype(np.uint8).tobytes(), rows[which, measures].tolist()
    cuts = np.searchsorted(which, np.arange(len(many) + 1)).tolist()
    return [(names[start:end], counts[start:end]) for start, end in itertools.pairwise(cuts)]


def record_of(
    totals: Totals, measures: bytes, counts: list[int], route: Route, window: int, partition: int, stream_time_ms: int
) -> RouteHealth:
    """Return totals as a record; ``details`` must be there, `measures` and `counts` are what `sparse` gave."""
    assert totals.details is not None
    counters = [0] * RESPONSE_LATENCY
    response: dict[str, int] = {}
    receipt: dict[str, int] = {}
    for measure, count in zip(measures, counts, strict=True):
        if measure < RESPONSE_LATENCY:
            counters[measure] = count
        elif measure < RECEIPT_LATENCY:
            response[buckets.NAMES[measure - RESPONSE_LATENCY]] = count
        else:
            receipt[buckets.NAMES[measure - RECEIPT_LATENCY]] = count
    return RouteHealth._make(
        (
            *(*route, window * WINDOW_MS, WINDOW_MS, partition, stream_time_ms),
            *(*counters, totals.refusals, totals.failures, response, receipt),
            *(totals.details.distinct or None, totals.details.ranges, totals.sample),
        )
    )
