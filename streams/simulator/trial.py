"""Tries the detectors on simulated traffic: quiet days that nobody should hear of, and labelled incidents.

A *world* is some routes and a seed. Its days are run through the engine as a host would: the records of a window,
then the stream time that closes it. False alarms are what is opened in quiet days and is not mere information.
Incidents are tried from snapshots of the state after the quiet days, each one alone, for half an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import NamedTuple

import numpy as np

from streams.detectors.config import DetectConfig
from streams.detectors.engine import Engine
from streams.detectors.scopes import ACCOUNT_GROUP, PROVIDER_GROUP, Scope
from streams.detectors.state import GroupState
from streams.events import Anomaly, RouteHealth
from streams.simulator.incidents import KINDS, Incident, inject
from streams.simulator.messages import DAY_MS, HOUR_MS, WINDOW_MS, Array, Messages, Route, RouteTraffic
from streams.simulator.windows import count, in_order

START_MS = 1_767_571_200_000
"""Monday, 2026-01-05, midnight UTC: no public holiday for weeks."""

BEFORE_MS = 600_000
INCIDENT_MS = 1_800_000
_TAIL_MS = 6 * HOUR_MS
_HOURS = (9, 12, 15)
"""Hours of the day (UTC) at which snapshots are taken."""

NIGHT_HOUR = 20

ROUTES = (
    Route("bank", "aurora", "FR", "otp", 180.0),
    Route("bank", "aurora", "BE", "otp", 45.0, delivered=0.91, prefix=32_47, digits=7),
    Route("retail", "aurora", "FR", "marketing", 420.0, delivered=0.88, wander=0.4),
    Route("retail", "borealis", "FR", "notification", 150.0, response_ms=260.0, receipt_ms=9_000.0, receipt_sigma=1.2),
    Route("bank", "borealis", "DE", "otp", 160.0, delivered=0.92, throttled=0.03, prefix=49_15, digits=8),
    Route("city", "cumulus", "FR", "unknown", 60.0, delivered=0.85, confirmed=0.88, answered=0.99, duplicates=0.05),
)


class Trial(NamedTuple):
    """One incident that was tried. Times in milliseconds; ``after_ms`` counts from when it could be seen."""

    kind: str
    size: float
    route: Route
    per_minute: float
    found: bool
    after_ms: int | None
    anomalies: tuple[str, ...]


class Quiet(NamedTuple):
    """What was heard in quiet days."""

    route_days: float
    alarms: tuple[Anomaly, ...]
    double_day: tuple[Anomaly, ...]


Tell = Callable[[str], object]


class World:
    """Some routes, their traffic by a seed, and the state of the detectors."""

    def __init__(self, seed: int, routes: tuple[Route, ...] = ROUTES, config: DetectConfig | None = None) -> None:
        """Begin at `START_MS` with nothing known."""
        self.seed, self.routes = seed, routes
        self._traffic = [RouteTraffic(route, seed) for route in routes]
        self._engine = Engine(config)
        self._days: dict[int, list[Messages]] = {}
        self.states: dict[str, GroupState] = {}
        self.double: set[int] = set()

    def messages(self, day: int) -> list[Messages]:
        """Return the messages of each route on a day (from 0), with those of the day before still under way."""
        if day not in self._days:
            start_ms = START_MS + day * DAY_MS
            today = []
            for route, traffic in zip(self.routes, self._traffic, strict=True):
                scale = 2.0 if day in self.double and route.traffic_type == "marketing" else 1.0
                today.append(traffic.messages(start_ms, scale))
            self._days = {number: known for number, known in self._days.items() if number >= day - 1}
            self._days[day] = today
        before = self._days.get(day - 1)
        if before is None:
            return self._days[day]
        limit_ms = START_MS + day * DAY_MS - _TAIL_MS
        return [old.where(old.at_ms > limit_ms).join(new) for old, new in zip(before, self._days[day], strict=True)]

    def records(self, messages: list[Messages], from_ms: int, to_ms: int) -> list[RouteHealth]:
        """Return the route health of some messages."""
        found: list[RouteHealth] = []
        for route, each in zip(self.routes, messages, strict=True):
            near = (each.at_ms >= from_ms - _TAIL_MS) & (each.at_ms < to_ms)
            found += count(route, each.where(near), from_ms, to_ms)
        return in_order(found)

    def run(
        self,
        states: dict[str, GroupState],
        records: list[RouteHealth],
        from_ms: int,
        to_ms: int,
        only: tuple[str, ...] = (),
    ) -> Iterator[Anomaly]:
        """Put records through the engine, window by window; `only`: these groups (empty: all)."""
        position = 0
        for start_ms in range(from_ms, to_ms, WINDOW_MS):
            while position < len(records) and records[position].window_start_ms == start_ms:
                record = records[position]
                for group in self._engine.groups(record):
                    if only and group not in only:
                        continue
                    if group not in states:
                        states[group] = GroupState(group)
                    self._engine.see(states[group], record)
                position += 1
            stream_time_ms = start_ms + WINDOW_MS + self._engine.config.lateness_ms
            for group in sorted(states):
                yield from self._engine.advance(states[group], stream_time_ms)[1]

    def quiet_day(
        self, day: int, on_hour: Callable[[int, dict[str, GroupState]], object] | None = None
    ) -> list[Anomaly]:
        """Run a day without incidents; return what was opened. `on_hour` sees the states after some hours."""
        start_ms = START_MS + day * DAY_MS
        records = self.records(self.messages(day), start_ms, start_ms + DAY_MS)
        told: list[Anomaly] = []
        position = 0
        for hour in range(24):
            from_ms, to_ms = start_ms + hour * HOUR_MS, start_ms + (hour + 1) * HOUR_MS
            end = position
            while end < len(records) and records[end].window_start_ms < to_ms:
                end += 1
            told += self.run(self.states, records[position:end], from_ms, to_ms)
            position = end
            if on_hour is not None:
                on_hour(hour + 1, self.states)
        return [anomaly for anomaly in told if anomaly.state == "opened" and anomaly.severity != "info"]


def quiet(world: World, days: int, tell: Tell) -> Quiet:
    """Run quiet days from a cold start on; the last Thursday has campaigns of double size."""
    world.double = {max((day for day in range(days) if day % 7 == 3), default=-1)}
    alarms: list[Anomaly] = []
    double: list[Anomaly] = []
    for day in range(days):
        heard = world.quiet_day(day)
        alarms += heard
        double += heard if day in world.double else []
        tell("day")
    return Quiet(days * len(world.routes), tuple(alarms), tuple(double))


def trials(world: World, day: int, kinds: tuple[str, ...], tell: Tell) -> list[Trial]:
    """Run the days before `day` and that day quietly, then try every kind and size of incident on that day."""
    for before in range(day):
        world.quiet_day(before)
        tell("day")
    snapshots: dict[int, dict[str, GroupState]] = {}

    def keep(hour: int, states: dict[str, GroupState]) -> None:
        if hour in (*_HOURS, NIGHT_HOUR):
            snapshots[hour] = deepcopy(states)

    world.quiet_day(day, keep)
    tell("day")
    messages = world.messages(day)
    done = []
    rng = np.random.default_rng([world.seed, day])
    for kind in kinds:
        for size in KINDS[kind].sizes:
            for index, route in enumerate(world.routes):
                if KINDS[kind].traffic and route.traffic_type not in KINDS[kind].traffic:
                    continue
                hour = NIGHT_HOUR if kind == "night_marketing" else _hour(messages[index], day, rng)
                trial = _try(world, messages, index, Incident(kind, *_times(day, hour, rng), size), snapshots[hour])
                if trial is not None:
                    done.append(trial)
            tell("trial")
    return done


def _hour(messages: Messages, day: int, rng: np.random.Generator) -> int:
    """Choose an hour; where there is not always traffic (campaigns), one with traffic when the incident is on."""
    at_ms = messages.at_ms - START_MS - day * DAY_MS
    starts = [hour * HOUR_MS + BEFORE_MS for hour in _HOURS]
    sizes = [int(((at_ms >= start) & (at_ms < start + INCIDENT_MS)).sum()) for start in starts]
    busy = [hour for hour, size in zip(_HOURS, sizes, strict=True) if size >= max(sizes) / 3]
    return int(rng.choice(busy))


def _times(day: int, hour: int, rng: np.random.Generator) -> tuple[int, int]:
    from_ms = START_MS + day * DAY_MS + hour * HOUR_MS + BEFORE_MS + int(rng.integers(0, 60_000))
    return from_ms, from_ms + INCIDENT_MS


def _try(
    world: World, messages: list[Messages], index: int, incident: Incident, snapshot: dict[str, GroupState]
) -> Trial | None:
    route, kind = world.routes[index], KINDS[incident.kind]
    hit = messages.copy()
    hit[index] = inject(messages[index], route, incident, world.seed)
    within = (messages[index].at_ms >= incident.from_ms) & (messages[index].at_ms < incident.to_ms)
    per_minute = _rate(messages[index].at_ms[within])
    if per_minute < 5 and incident.kind != "night_marketing":
        return None
    start_ms = incident.from_ms // HOUR_MS * HOUR_MS
    near = (PROVIDER_GROUP + route.provider, ACCOUNT_GROUP + route.account)
    states = {group: deepcopy(state) for group, state in snapshot.items() if group in near}
    first_ms = int(messages[index].at_ms[within].min()) if within.any() else incident.from_ms
    visible_ms = max(incident.from_ms, first_ms) + (
        round(route.response_ms + route.receipt_ms) if kind.after_reports else 0
    )
    wrong: list[str] = []
    records = world.records(hit, start_ms, incident.to_ms)
    for anomaly in world.run(states, records, start_ms, incident.to_ms, near):
        if anomaly.state != "opened" or anomaly.stream_time_ms < incident.from_ms:
            continue
        if anomaly.kind in kind.anomalies and _concerns(anomaly, route):
            after_ms = anomaly.stream_time_ms - visible_ms
            return Trial(incident.kind, incident.size, route, per_minute, True, after_ms, (*wrong, anomaly.kind))
        wrong.append(anomaly.kind)
    return Trial(incident.kind, incident.size, route, per_minute, False, None, tuple(wrong))


def _rate(at_ms: Array) -> float:
    """Return messages a minute, of the time from the first to the last (a campaign may begin or end within)."""
    return len(at_ms) / max((int(at_ms.max()) - int(at_ms.min())) / 60_000, 1.0) if len(at_ms) else 0.0


def _concerns(anomaly: Anomaly, route: Route) -> bool:
    """Tell whether an anomaly is about a route, or about something wider that it belongs to."""
    traffic = anomaly.traffic_type if anomaly.scope in ("route", "account_traffic") else ""
    scope = Scope(anomaly.scope, anomaly.account, anomaly.provider, anomaly.country, traffic)
    own = Scope("route", *route[:4])
    return own[1:] == scope[1:] or own.within(scope)
