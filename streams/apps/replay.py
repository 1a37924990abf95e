"""`sms-streams replay`: recorded events through the very same core into an embedded database, no broker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from streams.apps.replay_files import Read, digest, read_file
from streams.apps.replay_join import Join, Joined
from streams.apps.replay_journal import AsOf, File, InterruptedReplayError, Journal
from streams.clickhouse.backend import Database
from streams.clickhouse.rows import PlacedEvent, load_rows
from streams.clickhouse.stored import stored_events
from streams.codec.checks import TIME_FIELD
from streams.codec.ndjson import BadLineError
from streams.correlator.verdict import message_status
from streams.events import DELIVERY_REPORT, DeadLetter, DeliveryReport, MessageStatus
from streams.settings import Settings

REPLAY_PARTITION = -1
_BATCH = 20_000
_SHOWN = 20

Say = Callable[[str], None]


@dataclass
class Summary:
    """What a replay did."""

    events: Counter[str] = field(default_factory=Counter)
    skipped_files: list[str] = field(default_factory=list)
    bad: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)
    ignored_fields: Counter[str] = field(default_factory=Counter)
    revisions: int = 0
    duplicates: int = 0
    orphans: int = 0
    timeouts: int = 0
    resolved: int = 0
    waiting: int = 0
    stream_time_ms: int = 0


class Replay:
    """One database that recorded events go into."""

    def __init__(self, settings: Settings, db: Database, folder: Path, say: Say = lambda _: None) -> None:
        """Take up the state that earlier replays left in `folder`."""
        self._db = db
        self._say = say
        self._journal = Journal(folder)
        self._join = Join(settings, folder)
        self.summary = Summary()
        if not self._join.recall(self._journal.next_offset) and self._journal.done():
            self._rebuild()
        self._newest_ms = 0
        self._in_the_tables = True

    def _rebuild(self) -> None:
        """The local state did not survive: bring it back from the raw events in the database."""
        self._say("the state of earlier replays is brought back from the raw events")
        moves = list(self._journal.content.moves)
        for batch in _batches(stored_events(self._db, REPLAY_PARTITION, self._journal.next_offset)):
            start = 0
            for place, (offset, _) in enumerate(batch):
                while moves and moves[0].offset <= offset:
                    self._join.step([event for _, event in batch[start:place]])
                    self._join.advance_to(moves.pop(0).as_of_ms)
                    start = place
            self._join.step([event for _, event in batch[start:]])
        for move in moves:
            self._join.advance_to(move.as_of_ms)

    def run(self, paths: list[Path], as_of_ms: int | None) -> Summary:
        """Replay files, in the order given, then move stream time to `as_of_ms` (else the newest event's time)."""
        self._check_interrupted(paths)
        for path in paths:
            self._file(path)
        self._join.ended(True)
        target = self._newest_ms if as_of_ms is None else as_of_ms
        if target > self._join.stream_time_ms:
            offset = self._journal.next_offset
            self._in_the_tables = False
            joined = self._join.advance_to(target)
            self._load(f"as-of-{offset}-{target}", joined, _placed(joined.reports, offset), [])
            self._journal.content.moves.append(AsOf(as_of_ms=target, offset=offset, events=len(joined.reports)))
        self._finish()
        self._in_the_tables = True
        self.summary.stream_time_ms = self._join.stream_time_ms
        self.summary.waiting = self._join.waiting
        return self.summary

    def _check_interrupted(self, paths: list[Path]) -> None:
        cut_off = self._journal.interrupted()
        if cut_off is None:
            return
        if not paths or digest(paths[0]) != cut_off.sha256:
            raise InterruptedReplayError(
                f"the replay of {cut_off.path} was interrupted: run it again first "
                f"(sms-streams replay {cut_off.path}), nothing of it will be doubled"
            )
        self._journal.content.files.remove(cut_off)

    def _file(self, path: Path) -> None:
        sha256 = digest(path)
        known = self._journal.same(sha256)
        if known is not None:
            self._say(f"{path}: replayed before ({known.events} events), nothing to do")
            self.summary.skipped_files.append(str(path))
            return
        begun = self._beginning(path)
        file = File(path=str(path), sha256=sha256, size=path.stat().st_size, first_offset=self._journal.next_offset)
        self._journal.content.files.append(file)
        self._journal.write()
        self._join.ended(False)
        reads = read_file(path, begun.size, begun.lines) if begun else read_file(path)
        file.lines = begun.lines if begun else 0
        for number, batch in enumerate(_batches(reads)):
            self._batch(path, file, f"{sha256[:16]}-{number}", batch)
        file.state = "done"
        self._finish()

    def _beginning(self, path: Path) -> File | None:
        """Return the longest file replayed before that this one begins with: it has grown since."""
        size = path.stat().st_size
        for known in sorted(self._journal.done(), key=lambda f: -f.size):
            if known.lines and known.size < size and digest(path, known.size) == known.sha256:
                self._say(f"{path}: has grown since it was replayed, going on after line {known.lines}")
                return known
        return None

    def _batch(self, path: Path, file: File, token: str, batch: list[Read]) -> None:
        events: list[PlacedEvent] = []
        dead: list[DeadLetter] = []
        for read in batch:
            file.lines = read.number
            if isinstance(read.parsed, BadLineError):
                dead.append(self._bad(path, read, read.parsed))
                continue
            topic, event, ignored = read.parsed
            self.summary.ignored_fields.update(ignored)
            self.summary.events[topic] += 1
            when: int = getattr(event, TIME_FIELD[topic])
            self._newest_ms = max(self._newest_ms, when)
            events.append((topic, REPLAY_PARTITION, file.first_offset + file.events, when, event))
            file.events += 1
        joined = self._join.step([event for *_, event in events])
        events += _placed(joined.reports, file.first_offset + file.events)
        file.events += len(joined.reports)
        self._load(token, joined, events, dead)

    def _bad(self, path: Path, read: Read, error: BadLineError) -> DeadLetter:
        self.summary.bad[error.reason] += 1
        if len(self.summary.shown) < _SHOWN:
            self.summary.shown.append(f"{path}:{read.number}: {error.detail}")
        return DeadLetter("", -1, read.number, 0, None, read.raw, error.reason, error.detail, f"replay {path}")

    def _load(self, token: str, joined: Joined, events: list[PlacedEvent], dead: list[DeadLetter]) -> None:
        delta = joined.delta
        statuses: list[MessageStatus] = [message_status(m.campaign, m.created_at_ms, v) for m, v in delta.revisions]
        said = [_said_ms(row, at) for row, at in zip(statuses, delta.said_ms, strict=True)]
        orphans = [*delta.orphans, *joined.orphans]
        load_rows(self._db, f"replay-{token}", statuses, events, orphans, dead, timestamp_ms=said)
        self.summary.revisions += len(statuses)
        self.summary.duplicates += delta.duplicates
        self.summary.timeouts += delta.timeouts
        self.summary.orphans += len(orphans)
        self.summary.resolved += len(joined.reports)

    def _finish(self) -> None:
        self._journal.write()

    def close(self) -> None:
        """Leave a checkpoint for the next replay."""
        whole = self._in_the_tables and self._journal.interrupted() is None
        self._join.close(self._journal.next_offset if whole else None)


def _placed(reports: list[DeliveryReport], offset: int) -> list[PlacedEvent]:
    """Give the reports that receipts became their places among the events."""
    return [
        (DELIVERY_REPORT, REPLAY_PARTITION, offset + number, report.received_at_ms, report)
        for number, report in enumerate(reports)
    ]


def _said_ms(row: MessageStatus, stream_time_ms: int) -> int:
    """Return when a revision was said, as the timeline shows it: a timeout's deadline, else the newest event's time."""
    if row.derived:
        return stream_time_ms
    return max(row.submitted_at_ms, row.responded_at_ms or 0, row.received_at_ms or 0)


def _batches(items: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := list(islice(items, _BATCH)):
        yield batch
