"""`sms-streams up`: broker, database and all processors in one terminal, until Ctrl-C."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.apps.display import Progress, time_text
from streams.apps.local import Figures, LocalSystem, claimed
from streams.settings import Settings

_LOOK_S = 0.2
_MOST_ANOMALIES = 5


def run_up(
    settings: Settings,
    folder: Path,
    stop: threading.Event,
    out: Console,
    *,
    port: int,
    workers: int,
    command: str,
) -> None:
    """Run until `stop` is set. ``port``: the broker's; `command`: how this program was called, for hints."""
    view = _View(folder, command)
    with claimed(folder), LocalSystem(settings, folder, port=port, workers=workers) as system:
        view.bootstrap = system.bootstrap
        out.print(view.introduction())
        system.start_workers()
        with Progress(out, view.picture, view.line) as progress:
            while not stop.wait(_LOOK_S):
                view.figures = system.figures()
                progress.show()
        out.print("stopping: what has been read is finished ...")
    out.print(f"stopped; [bold]{command} up --data {folder}[/] goes on where it was")


class _View:
    """What `up` shows."""

    def __init__(self, folder: Path, command: str) -> None:
        self._folder, self._command = folder, command
        self._began = time.monotonic()
        self.bootstrap = ""
        self.figures: Figures | None = None

    def introduction(self) -> RenderableType:
        """Where things are, and what to do with them."""
        db = self._folder / "db"
        kafka = "" if self.bootstrap.endswith(":9092") else f" -X bootstrap.servers={self.bootstrap}"
        rows = (
            ("Kafka", f"{self.bootstrap} (embedded, for trying out)"),
            ("tables", f"{db} (ClickHouse, embedded)"),
            ("logs", f"{self._folder / 'log'}"),
            ("send", f"{self._command}{kafka} simulate"),
            ("ask", f'{self._command} query --db {db} "SELECT status, count() FROM message_latest GROUP BY 1"'),
            ("stop", "Ctrl-C"),
        )
        table = Table.grid(padding=(0, 2))
        for name, text in rows:
            table.add_row(Text(name, style="bold"), Text(text, overflow="fold"))
        return Group(table, Text(""))

    def picture(self) -> RenderableType:
        """The figures as a small table."""
        if self.figures is None:
            return Text("starting ...")
        stats, load = self.figures.correlate, self.figures.load
        table = Table.grid(padding=(0, 2))
        for name in ("name", ""):
            table.add_column(justify="left", no_wrap=bool(name))
        table.add_row(
            Text("correlate", style="bold cyan"),
            f"{stats.records:,} events > {stats.revisions:,} statuses, {stats.timeouts:,} by timeouts"
            f" · {stats.open_messages:,} messages in mind",
        )
        more = [
            f"{count:,} {what}"
            for count, what in (
                (stats.duplicates, "duplicates"),
                (stats.orphans, "orphans"),
                (stats.dead_letters, "unusable"),
                (stats.clock_skew, "dated in the future"),
            )
            if count
        ]
        table.add_row("", " · ".join([f"stream time {time_text(stats.stream_time_ms)}", *more]))
        resolve = self.figures.resolve
        if resolve.reports or resolve.orphans:
            found = f"{resolve.reports:,} reports found their message by the provider's id"
            table.add_row(Text("resolve", style="bold cyan"), f"{found}, {resolve.orphans:,} found none")
        rows = ", ".join(f"{count:,} {name.removeprefix('sms.')}" for name, count in sorted(load.rows.items()))
        table.add_row(Text("detect", style="bold cyan"), self._detected())
        for sentence in list(self.figures.detect.open.values())[:_MOST_ANOMALIES]:
            table.add_row("", Text(sentence, style="yellow"))
        table.add_row(Text("load", style="bold cyan"), f"{rows or 'no rows yet'} · {self._state()}")
        table.add_row("", Text(f"up for {int(time.monotonic() - self._began)} s", style="dim"))
        return table

    def line(self) -> str:
        """The figures in one line."""
        if self.figures is None:
            return "starting ..."
        stats = self.figures.correlate
        return (
            f"correlate: {stats.records} events, {stats.revisions} statuses, {stats.timeouts} timeouts, stream time "
            f"{time_text(stats.stream_time_ms)}; detect: {self._detected()}; "
            f"load: {self.figures.revisions_loaded} statuses in the tables, {self._state()}"
        )

    def _detected(self) -> str:
        assert self.figures is not None
        found = self.figures.detect
        if not found.time_ms:
            return f"{found.records:,} windows of routes, starting ..."
        return f"{found.records:,} windows of routes > {found.found:,} anomalies, {len(found.open):,} open"

    def _state(self) -> str:
        assert self.figures is not None
        load = self.figures.load
        return "nothing waits" if load.caught_up else load.state
