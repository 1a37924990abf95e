"""One correlate worker in a process of its own: reads everything under a prefix, prints what that took as JSON.

`benchmarks.bench` starts it: `python -m benchmarks.worker_run BOOTSTRAP PREFIX STATE_DIR RECORDS LAST CORE`, and after
that any of `health` (with route health, else without), `index` (with the receipt index, else without), `defaults` (as
it runs unless told otherwise: with both), `stages` for the breakdown, `profile=FILE` for a profile of the measured
part (`pstats`).
"""

from __future__ import annotations

import cProfile
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.stages import CLIENT, Stages, install
from benchmarks.usage import Window, bind_to, usage
from streams.runtime.worker import CorrelateWorker
from streams.settings import settings_from

_IDLE_ROUNDS = 2
_NOTHING_NEW_S = 60.0


class Run:
    """Works until all records are read and nothing is left to do."""

    def __init__(self, worker: CorrelateWorker, records: int, window: Window, more: list[str]) -> None:
        """`more`: "stages" or "profile=FILE"."""
        self._worker = worker
        self._records = records
        self._window = window
        self._stages: Stages | None = install(worker) if "stages" in more else None
        self._before: dict[str, int] = {}
        self._after: dict[str, int] = {}
        self._profile = next((text.removeprefix("profile=") for text in more if text.startswith("profile=")), "")
        self._profiler = cProfile.Profile()

    def run(self) -> dict[str, Any]:
        """Run, and return what the window measured."""
        stats = self._worker.stats
        self._worker.start()
        idle = 0
        last_news = time.monotonic()
        while idle < _IDLE_ROUNDS:
            seen, transactions = stats.records, stats.transactions
            self._once()
            if stats.records > seen:
                last_news = time.monotonic()
            elif time.monotonic() > last_news + _NOTHING_NEW_S:
                raise TimeoutError(f"only {stats.records} of {self._records} records came")
            idle = idle + 1 if stats.records >= self._records and stats.transactions == transactions else 0
        return self._result()

    def _once(self) -> None:
        """Do one batch, and measure it where it belongs to the window."""
        before, spent = usage(), self._spent()
        self._worker.once()
        if self._worker.stats.records and not self._before:
            self._window.begin(before)
            self._before = spent
            if self._profile:
                self._profiler.enable()
        if self._window.mark(self._worker.stats.events):
            self._profiler.disable()
            self._after = self._spent()

    def _spent(self) -> dict[str, int]:
        return self._stages.reading() if self._stages is not None else {"other": 0}

    def _result(self) -> dict[str, Any]:
        result = self._window.result()
        if self._stages is not None:
            spent = {
                stage: round((after - self._before[stage]) / result["events"] / 1_000, 3)
                for stage, after in self._after.items()
            }
            client = result["cpu_us_per_event"] - result["main_thread_us_per_event"]
            result["stages"] = spent | {CLIENT: round(client, 3)}
        if self._profile:
            self._profiler.dump_stats(self._profile)
        return result | {"stats": asdict(self._worker.stats)}


def main(arguments: list[str]) -> None:
    """Run as the module's docstring says."""
    bootstrap, prefix, state_dir, records, last, core, *more = arguments
    bind_to(core)
    sections: dict[str, dict[str, Any]] = {
        "kafka": {"bootstrap.servers": bootstrap},
        "topics": {"prefix": prefix},
    }
    if "defaults" not in more:
        sections["correlate"] = {"route_health": "health" in more}
        if "index" not in more:
            sections["defaults"] = {"reports_by": "message_id"}
    settings = settings_from(sections)
    worker = CorrelateWorker(settings, Path(state_dir), "bench")
    try:
        result = Run(worker, int(records), Window(int(last)), more).run()
    finally:
        worker.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
