"""`sms-streams correlate` and `sms-streams resolve`: one worker."""

from __future__ import annotations

import fcntl
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from streams.codec.registry import ConfluentRegistry
from streams.codec.schemas import Registry
from streams.correlator import rules
from streams.runtime.worker import CorrelateWorker, ResolveWorker, Worker
from streams.settings import CorrelateSettings, ResolveSettings, Settings

log = logging.getLogger("sms-streams.worker")

DEFAULT_STATE_DIR = Path("sms-data") / "state"
_MOST_WORKERS = 1_000
_REPORT_EVERY_S = 10.0


class InstanceInUseError(RuntimeError):
    """Another worker on this machine runs under this instance name."""


def registry_of(settings: Settings) -> Registry | None:
    """Return the schema registry that is configured, None where none is."""
    return ConfluentRegistry(settings.schema_registry) if settings.schema_registry else None


@contextmanager
def instance_folder(own: CorrelateSettings | ResolveSettings, kind: str = "") -> Iterator[tuple[str, Path]]:
    """Give a worker a name of its own, the same again after a restart, and a folder for its state.

    Without a configured name it is the machine's name and the first number that no running worker holds. `kind` keeps
    workers of another processor apart.
    """
    base = Path(own.state_dir or DEFAULT_STATE_DIR)
    configured = own.instance
    names = [configured] if configured else [f"{socket.gethostname()}-{n}" for n in range(_MOST_WORKERS)]
    for name in names:
        folder = base / (f"{kind}-{name}" if kind else name)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            if _locked(lock):
                yield name, folder
                return
    raise InstanceInUseError(
        f"a worker named {names[0]} is running here already (its lock is {folder / 'lock'}): "
        "give this one another name with --instance"
    )


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_compiled() -> bool:
    """Tell whether the core runs as `make compile` compiles it."""
    return not str(rules.__file__).endswith(".py")


def run_correlate(settings: Settings, stop: threading.Event, static_member: bool = False) -> Worker:
    """Run one correlate worker until `stop` is set; return it, for its figures."""
    with instance_folder(settings.correlate) as (name, folder):
        log.info("the core is %s", "compiled" if is_compiled() else "in Python")
        return run_worker(CorrelateWorker(settings, folder, name, registry_of(settings), static_member), folder, stop)


def run_resolve(settings: Settings, stop: threading.Event, static_member: bool = False) -> Worker:
    """Run one resolve worker until `stop` is set; return it, for its figures."""
    with instance_folder(settings.resolve, "resolve") as (name, folder):
        return run_worker(ResolveWorker(settings, folder, name, registry_of(settings), static_member), folder, stop)


def run_worker(worker: Worker, folder: Path, stop: threading.Event) -> Worker:
    """Run a worker until `stop` is set, and say now and then how far it is."""
    log.info("worker %s, state in %s", worker.instance, folder)
    reporter = threading.Thread(target=_report, args=(worker, stop), daemon=True)
    reporter.start()
    worker.run(stop)
    log.info("stopped: %s", worker.stats.line())
    return worker


def _report(worker: Worker, stop: threading.Event) -> None:
    """Say now and then how far the worker has got, where anything happened."""
    last = ""
    began = time.monotonic()
    while not stop.wait(_REPORT_EVERY_S):
        line = worker.stats.line()
        if line != last:
            rate = worker.stats.records / (time.monotonic() - began)
            log.info("%s (%.0f records/s since start)", line, rate)
            last = line
