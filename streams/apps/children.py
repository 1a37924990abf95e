"""Workers as child processes of one terminal: started, watched, told to stop, and never left behind.

A pipe joins parent and child. The child sends its figures over it, and reads it: when the parent closes it, or dies in
any way (SIGKILL, a closed terminal), the child stops in an orderly way, and by force if that takes too long.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from streams.settings import Settings

STOP_S = 15.0
"""How long a worker may take to finish what it has begun."""
_ORPHAN_S = 5.0  # the same where the parent is gone, and the broker with it
_TELL_EVERY_S = 0.25
_DONE, _FAILED = 0, 1

Work = Callable[[Settings, Path, threading.Event, "Teller"], None]
"""What a child does: settings, the data folder, the flag to stop at, and where to say what it has done so far."""

log = logging.getLogger("sms-streams.up")


class Teller:
    """In the child: sends what `figures()` gives to the parent, now and then."""

    def __init__(self, connection: Connection) -> None:
        """Send over the pipe to the parent."""
        self._connection = connection
        self._figures: Callable[[], object] | None = None
        self._sending = threading.Lock()

    def watch(self, figures: Callable[[], object]) -> None:
        """Tell from now on what `figures()` gives; it must be quick and picklable."""
        self._figures = figures
        threading.Thread(target=self._repeat, daemon=True).start()

    def _repeat(self) -> None:
        pause = threading.Event()
        while self.tell():
            pause.wait(_TELL_EVERY_S)

    def tell(self) -> bool:
        """Send the figures once; False: nobody listens any more."""
        if self._figures is None:
            return True
        with self._sending:
            try:
                self._connection.send(("figures", self._figures()))
            except OSError:
                return False
        return True

    def failed(self, text: str) -> None:
        """Send why the worker ended."""
        with self._sending, contextlib.suppress(OSError):
            self._connection.send(("failed", text))


class WorkerFailedError(RuntimeError):
    """A worker ended by itself; the message says which, why, and where its log is."""


@dataclass
class Child:
    """One worker, seen from the parent. `figures` is the last that it told, None before the first time."""

    name: str
    log_path: Path
    process: SpawnProcess
    connection: Connection
    figures: Any = None
    failure: str = ""

    @classmethod
    def start(cls, name: str, work: Work, settings: Settings, folder: Path) -> Child:
        """Start `work` in a process of its own; what it prints goes to the folder's `log`."""
        log_path = folder / "log" / f"{name}.log"
        log_path.parent.mkdir(parents=True, exist_ok=True)
        context = multiprocessing.get_context("spawn")  # a fork would take threads' locks and open clients along
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_child, args=(work, settings, folder, log_path, theirs), name=f"sms-streams {name}", daemon=True
        )
        with _undisturbed():
            process.start()
        theirs.close()  # so that the end of the child is the end of the pipe
        return cls(name, log_path, process, ours)

    def listen(self) -> None:
        """Take in what the child has told; raise `WorkerFailedError` if it has ended."""
        with contextlib.suppress(EOFError, OSError):
            while self.connection.poll():
                kind, content = self.connection.recv()
                if kind == "figures":
                    self.figures = content
                else:
                    self.failure = content
        if not self.process.is_alive():
            reason = self.failure or f"it ended with code {self.process.exitcode}"
            raise WorkerFailedError(f"the {self.name} worker has stopped: {reason} (its log is {self.log_path})")

    def ask_to_stop(self) -> None:
        """Tell it to finish; does not wait."""
        with contextlib.suppress(OSError):
            self.connection.send("stop")

    def wait(self, seconds: float = STOP_S + 5) -> None:
        """Wait until it has ended; end it by force if it takes too long."""
        if not self._ended(seconds):
            log.warning("the %s worker does not stop, ending it", self.name)
            self.process.kill()
            self.process.join()
        self.connection.close()

    def _ended(self, seconds: float) -> bool:
        """Wait for the end; meanwhile take in what is told, so that a full pipe does not hold the child."""
        waited = 0.0
        while self.process.is_alive() and waited < seconds:
            with contextlib.suppress(WorkerFailedError):
                self.listen()
            self.process.join(0.1)
            waited += 0.1
        with contextlib.suppress(WorkerFailedError):
            self.listen()
        return not self.process.is_alive()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Start a child that Ctrl-C and a closed terminal do not reach, from its first instant: the parent decides."""
    resource_tracker.ensure_running()  # else it is started together with the first child, and lifts the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# ---- in the child --------------------------------------------------------------------------------------------------


def _child(work: Work, settings: Settings, folder: Path, log_path: Path, connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    _print_to(log_path)
    threading.Thread(target=_await_stop, args=(connection, stop), daemon=True).start()
    teller = Teller(connection)
    try:
        work(settings, folder, stop, teller)
        teller.tell()
    except Exception as error:
        logging.getLogger("sms-streams").exception("the worker ends")
        teller.failed(f"{error or type(error).__name__}")
        _end(_FAILED)
    _end(_DONE)


def _end(code: int) -> None:
    """End at once: threads of client libraries must not keep a finished worker alive."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _print_to(path: Path) -> None:
    """Send all that is printed and logged, by libraries too, to a file."""
    with path.open("a") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr, force=True
    )


def _await_stop(connection: Connection, stop: threading.Event) -> None:
    """Set the flag when the parent says so or is gone; then see to it that the process ends."""
    patience_s = _ORPHAN_S
    with contextlib.suppress(EOFError, OSError):
        connection.recv()
        patience_s = STOP_S
    stop.set()
    threading.Event().wait(patience_s)
    os._exit(_FAILED)
