"""One correlate worker in a process of its own: reads everything under a prefix, prints what that took as JSON.

`benchmarks.bench` starts it: `python -m benchmarks.worker_run BOOTSTRAP PREFIX STATE_DIR RECORDS FIRST LAST CORE`,
with `stages` at the end for the breakdown, or `profile=FILE` for a profile of the measured part (`pstats`).
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
from benchmarks.usage import Window, bind
from streams.runtime.worker import CorrelateWorker
from streams.settings import settings_from

_IDLE_ROUNDS = 2
_NOTHING_NEW_S = 60.0


def run(worker: CorrelateWorker, records: int, window: Window, stages: Stages | None, profile: str) -> dict[str, Any]:
    """Work until all records are read and nothing is left to do; return what the window measured."""
    profiler = cProfile.Profile() if profile else None
    before: dict[str, int] = {}
    spent: dict[str, int] = {}
    idle = 0
    last_news = time.monotonic()
    while idle < _IDLE_ROUNDS:
        seen, transactions, was_open = worker.stats.records, worker.stats.transactions, window.is_open
        worker.once()
        window.mark(worker.stats.records)
        if window.is_open != was_open:
            if stages is not None:
                before, spent = spent, stages.reading()
            if profiler is not None:
                (profiler.enable if window.is_open else profiler.disable)()
        if worker.stats.records > seen:
            last_news = time.monotonic()
        elif time.monotonic() > last_news + _NOTHING_NEW_S:
            raise TimeoutError(f"only {worker.stats.records} of {records} records came")
        idle = idle + 1 if worker.stats.records >= records and worker.stats.transactions == transactions else 0
    result = window.result()
    if stages is not None:
        result["stages"] = _per_event(before, spent, result)
    if profiler is not None:
        profiler.dump_stats(profile)
    return result


def _per_event(before: dict[str, int], after: dict[str, int], result: dict[str, Any]) -> dict[str, float]:
    """Microseconds per event by stage."""
    spent = {stage: round((after[stage] - before[stage]) / result["events"] / 1_000, 3) for stage in after}
    return spent | {CLIENT: round(result["cpu_us_per_event"] - result["main_thread_us_per_event"], 3)}


def main(arguments: list[str]) -> None:
    """Run as the module's docstring says."""
    bootstrap, prefix, state_dir, records, first, last, core, *more = arguments
    bind([int(core)] if core else [])
    settings = settings_from({"kafka": {"bootstrap.servers": bootstrap}, "topics": {"prefix": prefix}})
    worker = CorrelateWorker(settings, Path(state_dir), "bench")
    stages = install(worker) if "stages" in more else None
    profile = next((text.removeprefix("profile=") for text in more if text.startswith("profile=")), "")
    try:
        worker.start()
        result = run(worker, int(records), Window(int(first), int(last)), stages, profile)
    finally:
        worker.close()
    print(json.dumps(result | {"stats": asdict(worker.stats)}))


if __name__ == "__main__":
    main(sys.argv[1:])
