"""Small worlds for tests of the detectors: a route or two, some hours of traffic, an incident."""

from __future__ import annotations

from collections.abc import Iterable

from streams.detectors.config import DetectConfig
from streams.detectors.engine import Engine
from streams.detectors.state import GroupState
from streams.events import Anomaly, RouteHealth
from streams.simulator.incidents import Incident, inject
from streams.simulator.trial import START_MS, World
from streams.simulator.windows import HOUR_MS, WINDOW_MS, Route

BANK = Route("bank", "aurora", "FR", "otp", 240.0)
SHOP = Route("retail", "aurora", "BE", "notification", 120.0, prefix=32_47)
ROUTES = (BANK, SHOP)

BEGIN_MS = START_MS + 9 * HOUR_MS
INCIDENT_MS = BEGIN_MS + HOUR_MS + 3_000


def traffic(
    minutes: int,
    kind: str = "",
    size: float = 0.0,
    lasts_ms: int = HOUR_MS,
    routes: tuple[Route, ...] = ROUTES,
    seed: int = 5,
) -> list[RouteHealth]:
    """Return windows from 9 o'clock on; from 10 on, the first route has an incident of this kind."""
    world = World(seed, routes)
    messages = world.messages(0)
    if kind:
        messages[0] = inject(messages[0], routes[0], Incident(kind, INCIDENT_MS, INCIDENT_MS + lasts_ms, size), seed)
    return world.records(messages, BEGIN_MS, BEGIN_MS + minutes * 60_000)


class Host:
    """What a host does with the engine; the state goes through its pieces whenever `restart` is called."""

    def __init__(self, config: DetectConfig | None = None) -> None:
        self.engine = Engine(config)
        self.states: dict[str, GroupState] = {}
        self.tables: dict[str, dict[str, bytes]] = {}
        self.told: list[Anomaly] = []

    def see(self, records: Iterable[RouteHealth]) -> None:
        for record in records:
            for group in self.engine.groups(record):
                self.engine.see(self.states.setdefault(group, GroupState(group)), record)

    def advance(self, stream_time_ms: int) -> list[Anomaly]:
        new: list[Anomaly] = []
        for group in sorted(self.states):
            new += self.engine.advance(self.states[group], stream_time_ms)[1]
        self.told += new
        return new

    def write(self) -> None:
        for group, state in self.states.items():
            table = self.tables.setdefault(group, {})
            for name, data in state.changes().items():
                if data is None:
                    table.pop(name, None)
                else:
                    table[name] = data

    def restart(self) -> None:
        self.write()
        self.states = {group: GroupState.load(group, pieces) for group, pieces in self.tables.items()}

    def run(self, records: list[RouteHealth], restart_every: int = 0) -> list[Anomaly]:
        """Go through records window by window; with `restart_every` windows between restarts."""
        by_window: dict[int, list[RouteHealth]] = {}
        for record in records:
            by_window.setdefault(record.window_start_ms, []).append(record)
        for number, start_ms in enumerate(range(min(by_window), max(by_window) + WINDOW_MS, WINDOW_MS)):
            self.see(by_window.get(start_ms, []))
            self.advance(start_ms + WINDOW_MS + self.engine.config.lateness_ms)
            if restart_every and number % restart_every == 0:
                self.restart()
        return self.told


def opened(told: Iterable[Anomaly]) -> list[Anomaly]:
    return [anomaly for anomaly in told if anomaly.state == "opened"]
