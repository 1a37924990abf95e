"""Route health made directly: realistic days of many routes, window by window, without a message ever being written.

Every message is drawn all the same (when it was handed over, answered, confirmed, and how it ended), but as columns
of numbers for a whole route and stretch of time, and counted into windows as correlate would count it. That makes a
route's day in about a tenth of a second, so detectors can be tried on months of traffic.

Pure: the only chance is numpy's generator, seeded; the only time is that of the traffic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.events import RouteHealth
from streams.health.buckets import BOUNDS, NAMES
from streams.health.sketch import KEPT_RANGES, SAMPLE, mix_many

WINDOW_MS = 10_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

Array = npt.NDArray[Any]

NO_ANSWER, OK, TEMPORARY, PERMANENT, STRANGE = range(5)
NO_REPORT, DELIVERED, FAILED, UNCONFIRMED = range(4)
_LATEST_MS = 6 * HOUR_MS  # what takes longer is left out

_DAY = {  # messages by hour of the day (UTC), busiest = 1
    "otp": (4, 2, 2, 2, 3, 7, 20, 45, 70, 85, 92, 95, 100, 96, 92, 90, 92, 97, 100, 95, 80, 58, 32, 12),
    "notification": (2, 1, 1, 1, 3, 8, 30, 70, 95, 100, 96, 88, 78, 85, 92, 95, 90, 80, 60, 35, 20, 10, 6, 3),
    "marketing": (0, 0, 0, 0, 0, 0, 0, 10, 60, 95, 100, 80, 40, 50, 70, 90, 100, 80, 20, 0, 0, 0, 0, 0),
    "unknown": (6, 5, 4, 4, 6, 10, 30, 60, 85, 95, 100, 95, 85, 90, 95, 92, 88, 75, 60, 45, 32, 22, 14, 9),
}
_WEEK = {  # Monday to Sunday
    "otp": (1.0, 1.0, 1.0, 1.02, 1.05, 0.8, 0.7),
    "notification": (1.0, 1.0, 0.98, 1.0, 1.0, 0.45, 0.25),
    "marketing": (0.8, 1.0, 0.9, 1.1, 1.2, 0.8, 0.0),
    "unknown": (1.0, 1.0, 1.0, 1.0, 1.0, 0.7, 0.6),
}
_REASONS = ("absent_subscriber", "unknown_subscriber", "undeliverable", "rejected", "expired", "network_error")
_REASON_SHARES = (0.4, 0.25, 0.15, 0.08, 0.08, 0.04)


class Route(NamedTuple):
    """One route and its habits. ``per_minute``: messages at the busiest hour; marketing comes in blasts of it.

    ``wander``: how much (in log-odds) its delivery rate drifts over hours. ``campaigns``: marketing only, how many a
    day. Latencies are log-normal: median in milliseconds and sigma.
    """

    account: str
    provider: str
    country: str
    traffic_type: str
    per_minute: float
    delivered: float = 0.94
    wander: float = 0.25
    confirmed: float = 0.97
    answered: float = 0.998
    throttled: float = 0.008
    refused: float = 0.006
    response_ms: float = 130.0
    response_sigma: float = 0.5
    receipt_ms: float = 4_500.0
    receipt_sigma: float = 0.9
    absent: float = 0.03
    duplicates: float = 0.01
    unknown: float = 0.001
    prefix: int = 33_6
    digits: int = 8


class Messages(NamedTuple):
    """The messages of a route in a stretch of time, as columns. Times are epoch milliseconds UTC.

    ``answer``, ``report``: the constants above; ``reason``: index into the reasons of failures; ``doubled``,
    ``strange``: records that are repetitions, reports whose code nobody knows; ``orphan``: its report found nothing.
    """

    at_ms: Array
    answer: Array
    answer_ms: Array
    report: Array
    report_ms: Array
    reason: Array
    doubled: Array
    strange: Array
    orphan: Array
    number: Array
    campaign: Array

    def where(self, keep: Array) -> Messages:
        """Return some of them."""
        return Messages(*(column[keep] for column in self))

    def join(self, other: Messages) -> Messages:
        """Return these and others."""
        return Messages(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))


REASONS = (*_REASONS, "spam")


class RouteTraffic:
    """The traffic of one route, day by day; the same seed and day give the same messages."""

    def __init__(self, route: Route, seed: int) -> None:
        """Make the traffic of `route` by `seed`."""
        self.route = route
        self._seed = seed
        self._name = [seed, *"|".join(route[:4]).encode()]

    def messages(self, day_ms: int, scale: float = 1.0) -> Messages:
        """Return the messages handed over on the day that begins at `day_ms`; `scale` times as many as usual."""
        rng = np.random.default_rng([*self._name, day_ms // DAY_MS])
        return draw(rng, self.route, self._times(rng, day_ms, scale), day_ms)

    def _times(self, rng: np.random.Generator, day_ms: int, scale: float) -> Array:
        """When messages are handed over: season, a level of the day, slow and quick noise, blasts of campaigns."""
        route = self.route
        weekday = (day_ms // DAY_MS + 3) % 7
        hours = np.array(_DAY[route.traffic_type], float) / 100 * _WEEK[route.traffic_type][weekday]
        minutes = np.interp(np.arange(1440) / 60, np.arange(25) + 0.5, [*hours, hours[0]])
        if route.traffic_type == "marketing":
            minutes = _blasts(rng, minutes)
        level = rng.lognormal(0, 0.08)
        slow = np.interp(np.arange(1440), np.arange(0, 1441, 30), rng.normal(0, 0.07, 49))
        quick = rng.normal(0, 0.12, 1440)
        mean = route.per_minute * scale * level * minutes * np.exp(slow + quick)
        counts = rng.poisson(mean)
        starts = np.repeat(day_ms + np.arange(1440) * 60_000, counts)
        return np.sort(starts + rng.integers(0, 60_000, len(starts)))


def _blasts(rng: np.random.Generator, minutes: Array) -> Array:
    """Marketing: a few campaigns a day, each some tens of minutes long, and nothing in between."""
    open_ = np.zeros(1440)
    if minutes.max() > 0:
        for start in rng.choice(1440, rng.integers(1, 5), p=minutes / minutes.sum()):
            open_[start : min(start + int(rng.integers(15, 75)), 1110)] = rng.lognormal(0, 0.4)
    return open_


def draw(rng: np.random.Generator, route: Route, at_ms: Array, day_ms: int) -> Messages:
    """Draw what becomes of messages handed over at these times."""
    n = len(at_ms)
    minute = np.clip((at_ms - day_ms) // 60_000, 0, 1439)
    hours = np.interp(np.arange(1440), np.arange(0, 1441, 60), np.cumsum(rng.normal(0, route.wander / 3, 25)))
    gusts = rng.standard_t(4, 1440) * route.wander / 4  # some minutes are worse than chance would have them
    lists = rng.normal(0, 0.35, 48).repeat(30) if route.traffic_type == "marketing" else np.zeros(1440)
    wander = (hours - hours.mean() + gusts + lists)[minute]
    odds = route.delivered / (1 - route.delivered) * np.exp(wander)
    chance = rng.random(n)
    answer = np.full(n, OK)
    answer[chance < route.throttled] = TEMPORARY
    answer[(chance >= route.throttled) & (chance < route.throttled + route.refused)] = PERMANENT
    answer[rng.random(n) >= route.answered] = NO_ANSWER
    report = np.where(rng.random(n) < odds / (1 + odds), DELIVERED, FAILED)
    report[(rng.random(n) >= route.confirmed) | (answer != OK)] = NO_REPORT
    answer_ms = at_ms + rng.lognormal(np.log(route.response_ms), route.response_sigma, n).astype(np.int64) + 1
    busy = np.interp(np.arange(1440), np.arange(0, 1441, 60), rng.normal(0, 0.1, 25))[minute]
    took = rng.lognormal(np.log(route.receipt_ms) + busy, route.receipt_sigma, n)
    absent = rng.random(n) < route.absent
    took = np.where(absent, rng.uniform(10 * 60_000, 8 * HOUR_MS, n), took)
    campaign = (at_ms // (30 * 60_000)) if route.traffic_type == "marketing" else np.full(n, -1)
    return Messages(
        at_ms=at_ms,
        answer=answer,
        answer_ms=answer_ms,
        report=report,
        report_ms=answer_ms + took.astype(np.int64) + 200,
        reason=rng.choice(len(_REASONS), n, p=_REASON_SHARES),
        doubled=rng.random(n) < route.duplicates,
        strange=rng.random(n) < route.unknown,
        orphan=np.zeros(n, bool),
        number=route.prefix * 10**route.digits + rng.integers(0, 10**route.digits, n),
        campaign=campaign,
    )


# ---- counting into windows ---------------------------------------------------------------------------------------

_FIELDS = (
    *("submits", "responses_ok", "responses_temporary", "responses_permanent", "delivered", "failed", "unconfirmed"),
    *("reports_intermediate", "timeouts_no_response", "late", "duplicates", "orphans", "unknown_codes"),
)


def count(route: Route, messages: Messages, from_ms: int, to_ms: int, partition: int = 0) -> list[RouteHealth]:
    """Count messages into the windows from `from_ms` to `to_ms`, as correlate does: each thing when it came."""
    span = (to_ms - from_ms) // WINDOW_MS
    answered, known = messages.answer != NO_ANSWER, ~messages.strange & ~messages.orphan
    final = (messages.report != NO_REPORT) & (messages.report_ms < messages.at_ms + _LATEST_MS)
    sent, answers, reports = (
        (times - from_ms) // WINDOW_MS for times in (messages.at_ms, messages.answer_ms, messages.report_ms)
    )
    columns = {
        "submits": sent,
        "responses_ok": answers[messages.answer == OK],
        "responses_temporary": answers[messages.answer == TEMPORARY],
        "responses_permanent": answers[messages.answer == PERMANENT],
        "delivered": reports[final & known & (messages.report == DELIVERED)],
        "failed": reports[final & known & (messages.report == FAILED)],
        "unconfirmed": reports[final & known & (messages.report == UNCONFIRMED)],
        "reports_intermediate": reports[final & messages.strange],
        "timeouts_no_response": (messages.at_ms[~answered] + 60_000 - from_ms) // WINDOW_MS,
        "late": answers[answered & (messages.answer_ms > messages.at_ms + 60_000)],
        "duplicates": reports[final & messages.doubled],
        "orphans": reports[final & messages.orphan],
        "unknown_codes": reports[final & messages.strange],
    }
    counts = np.stack([_by_window(columns[name], span) for name in _FIELDS])
    response = _histograms(answers[answered], (messages.answer_ms - messages.at_ms)[answered], span)
    settled = final & known & (messages.report != UNCONFIRMED)
    receipt = _histograms(reports[settled], (messages.report_ms - messages.at_ms)[settled], span)
    failures = _names(
        reports[settled & (messages.report == FAILED)], messages.reason[settled & (messages.report == FAILED)], span
    )
    ranges = _ranges(sent, messages.number, span)
    sample = _sample(sent, messages, span)
    return [
        _record(
            route,
            from_ms + window * WINDOW_MS,
            partition,
            counts[:, window],
            window,
            response,
            receipt,
            failures,
            ranges,
            sample,
        )
        for window in np.flatnonzero(counts.any(axis=0)).tolist()
    ]


def _record(
    route: Route,
    start_ms: int,
    partition: int,
    counts: Array,
    window: int,
    response: dict[int, dict[str, int]],
    receipt: dict[int, dict[str, int]],
    failures: dict[int, dict[str, int]],
    ranges: dict[int, dict[str, int]],
    sample: dict[int, dict[str, int]],
) -> RouteHealth:
    of = dict(zip(_FIELDS, counts.tolist(), strict=True))
    none: dict[str, int] = {}
    refusals = {"throttled": of["responses_temporary"], "invalid_recipient": of["responses_permanent"]}
    return RouteHealth(
        *route[:4],
        start_ms,
        WINDOW_MS,
        partition,
        start_ms + WINDOW_MS,
        of["submits"],
        of["responses_ok"],
        of["responses_temporary"],
        of["responses_permanent"],
        0,
        of["delivered"],
        0,
        of["failed"],
        of["unconfirmed"],
        of["reports_intermediate"],
        of["timeouts_no_response"],
        0,
        0,
        of["late"],
        of["duplicates"],
        0,
        of["orphans"],
        of["unknown_codes"],
        {name: n for name, n in refusals.items() if n},
        failures.get(window, none),
        response.get(window, none),
        receipt.get(window, none),
        None,
        ranges.get(window, none),
        sample.get(window, none),
    )


def _by_window(windows: Array, span: int) -> Array:
    return np.bincount(windows[(windows >= 0) & (windows < span)], minlength=span)[:span]


def _named(windows: Array, keys: Array, span: int, names: Sequence[str]) -> dict[int, dict[str, int]]:
    inside = (windows >= 0) & (windows < span)
    cells, counts = np.unique(windows[inside] * len(names) + keys[inside], return_counts=True)
    found: dict[int, dict[str, int]] = {}
    for cell, counted in zip(cells.tolist(), counts.tolist(), strict=True):
        found.setdefault(cell // len(names), {})[names[cell % len(names)]] = counted
    return found


def _histograms(windows: Array, latency_ms: Array, span: int) -> dict[int, dict[str, int]]:
    buckets = np.minimum(np.searchsorted(BOUNDS, latency_ms), len(BOUNDS) - 1)
    return _named(windows, buckets, span, NAMES)


def _names(windows: Array, reasons: Array, span: int) -> dict[int, dict[str, int]]:
    return _named(windows, reasons, span, REASONS)


def _ranges(windows: Array, numbers: Array, span: int) -> dict[int, dict[str, int]]:
    inside = (windows >= 0) & (windows < span)
    pairs = np.stack((windows[inside], numbers[inside] // 100), axis=1)
    cells, counts = np.unique(pairs, axis=0, return_counts=True)
    order = np.lexsort((mix_many(cells[:, 1].astype(np.uint64)), -counts, cells[:, 0]))
    found: dict[int, dict[str, int]] = {}
    for (window, range_), counted in zip(cells[order].tolist(), counts[order].tolist(), strict=True):
        kept = found.setdefault(window, {})
        if len(kept) < KEPT_RANGES:
            kept[str(range_)] = counted
    return found


def _sample(windows: Array, messages: Messages, span: int) -> dict[int, dict[str, int]]:
    hashes = mix_many(messages.number.astype(np.uint64))
    chosen = (hashes % np.uint64(SAMPLE) == 0) & (messages.campaign >= 0) & (windows >= 0) & (windows < span)
    found: dict[int, dict[str, int]] = {}
    short = ((hashes[chosen] >> np.uint64(4)) & np.uint64(0xFF_FFFF_FFFF)).tolist()
    for window, campaign, hash_ in zip(
        windows[chosen].tolist(), messages.campaign[chosen].tolist(), short, strict=True
    ):
        key = f"c{campaign}/{hash_:010x}"
        counts = found.setdefault(window, {})
        counts[key] = counts.get(key, 0) + 1
    return found


def in_order(records: Iterable[RouteHealth]) -> list[RouteHealth]:
    """Return records by window and route."""
    return sorted(records, key=lambda record: (record.window_start_ms, record[:4]))
