"""Progress for a person: a live picture on a terminal, plain lines now and then where the output goes elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

WIDTH = 100
"""The widest that anything is drawn, in characters."""
_DRAW_EVERY_S, _LINE_EVERY_S = 0.25, 3.0


def console(stderr: bool = False) -> Console:
    """Return a console of at most `WIDTH` characters."""
    made = Console(stderr=stderr, highlight=False, emoji=False)
    if made.width > WIDTH or not made.is_terminal:
        made.width = WIDTH
    return made


class Progress:
    """Shows what `picture()` draws on a terminal, else what `line()` says, where that has changed."""

    def __init__(self, out: Console, picture: Callable[[], RenderableType], line: Callable[[], str]) -> None:
        """Draw on `out`; both functions are called from `show` only."""
        self._out, self._picture, self._line = out, picture, line
        self._live = Live(console=out, auto_refresh=False) if out.is_terminal else None
        self._next, self._last = 0.0, ""

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show the end, and leave it standing."""
        self.show(now=True)
        if self._live is not None:
            self._live.stop()

    def show(self, now: bool = False) -> None:
        """Draw, if it is time."""
        at = time.monotonic()
        if at < self._next and not now:
            return
        if self._live is not None:
            self._next = at + _DRAW_EVERY_S
            self._live.update(self._picture(), refresh=True)
            return
        self._next = at + _LINE_EVERY_S
        line = self._line()
        if line != self._last:
            self._out.print(line, soft_wrap=True)
            self._last = line


def time_text(ms: int) -> str:
    """Write epoch milliseconds as a time of day that a person reads, UTC; "-" for none."""
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S") if ms > 0 else "-"


def duration_text(ms: float | None) -> str:
    """Write a duration as a person would: ``85 ms``, ``1.2 s``, ``4 min 05 s``, ``26 h``; "" for none."""
    if ms is None:
        return ""
    if ms < 1_000:
        return f"{ms:.0f} ms"
    seconds = ms / 1_000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
