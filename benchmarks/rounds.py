"""One round of measuring: each of the three in a process of its own, on topics of this round."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import brokers, checks, traffic
from benchmarks.report import CONSUME, DEFAULTS, FAUST, HEALTH, OURS, TUNED

_ROOT = Path(__file__).parents[1]
_LONGEST_S = 300


class MeasurementError(RuntimeError):
    """A measured process failed; the message has what it said."""


@dataclass(frozen=True)
class Rounds:
    """Where and with what all rounds are measured. `tell` is called with what is done next."""

    bootstrap: str
    core: str
    partitions: int
    data: traffic.DataSet
    tell: Callable[[str], None]
    compiled: Path | None = None
    """Where the package with its hot core compiled is; None: everything runs as Python."""

    def correlate(self, *more: str) -> dict[str, Any]:
        """Measure the worker alone; `more` as for `benchmarks.worker_run`."""
        prefix = _prefix()
        with brokers.topics(self.bootstrap, prefix, self.partitions):
            return self._correlate(prefix, *more)

    def correlate_and_consume(self) -> dict[str, dict[str, Any]]:
        """Measure the worker, and on the same topics consuming and decoding alone."""
        prefix = _prefix()
        with brokers.topics(self.bootstrap, prefix, self.partitions):
            ours = self._correlate(prefix)
            self.tell("consuming and decoding alone")
            alone = run_module(
                self.compiled, "benchmarks.consume_run", self.bootstrap, prefix, *self._window(), self.core
            )
        return {
            OURS: ours,
            HEALTH: self.correlate("health"),
            DEFAULTS: self.correlate("defaults"),
            CONSUME: alone,
        }

    def faust(self, events: int) -> dict[str, dict[str, Any]]:
        """Measure the Faust joins on the first `events` records, on topics of their own.

        So it reads the same mix as the worker and reads it to its end.
        """
        prefix = _prefix()
        records = self.data.records[:events]
        with brokers.topics(self.bootstrap, prefix, self.partitions):
            self.tell("filling topics")
            traffic.fill(self.bootstrap, prefix, records)
            arguments = ["--bootstrap", self.bootstrap, "--prefix", prefix, "--events", str(len(records)), "--json"]
            arguments += ["--core", self.core]
            found = {}
            for who, more in ((FAUST, ["--plain"]), (TUNED, [])):
                self.tell(f"{who} join")
                found[who] = run_module(self.compiled, "benchmarks.peers.faust_join", *arguments, *more)
            return found

    def _correlate(self, prefix: str, *more: str) -> dict[str, Any]:
        self.tell("filling topics")
        traffic.fill(self.bootstrap, prefix, self.data.records)
        self.tell("correlate worker")
        with tempfile.TemporaryDirectory(prefix="sms-streams-bench-") as state:
            arguments = (self.bootstrap, prefix, state, *self._window(), self.core, *more)
            found = run_module(self.compiled, "benchmarks.worker_run", *arguments)
        self.tell("checking what it wrote")
        written = checks.check(self.bootstrap, prefix, found["stats"]["revisions"], self.data.messages)
        return found | {"written": written._asdict()}

    def _window(self) -> tuple[int, int]:
        return len(self.data.records), self.data.until


def run_module(compiled: Path | None, module: str, *arguments: object, under: Sequence[str] = ()) -> dict[str, Any]:
    """Run a module in a process of its own, under another program; the last line that it prints is its result as JSON.

    Its hashes are the same in all processes.
    """
    # -P: without the current folder on the path, so that the compiled package is found before the repository.
    command = [*under, sys.executable, "-P", "-m", module, *map(str, arguments)]
    path = os.pathsep.join([*(str(folder) for folder in (compiled,) if folder), str(_ROOT)])
    environment = os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        command, cwd=_ROOT, capture_output=True, text=True, timeout=_LONGEST_S, check=False, env=environment
    )
    if done.returncode:
        raise MeasurementError(f"{module} failed:\n{done.stdout[-2_000:]}{done.stderr[-4_000:]}".rstrip())
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _prefix() -> str:
    """A name that nothing on the cluster has: what is there under an old one would be restored."""
    return f"bench-{uuid.uuid4().hex[:8]}."
