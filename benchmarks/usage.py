"""What a process has used so far, and the core it may use."""

from __future__ import annotations

import os
import resource
import time
from typing import Any, NamedTuple


class Usage(NamedTuple):
    """A reading of the clocks, in seconds: wall, CPU of all threads (user and system), CPU of the calling thread."""

    wall_s: float
    cpu_s: float
    thread_s: float


def usage() -> Usage:
    """Read the clocks."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return Usage(time.perf_counter(), used.ru_utime + used.ru_stime, time.thread_time())


def available_cores() -> list[int]:
    """Return the cores this process may use; empty where the system cannot bind a process to a core (macOS)."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def bind(cores: list[int]) -> None:
    """Bind this process, and what it starts from now on, to these cores; nothing where there are none."""
    if cores:
        os.sched_setaffinity(0, cores)


def measured_core() -> str:
    """Return the core that measured processes are bound to, as an argument for them; empty as `available_cores`."""
    return next(map(str, reversed(available_cores())), "")


def bind_to(core: str) -> None:
    """Bind this process to a core of `measured_core`."""
    bind([int(core)] if core else [])


class Window:
    """Measures from the first record read to the first mark at or after `last` records.

    What comes before (joining the group, restoring) and after (waiting for a batch that does not get full) is not
    in the figures.
    """

    def __init__(self, last: int) -> None:
        """Measure about `last` records."""
        self._last = last
        self._begin: Usage | None = None
        self._end: tuple[int, Usage] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is being measured now."""
        return self._begin is not None and self._end is None

    def begin(self, before: Usage) -> None:
        """Say how the clocks stood when the first record was read; only the first call counts."""
        if self._begin is None:
            self._begin = before

    def mark(self, records: int) -> bool:
        """Say after each batch how many records are done; return whether this has ended the window."""
        if not self.is_open or records < self._last:
            return False
        self._end = (records, usage())
        return True

    def result(self) -> dict[str, Any]:
        """Return what was measured."""
        if self._begin is None or self._end is None:
            raise RuntimeError(f"less than {self._last} records were processed")
        records, end = self._end
        wall_s, cpu_s, thread_s = (after - before for before, after in zip(self._begin, end, strict=True))
        return {
            "events": records,
            "seconds": round(wall_s, 3),
            "events_per_s": round(records / wall_s, 1),
            "cpu_us_per_event": round(cpu_s / records * 1e6, 3),
            "main_thread_us_per_event": round(thread_s / records * 1e6, 3),
        }
