"""The whole system on one machine: embedded broker, embedded ClickHouse, and the workers as child processes.

Everything is in one folder: `broker` (records), `db` (tables), `state` (the workers'), `log`. Started again on the same
folder, it goes on where it was.
"""

from __future__ import annotations

import contextlib
import fcntl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from streams.apps.children import Child, Teller
from streams.apps.correlate import instance_folder
from streams.apps.detect.figures import Told
from streams.apps.load import LoadWorker
from streams.clickhouse.codes import load_codes
from streams.clickhouse.embedded import EmbeddedDatabase
from streams.clickhouse.endpoint import serving
from streams.clickhouse.loader import Limits
from streams.clickhouse.migrate import migrate
from streams.clickhouse.remote import RemoteDatabase
from streams.kafka import topic_admin
from streams.kafka.client import KafkaUnavailable
from streams.kafka.embedded import EmbeddedBroker
from streams.runtime.stats import Stats
from streams.runtime.worker import CorrelateWorker, ResolveWorker
from streams.settings import Settings

PARTITIONS = 4
LOADER, DETECTOR, RESOLVER = "load", "detect", "resolve"


LOCK = "lock"


class FolderInUseError(ValueError):
    """The folder is not free for us; the message says why and what to do."""


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a data folder, which is made if need be: one system at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUseError(
                f"another `up` or `demo` runs on {folder}: stop it, or choose another folder with --data"
            ) from None
        yield


@dataclass
class Loaded:
    """What the loader has done since it started. `rows`: by table. `state`: a few words for a person."""

    state: str = "starting"
    rows: dict[str, int] = field(default_factory=dict)
    caught_up: bool = False


@dataclass
class Figures:
    """What all workers have done since they started."""

    correlate: Stats
    load: Loaded
    detect: Told
    resolve: Stats = field(default_factory=Stats)

    def joined(self, events: int, receipts: int) -> bool:
        """Tell whether `receipts` with the provider's id only, `events` besides, and all they gave are processed."""
        ours, theirs = self.correlate, self.resolve
        return (
            ours.processed >= events + theirs.reports and theirs.processed >= receipts + ours.indexed + theirs.rerouted
        )

    @property
    def revisions_loaded(self) -> int:
        """Statuses that are in the tables."""
        return self.load.rows.get("sms.revisions", 0)


class LocalSystem:
    """Broker, database and workers, for as long as the `with` block lives."""

    def __init__(
        self, settings: Settings, folder: Path, *, port: int = 0, partitions: int = PARTITIONS, workers: int = 1
    ) -> None:
        """Prepare it; `with` starts the broker, `start_workers` the rest. ``port`` 0: any free one."""
        self.folder = folder
        self._broker = EmbeddedBroker(folder / "broker", port)
        self._given = settings
        self._partitions = partitions
        self._workers = workers
        self._children: list[Child] = []
        self.settings = settings

    @property
    def database_folder(self) -> Path:
        """Where the tables are."""
        return self.folder / "db"

    @property
    def bootstrap(self) -> str:
        """The broker's address."""
        return self._broker.bootstrap

    @property
    def client_options(self) -> dict[str, str]:
        """Kafka options for clients in this process; they say nothing when the broker ends before them."""
        return {**self.settings.kafka, "log_level": "2"}

    def __enter__(self) -> Self:
        """Start the broker and make the topics."""
        try:
            self._broker.start()
            self.settings = self._own_settings()
            made = topic_admin.create(self.client_options, partitions=self._partitions, replication=1)
            failed = [f"{one.topic}: {one.detail}" for one in made if one.outcome == "failed"]
            if failed:
                raise KafkaUnavailable("the embedded broker did not make the topics: " + "; ".join(failed))
        except BaseException:
            self._broker.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all."""
        self.stop()

    def _own_settings(self) -> Settings:
        """Return the settings with what is embedded in place of any cluster that the configuration names."""
        state = str(self.folder / "state")
        correlate = replace(self._given.correlate, instance="local", state_dir=state)
        resolve = replace(self._given.resolve, instance="local", state_dir=state)
        detect = replace(self._given.detect, instance="local", web_port=0)
        return replace(
            self._given,
            kafka={"bootstrap.servers": self._broker.bootstrap},
            schema_registry={},
            topic_prefix="",
            correlate=correlate,
            resolve=resolve,
            detect=detect,
        )

    def start_workers(self) -> None:
        """Start the processors, each in a process of its own."""
        self._children.append(Child.start(LOADER, _load, self.settings, self.folder))
        self._children.append(Child.start(RESOLVER, _resolve, self.settings, self.folder))
        for number in range(self._workers):
            own = replace(self.settings, correlate=replace(self.settings.correlate, instance=f"local-{number}"))
            self._children.append(Child.start(f"correlate-{number}", _correlate, own, self.folder))
        self._children.append(Child.start(DETECTOR, _detect, self.settings, self.folder))

    def figures(self) -> Figures:
        """Tell how far the workers are; raise `WorkerFailedError` if one has ended."""
        for child in self._children:
            child.listen()
        if self._children and not self._broker.running:
            raise KafkaUnavailable(f"the embedded broker has stopped (its log is {self._broker.log_path})")
        told = {child.name: child.figures for child in self._children if child.figures is not None}
        stats = [one for name, one in told.items() if name not in (LOADER, RESOLVER, DETECTOR)]
        return Figures(_sum(stats), told.get(LOADER, Loaded()), told.get(DETECTOR, Told()), told.get(RESOLVER, Stats()))

    def database(self) -> RemoteDatabase | None:
        """Return the tables, for reading, while the loader holds them; None: it does not yet."""
        return RemoteDatabase.find(self.database_folder)

    def stop_workers(self) -> None:
        """Let the workers finish what they have begun, the loader last: it takes what the others have written."""
        for loader in (False, True):
            some = [child for child in self._children if (child.name == LOADER) is loader]
            for child in some:
                child.ask_to_stop()
            for child in some:
                child.wait()
        self._children = []

    def stop(self) -> None:
        """Stop the workers, then the broker."""
        try:
            self.stop_workers()
        finally:
            for child in self._children:  # only where stopping was itself interrupted
                child.process.kill()
            self._broker.stop()


def _sum(stats: list[Stats]) -> Stats:
    """Add the workers' counters up; stream time is that of the one that is furthest behind."""
    total = Stats()
    for one in stats:
        for name in Stats.__slots__:
            setattr(total, name, getattr(total, name) + getattr(one, name))
    total.stream_time_ms = min((one.stream_time_ms for one in stats if one.stream_time_ms), default=0)
    return total


# ---- what the children do ------------------------------------------------------------------------------------------


def _correlate(settings: Settings, _: Path, stop: threading.Event, teller: Teller) -> None:
    with instance_folder(settings.correlate) as (name, state):
        worker = CorrelateWorker(settings, state, name, None, static_member=True)
        teller.watch(lambda: replace(worker.stats))
        worker.run(stop)


def _resolve(settings: Settings, _: Path, stop: threading.Event, teller: Teller) -> None:
    with instance_folder(settings.resolve, "resolve") as (name, state):
        worker = ResolveWorker(settings, state, name, None, static_member=True)
        teller.watch(lambda: replace(worker.stats))
        worker.run(stop)


def _detect(settings: Settings, _: Path, stop: threading.Event, teller: Teller) -> None:
    from streams.apps.detect.run import run_detect  # Faust takes a second to import
    from streams.apps.detect.worker import Detect

    made = Detect(settings, stop.is_set)
    teller.watch(lambda: replace(made.told, open=dict(made.told.open)))
    run_detect(settings, stop, made)


def _load(settings: Settings, folder: Path, stop: threading.Event, teller: Teller) -> None:
    tables = EmbeddedDatabase(folder / "db")
    try:
        migrate(tables)
        load_codes(tables, settings)
        with serving(tables):
            limits = Limits(rows=settings.load.batch_rows, seconds=settings.load.interval_ms / 1_000)
            group = settings.load.group
            worker = LoadWorker(tables, settings.kafka, group=group, instance_id="local-load", limits=limits)
            teller.watch(lambda: _loaded(worker))
            worker.run(stop)
    finally:
        tables.close()


def _loaded(worker: LoadWorker) -> Loaded:
    progress = worker.progress
    return Loaded(progress.state, dict(progress.rows), progress.caught_up)
