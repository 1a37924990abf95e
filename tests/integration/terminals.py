"""The program as a person runs it: processes with their output, and what they leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "streams"]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def run(folder: Path, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, *arguments]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=timeout)


class Running:
    """A program that goes on."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._out = folder / f"{arguments[0]}-{time.monotonic_ns()}.out"
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [*PROGRAM, *arguments], cwd=folder, env=environment(), stdout=out, stderr=subprocess.STDOUT
            )

    @property
    def output(self) -> str:
        return self._out.read_text(errors="replace")  # it may be in the middle of a character

    def wait_for(self, condition: Callable[[str], object], seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not condition(self.output):
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.1)

    def everybody(self) -> list[psutil.Process]:
        found = psutil.Process(self.process.pid)
        return [found, *found.children(recursive=True)]

    def signal(self, number: int, seconds: float = 60) -> int:
        self.process.send_signal(number)
        return self.process.wait(seconds)


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Running]:
    program = Running(folder, *arguments)
    try:
        yield program
    finally:
        if program.process.poll() is None:
            program.signal(signal.SIGTERM)


def still_there(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
