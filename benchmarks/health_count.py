"""How many instructions route health costs: counted by valgrind, so nearly the same in every run.

`benchmarks.health_cost --instructions` calls `count`, which runs this module under valgrind: `python -m
benchmarks.health_count RECORDS WAY BATCHES` works through so many batches, with route health or without. What the start
and the first batches cost is known from runs that end with them. What an instruction costs differs (memory!), so this
is no time; but where the time of single processes is off by several percent, it tells what a change has saved.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from benchmarks.health_run import WAYS, WITH, Worker, batches_of
from benchmarks.rounds import MeasurementError, run_module
from benchmarks.traffic import Record
from streams.runtime import cold

_REFS = re.compile(r"I\s+refs:\s+([\d,]+)")
_ROOM = 1 << 28
"""Bytes of an LMDB file: valgrind maps no larger one."""


def count(compiled: Path | None, path: Path, part: range) -> dict[str, int]:
    """Return the instructions of the worker's own work on some of the batches of the records at `path`, each way."""
    runs = list(product(WAYS, (part.start, part.stop)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(runs, pool.map(lambda run: _instructions(compiled, path, *run), runs), strict=True))
    return {way: found[way, part.stop] - found[way, part.start] for way in WAYS}


def _instructions(compiled: Path | None, path: Path, way: str, batches: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--log-file={log}"]
        valgrind.append("--cachegrind-out-file=/dev/null")
        run_module(compiled, "benchmarks.health_count", path, way, batches, under=valgrind)
        told = _REFS.search(log.read_text())
        if told is None:
            raise MeasurementError(f"valgrind has not told how many instructions it counted:\n{log.read_text()}")
        return int(told[1].replace(",", ""))


def main(arguments: list[str]) -> None:
    """Run as the module's docstring says."""
    path, way, many = arguments
    cold._MAP_BYTES = _ROOM
    records: list[Record] = pickle.loads(Path(path).read_bytes())
    batches = batches_of(records)[: int(many)]
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(way == WITH, Path(folder))
        gc.disable()  # as in a worker
        for batch in batches:
            worker.work(batch, last=False)
    print(json.dumps({"told": worker.told}), flush=True)
    os._exit(0)  # taking everything down is no work


if __name__ == "__main__":
    main(sys.argv[1:])
