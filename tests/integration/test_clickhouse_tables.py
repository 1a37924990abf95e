"""The tables hold every field of every record, and migrations can be run by anybody at any time."""

from __future__ import annotations

from typing import Any

import pytest

from streams import events
from streams.clickhouse.access import grant
from streams.clickhouse.backend import Database, DatabaseError
from streams.clickhouse.migrate import TABLES, Migration, migrate, migrations, pending, set_retention
from streams.clickhouse.rows import PlacedEvent, load_rows

from .records import DAY, T0, count, dead_letter, orphan, receipt, report, response, revisions, status, submit

YEARS_AGO = T0 - 1_000 * DAY


# ---- migrations ----------------------------------------------------------------------------------------------------


def test_migrating_twice_does_nothing_the_second_time(new_db: Database) -> None:
    said: list[str] = []
    names = [migration.name for migration in migrations()]
    assert migrate(new_db, said.append) == names
    assert said == [f"applied {name}" for name in names]
    assert migrate(new_db, said.append) == []
    assert "up to date" in said[-1]


def test_a_migration_that_died_in_the_middle_is_finished_by_the_next_run(new_db: Database) -> None:
    class DiedError(Exception):
        pass

    def die(said: str) -> None:
        raise DiedError(said)

    with pytest.raises(DiedError, match="0001"):
        migrate(new_db, die)
    new_db.execute("ALTER TABLE sms.migrations DELETE WHERE 1 SETTINGS mutations_sync = 1")  # as if before recording
    assert len(migrate(new_db)) == len(migrations())


def test_an_edited_migration_is_refused(db: Database) -> None:
    first, *rest = migrations()
    with pytest.raises(DatabaseError, match=r"0001_messages .* add a new file"):
        migrate(db, known=[Migration(first.name, first.text + "\n-- edited"), *rest])


def test_a_new_migration_is_applied_alone(db: Database) -> None:
    added = Migration("0099_more", "-- a comment; with a semicolon\nCREATE TABLE IF NOT EXISTS sms.more (x Int8)\n"
                      "ENGINE = MergeTree ORDER BY x;\n\nINSERT INTO sms.more SELECT 1;\n")  # fmt: skip
    assert migrate(db, known=[*migrations(), added]) == ["0099_more"]
    assert pending(db, [*migrations(), added]) == []
    assert count(db, "more") == 1


def test_where_access_cannot_be_managed_that_is_said_and_nothing_breaks(db: Database) -> None:
    said: list[str] = []
    assert grant(db, said.append, loader_password="a", analyst_password="b") is False
    assert "left alone" in said[0]


def test_roles_and_users_are_made_without_their_passwords_in_any_statement() -> None:
    class Recorder:
        name = "a server"

        def __init__(self) -> None:
            self.statements: list[str] = []

        def execute(self, sql: str) -> None:
            self.statements.append(sql)

    recorder: Any = Recorder()  # all that `grant` needs of a database
    assert grant(recorder, loader_password="sesame", analyst_password="abracadabra")
    text = "\n".join(recorder.statements)
    assert "GRANT SELECT, INSERT ON sms.* TO sms_loader" in text
    assert "GRANT sms_analyst TO sms_analyst_user" in text
    assert "sesame" not in text
    assert "abracadabra" not in text


# ---- retention -----------------------------------------------------------------------------------------------------


def test_old_data_just_loaded_is_kept(db: Database) -> None:
    load_rows(db, "old", revisions(at=YEARS_AGO), [("sms.submit", 0, 0, 0, submit(submitted_at_ms=YEARS_AGO))])
    for table in TABLES:
        db.execute(f"OPTIMIZE TABLE sms.{table} FINAL")
    assert (count(db, "messages"), count(db, "events")) == (1, 1)


def test_what_was_loaded_longer_ago_than_the_retention_goes(db: Database) -> None:
    load_rows(db, "t", revisions())
    db.execute("ALTER TABLE sms.revisions UPDATE loaded_at = now() - 3 * 86400 WHERE 1 SETTINGS mutations_sync = 1")
    set_retention(db, 2)
    db.execute("OPTIMIZE TABLE sms.revisions FINAL")
    assert (count(db, "revisions"), count(db, "messages")) == (0, 1)


def test_retention_can_be_changed_and_lifted_again_and_again(db: Database) -> None:
    for days in (30, 0, 0, 400):
        migrate(db, retention_days=days)
        definition = str(db.query("SHOW CREATE TABLE sms.messages").rows)
        assert ("TTL" in definition) == (days > 0)
        assert days == 0 or f"toIntervalDay({days})" in definition


# ---- every field ---------------------------------------------------------------------------------------------------


def test_every_field_of_an_event_is_in_the_table(db: Database) -> None:
    one = submit(
        attempt=2, created_at_ms=T0 - 7, parts=3, validity_ms=3_600_000, disposition="excluded",
        exclusion_reason="blacklist", attributes={"shop": "12", "é": "ü\n'"},
    )  # fmt: skip
    answer = response(part=2, code="ESME_RTHROTTLED", text="slow down", provider_message_id="")
    told = report(attempt=2, part=1, err="0x1", text="id:abc stat:DELIVRD", done_at_ms=None)
    placed: list[tuple[str, int, int, int, events.Event]] = [
        ("sms.submit", 3, 10, T0 + 1, one),
        ("sms.submit-response", 3, 11, T0 + 2, answer),
        ("sms.delivery-report", 4, 12, T0 + 3, told),
    ]
    assert load_rows(db, "t", events=placed) == {"sms.events": 3}
    rows = {
        row["topic"]: row
        for row in db.query("SELECT *, event_at_ms, seen_at_ms, done_at_ms, created_at_ms FROM sms.events").dicts()
    }
    for topic, partition, offset, timestamp_ms, record in placed:
        row = rows[topic]
        assert (row["partition"], row["offset"], row["seen_at_ms"]) == (partition, offset, timestamp_ms)
        for name, value in record._asdict().items():
            column = "event_at_ms" if name in ("submitted_at_ms", "responded_at_ms", "received_at_ms") else name
            assert row[column] == value, name


def test_every_field_of_a_status_is_in_both_tables(db: Database) -> None:
    one = status(
        attributes={"shop": "12"}, attempt=3, parts=2, late=True, conflict=True, duplicate_delivery=True,
        unknown_code=True, reason="absent", reason_class="temporary", recipient_action="retry", price_micros=None,
        responded_at_ms=T0 + 40 * DAY, done_at_ms=T0 - 3_600_000, received_at_ms=None, submitted_at_ms=T0 + 5,
    )  # fmt: skip
    load_rows(db, "t", [one], timestamp_ms=T0 + 99)
    for table in ("messages", "revisions"):
        sql = f"SELECT *, submitted_at, responded_at, done_at, received_at FROM sms.{table}"
        row = db.query(sql).dicts()[0]
        for name, value in one._asdict().items():
            if name.endswith("_at_ms"):
                sql = f"SELECT toUnixTimestamp64Milli({name.removesuffix('_ms')}) FROM sms.{table}"
                assert db.query(sql).rows == [(value,)], name
            else:
                assert row[name] == value, name


def test_every_field_of_a_receipt_is_in_the_table(db: Database) -> None:
    one = receipt(attempt=2, part=3, err="011", text="id:00FF stat:UNDELIV")
    assert load_rows(db, "t", events=[("sms.provider-receipt", 3, 10, T0 + 1, one)]) == {"sms.receipts": 1}
    (row,) = db.query("SELECT *, received_at_ms, done_at_ms, partition, offset FROM sms.receipts").dicts()
    assert (row["partition"], row["offset"]) == (3, 10)
    assert {name: row[name] for name in one._fields} == one._asdict()


def test_orphans_and_dead_letters_keep_what_came(db: Database) -> None:
    load_rows(db, "t", orphans=[orphan(part=2, done_at_ms=T0)], dead_letters=[dead_letter(value=None)])
    found = db.query("SELECT kind, message_id, part, code, reason, done_at FROM orphans").rows
    assert found == [("delivery_report", "m9", 2, "DELIVRD", "no_submit", "2026-03-02 09:59:50.000")]
    assert db.query("SELECT topic, offset, value, reason, hex(key) FROM dead_letters").rows == [
        ("sms.submit", 7, None, "not_avro", "6BFF")
    ]
    assert db.query("SELECT key FROM dead_letters").rows == [("k\ufffd",)], "bytes that are no text still print"


def test_loading_the_same_rows_under_the_same_token_changes_nothing(db: Database) -> None:
    for _ in range(2):
        placed: list[PlacedEvent] = [
            ("sms.submit", -1, 0, 0, submit()),
            ("sms.provider-receipt", -1, 1, 0, receipt()),
        ]
        load_rows(db, "file-0", revisions(), placed, [orphan()], [dead_letter()])
    told = dict(zip(TABLES, (1, 3, 1, 1, 1, 1, 0, 0), strict=True))
    assert {table: count(db, table) for table in TABLES} == told


def test_two_batches_of_a_replay_do_not_hide_each_others_rows(db: Database) -> None:
    load_rows(db, "file-0", orphans=[orphan()])
    load_rows(db, "file-1", orphans=[orphan(code="UNDELIV")])
    assert db.query("SELECT count() FROM sms.orphans FINAL").rows == [(2,)]


def test_what_is_read_from_the_beginning_again_is_merged_away(db: Database) -> None:
    """The offsets of the group were lost: other blocks, other tokens, the same records."""
    for token in ("first", "second"):
        load_rows(db, token, revisions(), [("sms.submit", 0, 5, 0, submit())], first_offset=100)
    assert count(db, "events") == 2
    assert db.query("SELECT count() FROM sms.events FINAL").rows == [(1,)]
    assert db.query("SELECT count() FROM sms.revisions FINAL").rows == [(3,)]
    assert db.query("SELECT count() FROM message_latest").rows == [(1,)]
