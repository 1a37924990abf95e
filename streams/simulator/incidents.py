"""Incidents with labels: what goes wrong on a route, from when to when, how badly, and what should be said about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from streams.simulator.messages import (
    DELIVERED,
    FAILED,
    HOUR_MS,
    NO_ANSWER,
    NO_REPORT,
    OK,
    PERMANENT,
    REASONS,
    TEMPORARY,
    UNCONFIRMED,
    Array,
    Messages,
    Route,
    draw,
)


class Incident(NamedTuple):
    """What goes wrong on one route. ``size`` is explained in `KINDS`; times are epoch milliseconds UTC."""

    kind: str
    from_ms: int
    to_ms: int
    size: float


Apply = Callable[[Messages, Array, Incident, Route, np.random.Generator], Messages]


class Kind(NamedTuple):
    """A kind of incident: what its size means, the sizes tried, which anomalies tell it, and what it does.

    ``after_reports``: it cannot be seen before the first reports of its messages are due.
    """

    size: str
    sizes: tuple[float, ...]
    anomalies: tuple[str, ...]
    apply: Apply
    after_reports: bool = False
    traffic: tuple[str, ...] = ()


def inject(messages: Messages, route: Route, incident: Incident, seed: int) -> Messages:
    """Return what the messages of a route become under an incident."""
    inside = (messages.at_ms >= incident.from_ms) & (messages.at_ms < incident.to_ms)
    rng = np.random.default_rng([seed, incident.from_ms // 1_000])
    return KINDS[incident.kind].apply(messages, inside, incident, route, rng)


def _some(inside: Array, share: float, rng: np.random.Generator) -> Array:
    chosen: Array = inside & (rng.random(len(inside)) < share)
    return chosen


def _undelivered(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    hit = _some(inside, what.size, rng) & (m.report == DELIVERED)
    return m._replace(report=np.where(hit, FAILED, m.report))


def _one_reason(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    hit = _some(inside, what.size, rng) & (m.report == DELIVERED)
    reason = np.where(hit, REASONS.index("spam"), m.reason)
    return m._replace(report=np.where(hit, FAILED, m.report), reason=reason)


def _unconfirmed(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    return m._replace(report=np.where(_some(inside, what.size, rng), NO_REPORT, m.report))


def _no_confirmation(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    hit = _some(inside, what.size, rng) & (m.report != NO_REPORT)
    return m._replace(report=np.where(hit, UNCONFIRMED, m.report))


def _unanswered(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    hit = _some(inside, what.size, rng)
    return m._replace(answer=np.where(hit, NO_ANSWER, m.answer), report=np.where(hit, NO_REPORT, m.report))


def _refused(code: int) -> Apply:
    def apply(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
        hit = _some(inside, what.size, rng) & (m.answer == OK)
        return m._replace(answer=np.where(hit, code, m.answer), report=np.where(hit, NO_REPORT, m.report))

    return apply


def _slow_answers(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    later = np.where(inside, (m.answer_ms - m.at_ms) * (what.size - 1), 0).astype(np.int64)
    return m._replace(answer_ms=m.answer_ms + later, report_ms=m.report_ms + later)


def _slow_reports(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    later = np.where(inside, (m.report_ms - m.answer_ms) * (what.size - 1), 0).astype(np.int64)
    return m._replace(report_ms=m.report_ms + later)


def _silent(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    return m.where(~_some(inside, what.size, rng))


def _more(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    """Add `size` times the messages of the incident's time, drawn anew."""
    times = np.sort(rng.choice(m.at_ms[inside], round(inside.sum() * what.size))) if inside.any() else m.at_ms[:0]
    times = times + rng.integers(0, 1_000, len(times))
    day_ms = int(times[0]) // (24 * HOUR_MS) * 24 * HOUR_MS if len(times) else 0
    return m.join(draw(rng, route, times, day_ms))


def _surge(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    return _more(m, inside, what._replace(size=what.size - 1), route, rng)


def _orphans(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    return m._replace(orphan=m.orphan | _some(inside, what.size, rng))


def _doubled(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    return m._replace(doubled=m.doubled | _some(inside, what.size, rng))


def _strange(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    return m._replace(strange=m.strange | _some(inside, what.size, rng))


def _fake(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    confirmed = inside & (m.answer == OK)
    after = (what.size + rng.normal(0, what.size * 0.02, len(inside))).astype(np.int64)
    return m._replace(
        report=np.where(confirmed, DELIVERED, m.report), report_ms=np.where(confirmed, m.answer_ms + after, m.report_ms)
    )


def _pumped(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    """Add messages to numbers one after another, a few left out, that begin somewhere in the country."""
    before = len(m.at_ms)
    m = _more(m, inside, what, route, rng)
    steps = np.cumsum(rng.integers(1, 4, len(m.at_ms) - before))
    start = route.prefix * 10**route.digits + int(rng.integers(0, 10**route.digits // 2))
    number = m.number.copy()
    number[before:] = start + steps
    return m._replace(number=number)


def _at_night(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    """Add `size` messages in the first ten minutes of the incident's time."""
    times = np.sort(rng.integers(what.from_ms, what.from_ms + 600_000, int(what.size)))
    return m.join(draw(rng, route, times, what.from_ms // (24 * HOUR_MS) * 24 * HOUR_MS))


def _repeated(m: Messages, inside: Array, what: Incident, route: Route, rng: np.random.Generator) -> Messages:
    """Send a share of the incident's messages again, a little later, to the same numbers in the same campaign."""
    again = m.where(_some(inside, what.size, rng))
    late = rng.integers(20_000, 120_000, len(again.at_ms))
    return m.join(
        again._replace(at_ms=again.at_ms + late, answer_ms=again.answer_ms + late, report_ms=again.report_ms + late)
    )


_SHARE, _FACTOR = "share of the messages", "times as long"
_STEADY = ("otp", "notification")

KINDS = {
    "delivery_drop": Kind(
        "share of the deliveries that fail", (0.25, 0.5, 0.9), ("delivery_rate", "failure_reason"), _undelivered, True
    ),
    "receipts_lost": Kind("share of the reports that never come", (0.5, 0.9), ("no_receipts",), _unconfirmed, True),
    "never_confirmed": Kind(
        "share of the reports that say there will be none", (0.2, 0.6), ("sent_without_sr",), _no_confirmation, True
    ),
    "unanswered": Kind("share of the submits without an answer", (0.5, 1.0), ("no_response",), _unanswered),
    "throttled": Kind(_SHARE, (0.25, 0.8), ("throttling",), _refused(TEMPORARY)),
    "refused": Kind(_SHARE, (0.2, 0.8), ("refusals",), _refused(PERMANENT)),
    "one_reason": Kind(
        "share of the deliveries that fail for one reason",
        (0.12, 0.25),
        ("failure_reason", "delivery_rate"),
        _one_reason,
        True,
    ),
    "slow_answers": Kind(_FACTOR, (4.0, 12.0), ("response_latency", "no_response"), _slow_answers),
    "slow_reports": Kind(_FACTOR, (4.0, 12.0), ("receipt_latency", "no_receipts"), _slow_reports, True),
    "silence": Kind("share of the messages not sent", (1.0,), ("volume_silent",), _silent, traffic=_STEADY),
    "surge": Kind("times as many", (4.0, 10.0), ("volume_surge",), _surge, traffic=_STEADY),
    "orphans": Kind("share of the reports", (0.12, 0.4), ("orphans",), _orphans, True),
    "duplicates": Kind("share of the reports", (0.3, 0.8), ("duplicates",), _doubled, True),
    "unknown_codes": Kind("share of the reports", (0.08, 0.3), ("unknown_codes",), _strange, True),
    "fake_receipts": Kind("milliseconds after the answer", (40.0, 3_000.0), ("fake_receipts",), _fake, True),
    "pumping": Kind("times the usual messages, on top", (0.6, 2.0), ("pumping",), _pumped, traffic=_STEADY),
    "night_marketing": Kind("messages", (60.0, 600.0), ("marketing_hours",), _at_night, traffic=("marketing",)),
    "repeated_recipients": Kind(_SHARE, (0.1, 1.0), ("repeated_recipients",), _repeated, traffic=("marketing",)),
}
