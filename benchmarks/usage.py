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


class Window:
    """Measures from the first mark at or after `first` records to the first at or after `last` records.

    The start of a run (joining the group, the first fetches, cold caches) and its end (waiting for a batch that does
    not get full) lie outside.
    """

    def __init__(self, first: int, last: int) -> None:
        """Both are counts of records since the start of the process."""
        self._first, self._last = first, last
        self._begin: tuple[int, Usage] | None = None
        self._end: tuple[int, Usage] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is being measured now."""
        return self._begin is not None and self._end is None

    @property
    def is_over(self) -> bool:
        """Whether everything was measured."""
        return self._end is not None

    def mark(self, records: int) -> None:
        """Say after each batch how many records were processed so far."""
        if self._begin is None:
            if records >= self._first:
                self._begin = (records, usage())
        elif self._end is None and records >= self._last:
            self._end = (records, usage())

    def result(self) -> dict[str, Any]:
        """Return what was measured."""
        if self._begin is None or self._end is None:
            raise RuntimeError(f"only some of {self._last} records were processed")
        records = self._end[0] - self._begin[0]
        wall_s, cpu_s, thread_s = (end - begin for begin, end in zip(self._begin[1], self._end[1], strict=True))
        return {
            "events": records,
            "seconds": round(wall_s, 3),
            "events_per_s": round(records / wall_s, 1),
            "cpu_us_per_event": round(cpu_s / records * 1e6, 3),
            "main_thread_us_per_event": round(thread_s / records * 1e6, 3),
        }
