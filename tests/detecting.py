"""Route health as correlate would tell it, of simulated traffic on a working morning, with an incident where wanted."""

from __future__ import annotations

from collections.abc import Sequence

from streams.events import Anomaly, RouteHealth
from streams.health.heartbeat import WINDOW_MS, heartbeat
from streams.simulator.incidents import Incident, inject
from streams.simulator.trial import START_MS as MONDAY_MS
from streams.simulator.windows import HOUR_MS, Route, RouteTraffic, count

START_MS = MONDAY_MS + 9 * HOUR_MS
SOURCES = 2
AURORA = Route("bank", "aurora", "FR", "otp", 180.0)
BOREALIS = Route("retail", "borealis", "FR", "notification", 150.0, response_ms=260.0)
ROUTES = (AURORA, BOREALIS)
FAILS = "delivery_drop"


def at(window: int) -> int:
    """When a window begins, epoch milliseconds."""
    return START_MS + window * WINDOW_MS


def traffic(
    windows: int, broken: range | None = None, routes: Sequence[Route] = ROUTES, kind: str = FAILS, size: float = 0.7
) -> list[list[RouteHealth]]:
    """Return what is told when each window is over: the totals of all routes, then the heartbeat of each source.

    In the windows `broken`, the first route has an incident. A route's messages belong to one source partition.
    """
    told: list[list[RouteHealth]] = [[] for _ in range(windows)]
    for number, route in enumerate(routes):
        messages = RouteTraffic(route, 7).messages(MONDAY_MS)
        if broken is not None and not number:
            messages = inject(messages, route, Incident(kind, at(broken.start), at(broken.stop), size), 7)
        for record in count(route, messages, START_MS, at(windows), number % SOURCES):
            window = (record.window_start_ms - START_MS) // WINDOW_MS
            told[window].append(record._replace(stream_time_ms=at(window + 1) + 500))
    for window, records in enumerate(told):
        records += beats(window)
    return told


def beats(window: int) -> list[RouteHealth]:
    """Return the heartbeats of all sources when a window is over."""
    return [heartbeat(source, at(window + 1) + 500) for source in range(SOURCES)]


def once(anomalies: Sequence[Anomaly]) -> list[tuple[str, int, str]]:
    """Return the records as readers take them: one with a known id and revision is the same record again."""
    seen: dict[tuple[str, int], str] = {}
    for anomaly in anomalies:
        seen.setdefault((anomaly.anomaly_id, anomaly.revision), anomaly.state)
    return sorted((*key, state) for key, state in seen.items())
