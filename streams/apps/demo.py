"""`sms-streams demo`: the main job on realistic traffic, in under two minutes, and what came out.

Three days of traffic stand on Kafka when the processors start, as after an outage: they catch up, with the timeouts
that live traffic would have given. Then traffic goes on live. The data stay, for queries and for `up`.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from streams.apps import demo_traffic
from streams.apps.demo_report import Report, Rows, ask, status_counts, what_is_wrong
from streams.apps.demo_steps import Step, Steps
from streams.apps.demo_view import bars, draw
from streams.apps.display import Progress
from streams.apps.local import LOCK, Figures, FolderInUseError, LocalSystem, claimed
from streams.apps.simulate import KafkaSink, Pace, Totals, simulate
from streams.apps.verify import Report as Verified
from streams.apps.verify import verify
from streams.clickhouse.backend import Params
from streams.clickhouse.remote import RemoteDatabase
from streams.clock import now_ms
from streams.events import PROVIDER_RECEIPT, SUBMIT
from streams.settings import Settings
from streams.simulator import Arrival

MARK = ".sms-streams-demo"
_PATIENCE_S = 90.0
_FIND_S = 40.0
_LOOK_S = 0.1
_COUNT_EVERY_S = 1.0
_FIND = "find what is wrong in it"
_TITLES = [
    "start the embedded broker and database",
    "send three days of traffic to Kafka",
    "join it and load it, as after an outage",
    _FIND,
    "go on with live traffic",
    "ask the tables",
    "recompute every status from the raw events",
    "stop all of it",
]


class InterruptedDemoError(Exception):
    """Ctrl-C."""


class Size(NamedTuple):
    """How much: messages of the three days, how long live traffic goes on, their seed, and whether a provider fails."""

    messages: int
    live_ms: int
    seed: int
    incident: bool = True


class Demo:
    """One run."""

    def __init__(self, settings: Settings, folder: Path, stop: threading.Event, out: Console, size: Size) -> None:
        """Prepare it; `folder` is emptied first if an earlier demo made it."""
        self._settings = replace(settings, detect=demo_traffic.watched(settings.detect))
        self._folder, self._stop, self._out = folder, stop, out
        self._size = size
        self._steps = Steps([title for title in _TITLES if size.incident or title != _FIND])
        self._progress = Progress(out, self._steps.picture, self._steps.line)
        self._events = self._receipts = 0
        self._tables: RemoteDatabase | None = None
        self._wrong: Rows = []
        self._next_count = 0.0

    def run(self, command: str) -> None:
        """Do it all; raises `InterruptedDemoError` on Ctrl-C, with everything stopped."""
        with claimed(self._folder):
            report, verified = self._work()
        draw(self._out, report, verified, self._folder, command)

    def _work(self) -> tuple[Report, Verified]:
        clear(self._folder)
        with self._progress:
            step = self._begin()
            with LocalSystem(self._settings, self._folder) as system:
                step.detail = f"Kafka at {system.bootstrap}"
                self._backlog(system, now_ms() - demo_traffic.BACKLOG_MS)
                self._catch_up(system, self._begin())
                if self._size.incident:
                    self._find(system, self._begin())
                live_since_ms = now_ms()
                self._live(system, live_since_ms)
                report, verified = self._results(system, live_since_ms)
                self._begin()
            self._steps.end()
        return report, verified

    # ---- steps -----------------------------------------------------------------------------------------------------

    def _begin(self) -> Step:
        step = self._steps.begin()
        self._show()
        return step

    def _show(self) -> None:
        """Show how far we are; the place where Ctrl-C is noticed."""
        if self._stop.is_set():
            raise InterruptedDemoError
        self._progress.show()

    def _backlog(self, system: LocalSystem, start_ms: int) -> None:
        """What senders, gateways and carriers wrote to Kafka in the last three days."""
        step = self._begin()
        size = self._size
        step.total = demo_traffic.backlog_messages(size.messages, size.incident) * 3.55  # records; about
        self._events += demo_traffic.send_odd_records(system.client_options, start_ms)
        traffic = demo_traffic.backlog(start_ms, size.messages, size.seed, size.incident)
        self._send(system, step, traffic, Pace(), start_ms + demo_traffic.BACKLOG_MS, lambda: None)

    def _live(self, system: LocalSystem, start_ms: int) -> None:
        step = self._begin()
        traffic = demo_traffic.live(start_ms, self._size.live_ms, self._size.seed)
        step.total = traffic.config.messages * 2.5
        self._send(system, step, traffic, Pace(speed=1), start_ms + self._size.live_ms, lambda: self._count(system))
        if self._tables is not None:  # asked now: soon nobody reports any more, and that would be wrong, too
            self._wrong = what_is_wrong(self._tables)
        sent = step.detail
        self._catch_up(system, step)
        step.detail = sent

    def _send(
        self,
        system: LocalSystem,
        step: Step,
        traffic: Iterable[Arrival],
        pace: Pace,
        until_ms: int,
        meanwhile: Callable[[], object],
    ) -> None:
        def told(totals: Totals) -> None:
            step.done = totals.events
            step.detail = f"{totals.events:,} events of {totals.by_topic[SUBMIT]:,} submits"
            system.figures()
            meanwhile()
            self._progress.show()

        totals = simulate(
            traffic,
            KafkaSink(system.client_options),
            pace=pace,
            until_ms=until_ms,
            stop=self._stop.is_set,
            on_progress=told,
        )
        receipts = totals.by_topic[PROVIDER_RECEIPT]
        self._receipts += receipts
        self._events += totals.events - totals.failed - receipts
        self._show()

    def _catch_up(self, system: LocalSystem, step: Step) -> None:
        """Wait until everything that was sent is joined and in the tables."""
        if self._tables is None:
            system.start_workers()
        deadline = time.monotonic() + _PATIENCE_S
        step.total = self._events + self._receipts
        while not self._caught_up(system, step):
            if time.monotonic() > deadline:
                self._out.print(f"[yellow]going on after {_PATIENCE_S:.0f} s, though not everything is loaded[/]")
                return
            self._stop.wait(_LOOK_S)
            self._show()

    def _find(self, system: LocalSystem, step: Step) -> None:
        """Wait until the detectors have got to the end of the backlog, or have found the incident and it is loaded."""
        deadline = time.monotonic() + _FIND_S
        while time.monotonic() < deadline:
            figures = system.figures()
            found = figures.detect
            step.detail = f"{found.records:,} windows of routes, {found.found:,} anomalies"
            self._steps.below = Text(
                "\n".join(f"     {sentence}" for sentence in list(found.open.values())[:3]), "yellow"
            )
            if found.open and figures.load.rows.get("sms.anomalies"):
                break
            self._stop.wait(_LOOK_S)
            self._show()

    def _caught_up(self, system: LocalSystem, step: Step) -> bool:
        figures = system.figures()
        step.done = min(figures.correlate.records, step.total)
        step.detail = _told(figures)
        self._count(system)
        done = figures.joined(self._events, self._receipts)
        return done and figures.revisions_loaded >= figures.correlate.revisions and figures.load.caught_up

    def _count(self, system: LocalSystem) -> None:
        """Once a second, ask the tables where the messages stand."""
        now = time.monotonic()
        if now < self._next_count:
            return
        self._next_count = now + _COUNT_EVERY_S
        self._tables = self._tables or system.database()
        if self._tables is not None:
            self._steps.below = bars(status_counts(self._tables))

    def _results(self, system: LocalSystem, live_since_ms: int) -> tuple[Report, Verified]:
        step = self._begin()
        tables = _Interruptible(system.database(), self._show)
        self._steps.below = Text("")
        report = ask(tables, live_since_ms, self._wrong)
        step.detail = f"{report.totals['messages']:,} messages, {report.leftovers['revisions']:,} revisions"
        step = self._begin()
        verified = verify(tables, system.settings.rules())
        step.detail = f"{verified.equal:,} of {verified.messages - verified.waiting:,} equal"
        return report, verified


def _told(figures: Figures) -> str:
    stats = figures.correlate
    return f"{stats.records:,} events > {stats.revisions:,} statuses, {figures.revisions_loaded:,} in the tables"


class _Interruptible:
    """The tables, with a look at Ctrl-C between blocks."""

    def __init__(self, tables: RemoteDatabase | None, look: Callable[[], None]) -> None:
        assert tables is not None  # the loader has answered before
        self._tables, self._look = tables, look
        self.name = tables.name
        self.execute, self.query, self.insert, self.close = tables.execute, tables.query, tables.insert, tables.close

    def stream(self, sql: str, params: Params | None = None) -> Iterator[list[tuple[Any, ...]]]:
        for block in self._tables.stream(sql, params):
            self._look()
            yield block


def clear(folder: Path) -> None:
    """Empty a folder of ours; one that holds something that is not a demo's is left alone."""
    there = [path for path in folder.iterdir() if path.name != LOCK]
    if there and not (folder / MARK).exists():
        raise FolderInUseError(f"{folder} is not empty and was not made by the demo: choose another one with --data")
    for path in there:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (folder / MARK).write_text("Made by `sms-streams demo`, which empties this folder when it is run again.\n")
