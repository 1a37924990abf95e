"""An embedded Kafka-compatible broker (noida-db, from PyPI) for trying out and for quick tests.

Its limits: one node, data in memory until a clean stop (a killed one loses recent records), a killed group member is
never evicted (use a fixed group.instance.id), no cooperative rebalancing, slow beyond a million records.
For everything else use Apache Kafka.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_LIFELINE = Path(__file__).with_name("lifeline.py")
_HOST = "127.0.0.1"
_START_S, _STOP_S = 15.0, 20.0
_PORT_TRIES = 5  # somebody may take the free port between our look and the broker's bind


class EmbeddedBrokerError(RuntimeError):
    """The embedded broker did not start; the message says why and what to do."""


class EmbeddedBroker:
    """A broker on the loopback address, for as long as the `with` block (or this process) lives.

    ``data_dir`` holds the records, which are there again after the next start. ``port`` 0 takes a free one.
    """

    def __init__(self, data_dir: str | Path, port: int = 0) -> None:
        """Prepare a broker; `start` (or `with`) starts it."""
        self._data_dir = Path(data_dir)
        self._wanted_port = port
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Start and return the broker."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, saving the records."""
        self.stop()

    @property
    def bootstrap(self) -> str:
        """The address for `bootstrap.servers`."""
        if not self._port:
            raise EmbeddedBrokerError("the embedded broker is not running: call start() first")
        return f"{_HOST}:{self._port}"

    @property
    def running(self) -> bool:
        """Whether the broker's process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def log_path(self) -> Path:
        """What the broker printed."""
        return self._data_dir / "broker.log"

    def start(self) -> None:
        """Start the broker and return when it takes connections."""
        if self.running:
            return
        self._data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self._data_dir)
        for _ in range(_PORT_TRIES):
            port = self._wanted_port or _free_port()
            if self._wanted_port and _answers(port):
                self.stop()
                raise EmbeddedBrokerError(f"port {port} is in use: choose another one, or 0 for any free one")
            if self._try_port(port):
                self._port = port
                return
        self.stop()
        raise EmbeddedBrokerError(f"the embedded broker did not start; it said:\n{self._last_lines()}")

    def stop(self) -> None:
        """End the broker, which saves its records; no error if it has ended already."""
        process, self._process, self._port = self._process, None, 0
        if process is not None:
            _end(process)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _try_port(self, port: int) -> bool:
        command = [str(_binary()), "start", "--only", "kafka", "--kafka-port", str(port), "--host", _HOST]
        command += ["--data-dir", str(self._data_dir.resolve())]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(_LIFELINE), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal must reach the workers first, not the broker
            )
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self.running:
            if _answers(port):
                return True
            time.sleep(0.02)
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        return False

    def _last_lines(self) -> str:
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-10:])


def _binary() -> Path:
    name = "noida-db.exe" if os.name == "nt" else "noida-db"
    try:
        binary = Path(str(files("noida_db").joinpath(name)))
    except ModuleNotFoundError as error:
        raise EmbeddedBrokerError("the embedded broker is not installed: pip install noida-db") from error
    if not os.access(binary, os.X_OK):
        binary.chmod(0o755)  # wheels do not keep the bit
    return binary


def _lock(data_dir: Path) -> IO[bytes]:
    """Hold the folder: two brokers on the same files would overwrite each other's records."""
    lock = (data_dir / "broker.lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise EmbeddedBrokerError(
            f"an embedded broker already runs on {data_dir}: stop it, or choose another folder"
        ) from error
    return lock


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the lifeline, which ends the broker in an orderly way; kill it if that takes too long."""
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((_HOST, port)) == 0
