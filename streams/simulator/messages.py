"""Messages of realistic days, drawn without being written: what `windows` counts into route health.

Every message is drawn (when it was handed over, answered, confirmed, and how it ended), but as columns of numbers for a
whole route and stretch of time. That makes a route's day in about a tenth of a second, so detectors can be tried on
months of traffic.

Pure: the only chance is numpy's generator, seeded; the only time is that of the traffic.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

WINDOW_MS = 10_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

Array = npt.NDArray[Any]

NO_ANSWER, OK, TEMPORARY, PERMANENT, STRANGE = range(5)
NO_REPORT, DELIVERED, FAILED, UNCONFIRMED = range(4)

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
