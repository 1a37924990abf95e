"""`import kannel`: read Kannel's access log from files or a pipe, once or as it grows, and hand on its events.

The reading of lines is in ``streams.importers.kannel``; here are only the files, the waiting and the writing.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, timedelta, timezone, tzinfo
from pathlib import Path
from typing import IO, BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from streams.events import (
    DELIVERY_REPORT,
    PROVIDER_RECEIPT,
    SUBMIT,
    SUBMIT_RESPONSE,
    DeliveryReport,
    ProviderReceipt,
    Submit,
    SubmitResponse,
)
from streams.importers.kannel import KannelImport
from streams.importers.kannel_options import ImportedEvent, Options
from streams.importers.summary import Summary

Sink = Callable[[Sequence[ImportedEvent]], None]
"""Takes events in the order of the log; called again and again, never with none."""

Progress = Callable[[int, int], None]
"""Told now and then: lines and bytes read so far."""

_TOPICS: dict[type, str] = {
    Submit: SUBMIT,
    SubmitResponse: SUBMIT_RESPONSE,
    DeliveryReport: DELIVERY_REPORT,
    ProviderReceipt: PROVIDER_RECEIPT,
}
_CHUNK = 1 << 16
_LONGEST = 1 << 20
_BATCH = 2_000
_POLL_S = 0.25
FOLLOW_HOLD_MS = 60_000
FOLLOW_KEEP_MS = 3 * 24 * 3_600_000


def topic_of(event: ImportedEvent) -> str:
    """The topic that an event belongs to."""
    return _TOPICS[type(event)]


def as_object(event: ImportedEvent) -> dict[str, object]:
    """An event as the object of one NDJSON line: its topic, then its fields."""
    return {"topic": topic_of(event), **event._asdict()}


def ndjson_sink(out: IO[str]) -> Sink:
    """A sink that writes one object a line, as `replay` reads them."""

    def write(events: Sequence[ImportedEvent]) -> None:
        out.writelines(json.dumps(as_object(event), ensure_ascii=False) + "\n" for event in events)
        out.flush()

    return write


def import_kannel(
    paths: Sequence[str],
    sink: Sink,
    options: Options,
    follow: bool = False,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Progress | None = None,
) -> Summary:
    """Read logs in the order given (oldest first), ``-`` is standard input; gives what was read and not known.

    ``follow``: after the last file's end wait for more, through rotation and truncation, until ``stop`` says so;
    reports then wait for their message only ``hold_ms``. What still waits at the stop has not gone out: the next
    run over the same log gives it, and everything else again under the same ids.
    """
    if follow:
        options = dataclasses.replace(
            options,
            hold_ms=FOLLOW_HOLD_MS if options.hold_ms is None else options.hold_ms,
            keep_ms=FOLLOW_KEEP_MS if options.keep_ms is None else options.keep_ms,
        )
    run = _Run(KannelImport(options), sink, progress)
    for at, path in enumerate(paths):
        last = at == len(paths) - 1
        run.open(path if len(paths) > 1 else "")
        if follow and last and path != "-":
            run.follow(follow_lines(path, stop))
            return run.importer.summary
        run.read(path, stop, at_once=follow)
    run.finish()
    return run.importer.summary


class _Run:
    """One import under way: numbers lines and passes events on in batches."""

    def __init__(self, importer: KannelImport, sink: Sink, progress: Progress | None) -> None:
        self.importer, self._sink, self._progress = importer, sink, progress
        self._events: list[ImportedEvent] = []
        self._line = self._lines = self._bytes = 0

    def open(self, name: str) -> None:
        """The next file: its lines count from 1."""
        self.importer.source, self._line = name, 0

    def read(self, path: str, stop: Callable[[], bool], at_once: bool = False) -> None:
        """All of one file. ``at_once``: pass events on line by line, for a pipe that others wait on."""
        with open_log(path) as file:
            for raw in iter(lambda: file.readline(_LONGEST), b""):
                self.line(raw)
                if at_once:
                    self.flush()
                if not self._line % _BATCH and stop():
                    break

    def follow(self, lines: Iterator[bytes | None]) -> None:
        """A file that grows. While it is quiet the log's time goes on with ours."""
        quiet_since, quiet_at_ms = time.monotonic(), self.importer.now_ms
        for raw in lines:
            if raw is None:
                passed_ms = round((time.monotonic() - quiet_since) * 1000)
                self._events += self.importer.advance_to(quiet_at_ms + passed_ms)
                self.flush()
                continue
            self.line(raw)
            quiet_since, quiet_at_ms = time.monotonic(), self.importer.now_ms
        self.flush()

    def line(self, raw: bytes) -> None:
        """One line."""
        self._line += 1
        self._lines += 1
        self._bytes += len(raw)
        self._events += self.importer.feed(self._line, raw)
        if not self._lines % _BATCH:
            self.flush()

    def flush(self) -> None:
        """Pass on what is ready."""
        if self._events:
            self._sink(self._events)
            self._events = []
        if self._progress is not None:
            self._progress(self._lines, self._bytes)

    def finish(self) -> None:
        """The end of all files."""
        events, _ = self.importer.finish()
        self._events += events
        self.flush()


def read_zone(name: str) -> tzinfo:
    """A time zone as people write it: ``Europe/Madrid``, ``UTC``, ``+02:00``."""
    offset = re.fullmatch(r"([+-])([01][0-9]|2[0-3]):?([0-5][0-9])", name)
    if offset is not None:
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone: give a name like Europe/Madrid or an offset like +02:00") from None


def read_pairs(items: Iterable[str]) -> dict[str, str]:
    """``SMSC=VALUE`` options as a map."""
    pairs = {}
    for item in items:
        name, equals, value = item.rpartition("=")
        if not (name and equals and value):
            raise ValueError(f"{item!r} must be SMSC=VALUE")
        pairs[name] = value
    return pairs


def open_log(path: str) -> BinaryIO:
    """A log for reading: standard input for ``-``, unpacked where its name ends in ``.gz``."""
    if path == "-":
        return sys.stdin.buffer
    if path.endswith(".gz"):
        return gzip.open(path, "rb")  # type: ignore[return-value]  # a GzipFile reads like any binary file
    return Path(path).open("rb")


def follow_lines(
    path: str, stop: Callable[[], bool], sleep: Callable[[float], None] = time.sleep
) -> Iterator[bytes | None]:
    """Complete lines of a file that grows, from its beginning; None while there is nothing new.

    A renamed log is read to its end before the new one, and left only when that has something in it: Kannel goes
    on writing to the old one until it is told to reopen. A file that became shorter is read from its beginning.
    """
    file: BinaryIO | None = None
    rest = b""
    while not stop():
        if file is None:
            file = _try_open(path)
        chunk = file.read(_CHUNK) if file is not None else b""
        if not chunk and file is not None and _was_replaced(file, path):
            chunk = file.read(_CHUNK)
            if not chunk:
                if rest:
                    yield rest
                file.close()
                file, rest = None, b""
                continue
        if chunk:
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _LONGEST:
                lines, rest = [*lines, rest], b""
            yield from lines
            continue
        if file is not None and _was_cut(file):
            if rest:
                yield rest
            file.seek(0)
            rest = b""
            continue
        yield None
        sleep(_POLL_S)
    if file is not None:
        file.close()


def _try_open(path: str) -> BinaryIO | None:
    try:
        return Path(path).open("rb")
    except FileNotFoundError:
        return None


def _was_replaced(file: BinaryIO, path: str) -> bool:
    """Whether another file stands under the name, and has begun."""
    try:
        now = os.stat(path)
    except FileNotFoundError:
        return False
    return now.st_size > 0 and not os.path.samestat(now, os.fstat(file.fileno()))


def _was_cut(file: BinaryIO) -> bool:
    return os.fstat(file.fileno()).st_size < file.tell()
