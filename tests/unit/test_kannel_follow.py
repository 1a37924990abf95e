"""`import kannel` from files: once, and as a log grows, is renamed and is cut."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from streams.apps.import_kannel import follow_lines, import_kannel, ndjson_sink, read_pairs, read_zone
from streams.events import ProviderReceipt, Submit
from streams.importers.kannel_options import ImportedEvent, Options
from tests.unit.test_kannel_import import line, lost

GOLDEN = Path(__file__).parents[1] / "golden" / "kannel" / "own-format" / "access.log"


class Tail:
    """Follows a file one look at a time."""

    def __init__(self, path: Path) -> None:
        self._lines: Iterator[bytes | None] = follow_lines(str(path), lambda: False, lambda _: None)

    def new(self) -> list[bytes]:
        return list(iter(self._lines.__next__, None))


def write(path: Path, text: str, mode: str = "a") -> None:
    with path.open(mode) as file:
        file.write(text)


def test_a_line_is_read_when_it_is_complete(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    write(log, "one\ntw")
    tail = Tail(log)
    assert tail.new() == [b"one"]
    write(log, "o\n")
    assert tail.new() == [b"two"]
    assert tail.new() == []


def test_a_log_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "access.log")
    assert tail.new() == []
    write(tmp_path / "access.log", "one\n")
    assert tail.new() == [b"one"]


def test_a_renamed_log_is_read_to_its_end_before_the_new_one(tmp_path: Path) -> None:
    log, old = tmp_path / "access.log", tmp_path / "access.log.1"
    write(log, "one\n")
    tail = Tail(log)
    assert tail.new() == [b"one"]
    log.rename(old)
    write(log, "")
    write(old, "two\n")  # Kannel has not reopened it yet
    assert tail.new() == [b"two"]
    write(old, "three\nfour")
    write(log, "five\n")
    assert tail.new() == [b"three", b"four", b"five"]


def test_a_log_that_was_cut_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    write(log, "one\ntwo\nthr")
    tail = Tail(log)
    assert tail.new() == [b"one", b"two"]
    os.truncate(log, 0)
    write(log, "four\n")
    assert tail.new() == [b"thr", b"four"]


def test_following_gives_the_same_messages_as_reading(tmp_path: Path) -> None:
    def submits(events: list[ImportedEvent]) -> list[ImportedEvent]:
        return [event for event in events if isinstance(event, Submit)]

    once: list[ImportedEvent] = []
    import_kannel([str(GOLDEN)], once.extend, Options())
    grown: list[ImportedEvent] = []
    looks = iter([False] * 3 + [True])
    import_kannel([str(GOLDEN)], grown.extend, Options(), follow=True, stop=lambda: next(looks))
    assert submits(grown) == submits(once) != []


def test_what_still_waits_when_following_stops_has_not_gone_out(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    write(log, line("Sent SMS", "7") + "\n" + lost("8") + "\n")
    events: list[ImportedEvent] = []
    looks = iter([False, False, True])
    import_kannel([str(log)], events.extend, Options(), follow=True, stop=lambda: next(looks))
    assert not [event for event in events if isinstance(event, ProviderReceipt)]
    import_kannel([str(log)], events.extend, Options())
    assert [event for event in events if isinstance(event, ProviderReceipt)]


def test_rotated_logs_are_one_log(tmp_path: Path) -> None:
    older, newer = tmp_path / "access.log.1.gz", tmp_path / "access.log"
    older.write_bytes(gzip.compress((line("Sent SMS", "4d") + "\n").encode()))
    write(newer, lost("77") + "\n")
    out = io.StringIO()
    summary = import_kannel([str(older), str(newer)], ndjson_sink(out), Options())
    objects = [json.loads(text) for text in out.getvalue().splitlines()]
    assert [one["topic"] for one in objects] == ["sms.submit", "sms.submit-response", "sms.delivery-report"]
    assert {one["message_id"] for one in objects} == {"ALPHA:4d"}
    assert summary.matched == {"hex-decimal": 1}


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    import_kannel([str(GOLDEN)], lambda _: None, Options(), progress=lambda *now: told.append(now))
    assert told[-1] == (len(GOLDEN.read_bytes().splitlines()), GOLDEN.stat().st_size)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        import_kannel([str(tmp_path / "no.log")], lambda _: None, Options())


@pytest.mark.parametrize(("name", "hours"), [("UTC", 0), ("+02:00", 2), ("-0330", -3.5), ("Asia/Kolkata", 5.5)])
def test_zones_as_people_write_them(name: str, hours: float) -> None:
    assert read_zone(name).utcoffset(datetime(2026, 11, 22)) == timedelta(hours=hours)


def test_what_is_no_option_is_said_to_be_none() -> None:
    assert read_pairs(["A=B=hex-decimal"]) == {"A=B": "hex-decimal"}
    with pytest.raises(ValueError, match="SMSC=VALUE"):
        read_pairs(["hex-decimal"])
    with pytest.raises(ValueError, match="no time zone"):
        read_zone("Middle/Earth")
    with pytest.raises(ValueError, match="hex-decimal"):
        Options(ids={"A": "octal"})
    with pytest.raises(ValueError, match="meta:KEY"):
        Options(account="who")
