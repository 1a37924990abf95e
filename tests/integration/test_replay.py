"""Recorded events through `replay` into a real ClickHouse engine, and `verify` on what comes out."""

from __future__ import annotations

import contextlib
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fastavro
import pytest

from streams.apps.receipts import audit
from streams.apps.replay import Replay, Summary
from streams.apps.replay_journal import InterruptedReplayError
from streams.apps.verify import verify
from streams.clickhouse.backend import Database, Params
from streams.clickhouse.embedded import EmbeddedDatabase
from streams.clickhouse.migrate import migrate
from streams.codec.schemas import reader_schema
from streams.events import SUBMIT, Event, Submit, SubmitResponse
from streams.settings import settings_from
from tests.golden_histories import GoldenHistory, load

T0 = 1_772_445_600_000


def as_object(event: Event) -> dict[str, Any]:
    topic = {Submit: "sms.submit", SubmitResponse: "sms.submit-response"}.get(type(event), "sms.delivery-report")
    return {"topic": topic, **event._asdict()}


def write(path: Path, events: list[Any]) -> Path:
    lines = [e if isinstance(e, str) else json.dumps(e if isinstance(e, dict) else as_object(e)) for e in events]
    path.write_text("".join(line + "\n" for line in lines))
    return path


@contextmanager
def opened(folder: Path) -> Iterator[Database]:
    db = EmbeddedDatabase(folder)
    try:
        migrate(db)
        yield db
    finally:
        db.close()


def replay(folder: Path, files: list[Path], as_of: int | None = None, config: dict[str, Any] | None = None) -> Summary:
    with opened(folder) as db:
        run = Replay(settings_from(config or {}), db, folder)
        try:
            return run.run(files, as_of)
        finally:
            run.close()


def rows(folder: Path, sql: str) -> list[dict[str, Any]]:
    with opened(folder) as db:
        return rows_of(db, sql)


def rows_of(db: Database, sql: str) -> list[dict[str, Any]]:
    return db.query(sql).dicts()


def counts(folder: Path) -> dict[str, Any]:
    tables = ("messages", "revisions", "events", "receipts", "orphans", "dead_letters")
    return rows(folder, "SELECT " + ", ".join(f"(SELECT count() FROM sms.{t}) AS {t}" for t in tables))[0]


def golden_groups() -> list[list[GoldenHistory]]:
    groups: dict[tuple[str, int], list[GoldenHistory]] = defaultdict(list)
    for history in load():
        groups[history.config, history.as_of_ms].append(history)
    largest: dict[str, list[GoldenHistory]] = {}
    for (config, _), histories in groups.items():
        largest[config] = max(largest.get(config, []), histories, key=len)
    return list(largest.values())


@pytest.mark.parametrize("histories", golden_groups(), ids=lambda group: group[0].name)
def test_golden_histories_mixed_doubled_and_in_two_goes(histories: list[GoldenHistory], tmp_path: Path) -> None:
    rng = random.Random(histories[0].name)
    events = [event for history in histories for event in history.events]
    events = rng.sample(events * 2, 2 * len(events))
    config = histories[0].parsed_config
    half = len(events) // 2
    first, second = write(tmp_path / "1.ndjson", events[:half]), write(tmp_path / "2.ndjson", events[half:])
    replay(tmp_path / "db", [first], config=config)
    replay(tmp_path / "db", [first, second], histories[0].as_of_ms, config)
    found = {row["message_id"]: row for row in rows(tmp_path / "db", "SELECT * FROM message_latest")}
    filed = ("campaign", "created_at")
    for history in histories:
        row = found[history.message_id]
        for column, value in history.expect.items():
            if not column.startswith(filed) and not column.endswith("_at_ms"):
                assert row[column] == value, (history.name, column)
    with opened(tmp_path / "db") as db:
        report = verify(db, settings_from(config).rules())
    assert (report.differences, report.examples) == (0, [])


def some_events(number: int = 20) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for n in range(number):
        at = T0 + 1_000 * n
        events.append({"topic": "sms.submit", "message_id": f"m{n}", "submitted_at_ms": at, "provider": "p1"})
        events.append({"topic": "sms.submit-response", "message_id": f"m{n}", "responded_at_ms": at + 100, "code": 0})
        if n % 3:
            report = {"topic": "sms.delivery-report", "message_id": f"m{n}", "received_at_ms": at + 4_000}
            events.append({**report, "code": "DELIVRD"})
    return events


def test_the_same_file_again_changes_nothing_and_a_grown_one_goes_on(tmp_path: Path) -> None:
    events = some_events()
    file = write(tmp_path / "events.ndjson", events[:30])
    replay(tmp_path / "db", [file])
    once = counts(tmp_path / "db")
    assert replay(tmp_path / "db", [file]).skipped_files == [str(file)]
    assert counts(tmp_path / "db") == once
    write(file, events)
    replay(tmp_path / "db", [file])
    assert counts(tmp_path / "db")["events"] == len(events)


def test_bad_lines_are_told_counted_and_kept(tmp_path: Path) -> None:
    bad = [
        "no JSON",
        "[1, 2]",
        '{"topic": "sms.unknown"}',
        '{"topic": "sms.submit", "message_id": "x"}',
        '{"topic": "sms.submit", "message_id": "x", "submitted_at_ms": 1772445600}',
        '{"topic": "sms.submit", "message_id": "", "submitted_at_ms": 1772445600000}',
        '{"topic": "sms.delivery-report", "message_id": "x", "received_at_ms": "2026-03-02", "code": "DELIVRD"}',
    ]
    file = write(tmp_path / "events.ndjson", [*some_events(2), *bad, *some_events(3)])
    summary = replay(tmp_path / "db", [file])
    assert summary.bad.total() == len(bad)
    first_bad = len(some_events(2)) + 1
    assert summary.shown[0].startswith(f"{file}:{first_bad}: not JSON")
    assert "looks like seconds" in "\n".join(summary.shown)
    kept = rows(tmp_path / "db", "SELECT offset, reason, value FROM sms.dead_letters ORDER BY offset")
    assert [row["offset"] for row in kept] == list(range(first_bad, first_bad + len(bad)))
    assert kept[0]["value"] == "no JSON"
    assert rows(tmp_path / "db", "SELECT count() AS n FROM message_latest") == [{"n": 3}]


def test_times_as_iso_8601_and_avro_files(tmp_path: Path) -> None:
    iso = {"topic": "sms.submit", "message_id": "iso", "submitted_at": "2026-03-02T11:00:00.5+01:00"}
    file = write(tmp_path / "iso.ndjson", [iso])
    avro = tmp_path / "submits.avro"
    with avro.open("wb") as out:
        record = {"message_id": "avro", "submitted_at_ms": T0 + 1, "attributes": {"shop": "7"}}
        fastavro.writer(out, fastavro.parse_schema(reader_schema(SUBMIT)), [record])
    replay(tmp_path / "db", [file, avro])
    found = rows(tmp_path / "db", "SELECT message_id, submitted_at, attributes FROM message_latest ORDER BY message_id")
    assert found == [
        {"message_id": "avro", "submitted_at": "2026-03-02 10:00:00.001", "attributes": {"shop": "7"}},
        {"message_id": "iso", "submitted_at": "2026-03-02 10:00:00.500", "attributes": {}},
    ]


class DiesAt:
    """A database whose inserts end with an error after the first few."""

    def __init__(self, db: Database, inserts: int) -> None:
        self._db, self._left = db, inserts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def insert(self, *args: Any) -> None:
        if self._left == 0:
            raise ConnectionError("killed here by the test")
        self._left -= 1
        self._db.insert(*args)


@pytest.mark.parametrize("inserts", range(5))
def test_a_replay_that_died_is_finished_by_running_it_again(inserts: int, tmp_path: Path) -> None:
    """State that did not survive comes back from the raw events of the files before."""
    before = write(tmp_path / "before.ndjson", some_events(6))
    late = {"topic": "sms.delivery-report", "message_id": "m0", "received_at_ms": T0 + 90_000, "code": "DELIVRD"}
    file = write(tmp_path / "events.ndjson", [late, *some_events(9)[16:]])
    for folder in ("died", "straight"):
        replay(tmp_path / folder, [before])
    with opened(tmp_path / "died") as db:
        run = Replay(settings_from({}), DiesAt(db, inserts), tmp_path / "died")
        with pytest.raises(ConnectionError):
            run.run([file], T0 + 200_000)
        run.close()
    other = write(tmp_path / "other.ndjson", some_events(1))
    with pytest.raises(InterruptedReplayError, match="run it again first"):
        replay(tmp_path / "died", [other])
    replay(tmp_path / "died", [file], T0 + 200_000)
    replay(tmp_path / "straight", [file], T0 + 200_000)
    assert counts(tmp_path / "died") == counts(tmp_path / "straight")
    everything = "SELECT * EXCEPT (loaded_at) FROM sms.messages FINAL ORDER BY message_id"
    assert rows(tmp_path / "died", everything) == rows(tmp_path / "straight", everything)


def own_id_events(number: int = 12) -> list[dict[str, Any]]:
    """Histories whose reports know only the provider's id; every fourth comes before its answer, one has none."""
    events: list[dict[str, Any]] = []
    for n in range(number):
        at, id_ = T0 + 1_000 * n, {"provider": "p1", "provider_message_id": f"x{n}"}
        events.append({"topic": "sms.submit", "message_id": f"m{n}", "submitted_at_ms": at, "provider": "p1"})
        answer = {"topic": "sms.submit-response", "message_id": f"m{n}", "responded_at_ms": at + 100, "code": 0, **id_}
        receipt = {"topic": "sms.provider-receipt", "received_at_ms": at + 400, "code": "DELIVRD", **id_}
        events += [receipt, answer] if n % 4 == 0 else [answer, receipt]
    nobody = {"provider": "p1", "provider_message_id": "nobody", "received_at_ms": T0, "code": "DELIVRD"}
    return [*events, {"topic": "sms.provider-receipt", **nobody}]


def test_receipts_find_their_messages_and_what_waits_at_the_end_of_a_file_finds_it_in_the_next(tmp_path: Path) -> None:
    events = own_id_events()
    first = write(tmp_path / "1.ndjson", [e for e in events if e["topic"] != "sms.submit-response"])
    second = write(tmp_path / "2.ndjson", [e for e in events if e["topic"] == "sms.submit-response"])
    summary = replay(tmp_path / "db", [first])
    assert (summary.resolved, summary.waiting, summary.orphans) == (0, 13, 0)
    summary = replay(tmp_path / "db", [second], T0 + 3 * 86_400_000)
    assert (summary.resolved, summary.waiting, summary.orphans) == (12, 0, 1)
    assert rows(tmp_path / "db", "SELECT status, count() AS n FROM message_latest GROUP BY status") == [
        {"status": "delivered", "n": 12}
    ]
    assert rows(tmp_path / "db", "SELECT provider_message_id, reason FROM orphans") == [
        {"provider_message_id": "nobody", "reason": "no_response"}
    ]
    with opened(tmp_path / "db") as db:
        assert verify(db, settings_from({}).rules()).differences == 0
        audited = audit(db, settings_from({}).resolve_rules())
    assert (audited.receipts, audited.reports, audited.missed, audited.lost) == (13, 12, 0, 0)


def test_receipts_in_one_file_give_what_reports_with_our_id_would_have(tmp_path: Path) -> None:
    """Over days, in one batch: a report takes effect where its receipt stood, not at the end of the batch."""
    own, ours = [], []
    for n in range(30):
        at = T0 + n * 20 * 3_600_000
        id_ = {"provider": "p1", "provider_message_id": f"x{n}"}
        told = {"received_at_ms": at + 3_600_000 * (n % 30), "code": "DELIVRD", **id_}
        head = [
            {"topic": "sms.submit", "message_id": f"m{n}", "submitted_at_ms": at, "provider": "p1"},
            {"topic": "sms.submit-response", "message_id": f"m{n}", "responded_at_ms": at + 100, "code": 0, **id_},
        ]
        own += [*head, {"topic": "sms.provider-receipt", **told}]
        ours += [*head, {"topic": "sms.delivery-report", "message_id": f"m{n}", "attempt": 1, **told}]

    def when(event: dict[str, Any]) -> int:
        return int(next(event[n] for n in ("submitted_at_ms", "responded_at_ms", "received_at_ms") if n in event))

    for name, events in (("own", own), ("ours", ours)):
        replay(tmp_path / name, [write(tmp_path / f"{name}.ndjson", sorted(events, key=when))])
    everything = "SELECT * EXCEPT (loaded_at) FROM sms.messages FINAL ORDER BY message_id"
    assert rows(tmp_path / "own", everything) == rows(tmp_path / "ours", everything)
    assert rows(tmp_path / "own", "SELECT count() AS n FROM orphans") == [{"n": 0}]


@pytest.mark.parametrize("inserts", range(6))
def test_a_replay_of_receipts_that_died_is_finished_by_running_it_again(inserts: int, tmp_path: Path) -> None:
    """Ids and waiting receipts of the files before come back from the raw events, too."""
    events = own_id_events()
    before = write(tmp_path / "before.ndjson", [e for e in events if e["topic"] == "sms.submit"] + events[1:8])
    file = write(tmp_path / "events.ndjson", [e for e in events if e["topic"] != "sms.submit"])
    for folder in ("died", "straight"):
        replay(tmp_path / folder, [before], T0 + 7_000)
    with opened(tmp_path / "died") as db:
        run = Replay(settings_from({}), DiesAt(db, inserts), tmp_path / "died")
        with contextlib.suppress(ConnectionError):
            run.run([file], T0 + 3 * 86_400_000)
        run.close()
    for folder in ("died", "straight"):
        replay(tmp_path / folder, [file], T0 + 3 * 86_400_000)
        replay(tmp_path / folder, [write(tmp_path / "more.ndjson", some_events(3))], T0 + 4 * 86_400_000)
    assert counts(tmp_path / "died") == counts(tmp_path / "straight")
    everything = "SELECT * EXCEPT (loaded_at) FROM sms.messages FINAL ORDER BY message_id"
    assert rows(tmp_path / "died", everything) == rows(tmp_path / "straight", everything)


class GoesOn:
    """A database in which something happens just before one of the questions for rows of messages (the first is 0)."""

    def __init__(self, db: Database, question: int, happens: Callable[[], object]) -> None:
        self._db, self._left, self._happens = db, question, happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def stream(self, sql: str, params: Params | None = None) -> Iterator[list[tuple[Any, ...]]]:
        if "FROM sms.messages" in sql:
            if self._left == 0:
                self._happens()
            self._left -= 1
        return self._db.stream(sql, params)


def later(db: Database, folder: Path, files: list[Path]) -> Callable[[], object]:
    """Return what replays more files, and then lets two days pass, in which messages time out."""

    def run() -> None:
        goes_on = Replay(settings_from({}), db, folder)
        goes_on.run(files, T0 + 2 * 86_400_000)
        goes_on.close()

    return run


def test_verify_is_right_while_events_and_timeouts_come_in(tmp_path: Path) -> None:
    """The events are read as they were before, the rows as they are after: of m0 to m9 by facts, of all by time."""
    events = some_events()
    submits = [event for event in events if event["topic"] == "sms.submit"]
    file = write(tmp_path / "1.ndjson", [*submits, *events[1:30:3]])
    more = write(tmp_path / "2.ndjson", [event for event in events if event["topic"] != "sms.submit"])
    replay(tmp_path / "db", [file], T0 + 20_000)
    with opened(tmp_path / "db") as db:
        live: Any = GoesOn(db, 0, later(db, tmp_path / "db", [more]))
        told: list[str] = []
        report = verify(live, settings_from({}).rules(), told.append, patience_s=60)
        assert (report.messages, report.equal, report.examples) == (20, 20, [])
        assert told == []  # read again at once they were right
        assert rows_of(db, "SELECT count() AS n FROM sms.messages FINAL WHERE derived") == [{"n": 7}]


def set_back(db: Database, ids: str, columns: str) -> None:
    """Put the rows of messages back to an earlier version; the right ones are in the table `aside` then."""
    db.execute(f"CREATE TABLE aside ENGINE = Memory AS SELECT * FROM sms.messages WHERE message_id IN ({ids})")
    db.execute(f"DELETE FROM sms.messages WHERE message_id IN ({ids})")
    db.execute(f"INSERT INTO sms.messages SELECT * REPLACE (version - 1 AS version, {columns}) FROM aside")


def test_verify_waits_for_rows_whose_events_are_there_already(tmp_path: Path) -> None:
    """What differs is read again, at once and after pauses, until it is right or patience is over."""
    replay(tmp_path / "db", [write(tmp_path / "1.ndjson", some_events())], T0 + 2 * 86_400_000)
    comes = "INSERT INTO sms.messages SELECT * FROM aside WHERE message_id = 'm1'"
    with opened(tmp_path / "db") as db:
        set_back(db, "'m1', 'm2'", "'enroute' AS status")
        told: list[str] = []
        live: Any = GoesOn(db, 3, lambda: db.execute(comes))
        report = verify(live, settings_from({}).rules(), told.append, patience_s=1.2)
        assert (report.messages, report.equal, report.different) == (20, 19, 1)
        assert [text.split(" messages")[0] for text in told] == ["2", "2"]
        assert verify(db, settings_from({}).rules(), patience_s=0).examples == report.examples


def test_verify_counts_each_message_once_where_accounts_share_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the messages that are read again are more than are read at once."""
    monkeypatch.setattr("streams.apps.verify._AT_ONCE", 1)
    events = [event | {"account": account} for account in ("a", "b") for event in some_events(3)]
    replay(tmp_path / "db", [write(tmp_path / "1.ndjson", events)], T0 + 2 * 86_400_000)
    comes = "INSERT INTO sms.messages SELECT * FROM aside"
    with opened(tmp_path / "db") as db:
        set_back(db, "'m1', 'm2'", "'enroute' AS status")
        live: Any = GoesOn(db, 1, lambda: db.execute(comes))
        report = verify(live, settings_from({}).rules(), patience_s=0)
    assert (report.messages, report.equal, report.differences) == (6, 6, 0)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("ALTER TABLE sms.messages UPDATE status = 'failed' WHERE message_id = 'm1'", "status is 'failed'"),
        ("ALTER TABLE sms.messages UPDATE billable_parts = 7 WHERE message_id = 'm1'", "billable_parts is 7"),
        ("ALTER TABLE sms.messages DELETE WHERE message_id = 'm1'", "no row"),
        ("ALTER TABLE sms.events DELETE WHERE message_id = 'm1' AND topic = 'sms.submit'", "no submit"),
        ("ALTER TABLE sms.events DELETE WHERE message_id = 'm1' AND topic = 'sms.delivery-report'", "version is 768"),
    ],
)
def test_verify_finds_what_was_changed_by_hand(change: str, found: str, tmp_path: Path) -> None:
    file = write(tmp_path / "events.ndjson", some_events())
    replay(tmp_path / "db", [file], T0 + 2 * 86_400_000)
    with opened(tmp_path / "db") as db:
        assert verify(db, settings_from({}).rules()).differences == 0
        db.execute(change + " SETTINGS mutations_sync = 2")
        report = verify(db, settings_from({}).rules(), patience_s=0)
    assert report.differences == 1
    assert "m1" in report.examples[0]
    assert found in report.examples[0]


def test_verify_finds_a_timeout_that_did_not_fire(tmp_path: Path) -> None:
    """Rows of one partition must all be right at one stream time."""
    file = write(tmp_path / "events.ndjson", some_events())
    replay(tmp_path / "db", [file], T0 + 2 * 86_400_000)
    back = "ALTER TABLE sms.messages UPDATE status = 'accepted', derived = 0, settled = 0 WHERE message_id = 'm0'"
    with opened(tmp_path / "db") as db:
        db.execute(back + " SETTINGS mutations_sync = 2")
        assert verify(db, settings_from({}).rules(), patience_s=0).differences == 1


def test_verify_finds_a_timeout_whose_row_did_not_come(tmp_path: Path) -> None:
    file = write(tmp_path / "events.ndjson", some_events())
    replay(tmp_path / "db", [file], T0 + 2 * 86_400_000)
    with opened(tmp_path / "db") as db:
        assert rows_of(db, "SELECT version FROM message_latest WHERE message_id = 'm0'")[0]["version"] % 256 == 1
        set_back(db, "'m0'", "'enroute' AS status, 0 AS derived, 0 AS settled")
        report = verify(db, settings_from({}).rules(), patience_s=0)
    assert (report.messages, report.equal, report.different) == (20, 19, 1)
    assert "m0" in report.examples[0]
