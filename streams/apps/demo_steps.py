"""The steps of `demo` as they are shown: done ones with their time, the one under way, those to come."""

from __future__ import annotations

import time
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text


@dataclass
class Step:
    """One step. `detail`: what is happening or has come out; `done` and `total`: how far it is, 0 where unknown."""

    title: str
    detail: str = ""
    done: float = 0
    total: float = 0
    began: float = 0.0
    seconds: float | None = None

    def bar(self) -> RenderableType:
        """How far it is."""
        if self.seconds is not None or not self.total:
            return Text("")
        return ProgressBar(total=self.total, completed=min(self.done, self.total), width=24)


class Steps:
    """All steps, one after the other."""

    def __init__(self, titles: list[str]) -> None:
        """Name them, in order."""
        self._steps = [Step(title) for title in titles]
        self._at = -1
        self._spinner = Spinner("dots", style="cyan")
        self.below: RenderableType = Text("")

    def begin(self) -> Step:
        """End the step under way, if any, and begin the next."""
        self.end()
        self._at += 1
        self.now.began = time.monotonic()
        return self.now

    def end(self) -> None:
        """The step under way is done."""
        if self._at >= 0 and self.now.seconds is None:
            self.now.seconds = time.monotonic() - self.now.began

    @property
    def now(self) -> Step:
        """The step under way."""
        return self._steps[self._at]

    def picture(self) -> RenderableType:
        """All steps for a terminal."""
        table = Table.grid(padding=(0, 1))
        table.add_column(width=1)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True, width=7)
        table.add_column()
        for number, step in enumerate(self._steps):
            if number > self._at:
                table.add_row(Text("·", style="dim"), Text(step.title, style="dim"), "", "")
                continue
            done = step.seconds is not None
            seconds = (step.seconds or 0.0) if done else time.monotonic() - step.began
            mark = Text("✓", style="green") if done else self._spinner
            table.add_row(mark, step.title, Text(f"{seconds:.1f} s", style="dim"), step.detail)
            if not done and step.total:
                table.add_row("", "", "", step.bar())
        return Group(table, self.below)

    def line(self) -> str:
        """The step under way in one line."""
        step = self.now
        return f"[{self._at + 1}/{len(self._steps)}] {step.title}" + (f": {step.detail}" if step.detail else "")
