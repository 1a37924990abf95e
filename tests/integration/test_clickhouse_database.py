"""The interface to ClickHouse: the same for the embedded engine and for a server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from streams.clickhouse.backend import Database, DatabaseDown, DatabaseError
from streams.clickhouse.embedded import EmbeddedDatabase
from streams.clickhouse.open import open_database
from streams.clickhouse.reading import run_query
from streams.clickhouse.server import ServerDatabase, server_options

from .conftest import PASSWORD, ServerProcess

HOSTILE = "it's \\ a\ttab\nnew line, é, \\' %(x)s {x:String} \\N \u2028 end"


def test_parameters_are_values_whatever_they_hold(db: Database) -> None:
    row = db.query(
        "SELECT {a:String}, {n:Int64} + 1, {many:Array(String)}",
        {"a": HOSTILE, "n": 2**53 + 1, "many": ["x", "y'z\\"]},
    ).rows[0]
    assert row == (HOSTILE, 2**53 + 2, ["x", "y'z\\"])


def test_values_come_back_plain_and_the_same_from_both(db: Database) -> None:
    result = db.query(
        "SELECT toDateTime64('2026-03-02 10:00:00.5', 3, 'UTC') AS at, "
        "toDateTime('2026-03-02 10:00:00', 'UTC') AS sec, toDate('2026-03-02') AS day, true AS yes, "
        "NULL AS nothing, 0.25 AS f, 1/0 AS inf, map('k', 1) AS m, "
        "[1, 2] AS a, (1, 'x') AS t, CAST('b', 'Enum8(\\'a\\' = 1, \\'b\\' = 2)') AS e, toDecimal64(1.5, 2) AS d, "
        "toUInt64(18446744073709551615) AS big, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS u"
    )
    assert result.dicts() == [
        {
            "at": "2026-03-02 10:00:00.500",
            "sec": "2026-03-02 10:00:00",
            "day": "2026-03-02",
            "yes": True,
            "nothing": None,
            "f": 0.25,
            "inf": None,
            "m": {"k": 1},
            "a": [1, 2],
            "t": [1, "x"],
            "e": "b",
            "d": 1.5,
            "big": 2**64 - 1,
            "u": "61f0c404-5cb3-11e7-907b-a6006ad3dba0",
        }
    ]


def test_a_query_without_rows_still_has_its_columns(db: Database) -> None:
    assert db.query("SELECT message_id, status FROM message_latest").columns == ["message_id", "status"]


def test_streams_are_read_side_by_side(db: Database) -> None:
    evens = db.stream("SELECT number * 2 FROM numbers(50000)")
    odds = db.stream("SELECT number * 2 + 1 FROM numbers(50000)")
    seen = []
    for even, odd in zip(evens, odds, strict=False):
        seen.append((even[0][0], odd[0][0]))
        assert db.query("SELECT 1").rows == [(1,)]
    assert seen[0] == (0, 1)


def test_a_stream_that_is_left_early_harms_nothing(db: Database) -> None:
    stream = db.stream("SELECT number FROM numbers(1000000)")
    assert next(iter(stream))[0] == (0,)
    del stream
    assert db.query("SELECT 1").rows == [(1,)]


def test_an_error_says_what_to_do(new_db: Database) -> None:
    with pytest.raises(DatabaseError, match="sms-streams migrate") as caught:
        new_db.query("SELECT * FROM sms.message_latest")
    assert not isinstance(caught.value, DatabaseDown)
    assert "\n" not in str(caught.value)


def block(days: list[int], first: int = 0) -> pa.RecordBatch:
    at = pa.array([1_772_445_590_000 + day * 86_400_000 for day in days]).cast(pa.timestamp("ms", "UTC"))
    return pa.record_batch(
        {
            "message_id": pa.array([f"m{first + i}" for i in range(len(days))]),
            "topic": pa.array(["sms.submit"] * len(days)),
            "offset": pa.array(range(first, first + len(days))),
            "event_at": at,
        }
    )


def rows(db: Database) -> int:
    return int(db.query("SELECT count() FROM sms.events").rows[0][0])


def test_a_block_inserted_again_with_its_token_is_dropped_on_all_of_its_days(db: Database) -> None:
    batch = block([day % 105 for day in range(210)])  # more days than max_partitions_per_insert_block allows
    db.insert("sms.events", batch, "t-0-0-209")
    db.insert("sms.events", batch, "t-0-0-209")
    assert rows(db) == 210
    db.insert("sms.events", batch, "t-0-210-419")
    assert rows(db) == 420, "another token is another block, whatever is in it"


def test_of_a_block_that_was_cut_off_only_what_is_missing_is_inserted(db: Database) -> None:
    db.insert("sms.events", block([0, 0]), "t-0-0-3")  # what a crash had left: the part of the first day
    db.insert("sms.events", block([0, 0, 1, 2]), "t-0-0-3")
    assert rows(db) == 4


def test_a_failed_insert_leaves_the_connection_usable(db: Database) -> None:
    with pytest.raises(DatabaseError):
        db.insert("sms.events", pa.record_batch({"no_such_column": pa.array([1])}), "t")
    db.insert("sms.events", block([0]), "t")
    assert rows(db) == 1


# ---- query's formats -----------------------------------------------------------------------------------------------

QUERY = "SELECT 'a,b' AS text, 1 AS n, true AS yes, NULL AS nothing, map('k', 'v') AS m"


def test_json_is_an_array_of_objects(db: Database) -> None:
    assert run_query(db, QUERY + ";", "json") == (
        '[{"text": "a,b", "n": 1, "yes": true, "nothing": null, "m": {"k": "v"}}]\n'
    )
    assert run_query(db, "SELECT 1 WHERE 0", "json") == "[]\n"


def test_csv_quotes_what_needs_it(db: Database) -> None:
    assert run_query(db, QUERY, "csv") == 'text,n,yes,nothing,m\n"a,b",1,true,,"{""k"": ""v""}"\n'


def test_a_table_for_people(db: Database) -> None:
    text = run_query(db, "SELECT 'x[red]' AS name, 12 AS n", "table")
    assert "x[red]" in text
    assert "(1 row)" in text


def test_the_format_is_an_option_not_part_of_the_query(db: Database) -> None:
    with pytest.raises(DatabaseError, match="--format"):
        run_query(db, "SELECT 1 FORMAT JSON", "json")


# ---- what is special to each ---------------------------------------------------------------------------------------


def test_an_embedded_database_belongs_to_one_process(embedded: EmbeddedDatabase) -> None:
    code = (
        "import sys\nfrom streams.clickhouse.backend import DatabaseError\n"
        "from streams.clickhouse.embedded import EmbeddedDatabase\n"
        "try:\n    EmbeddedDatabase(sys.argv[1])\nexcept DatabaseError as error:\n    print(error)"
    )
    command = [sys.executable, "-c", code, str(embedded.directory)]
    other = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "in use by process" in other.stdout
    assert str(embedded.directory) in other.stdout


def test_an_embedded_database_can_be_opened_again(tmp_path: Path) -> None:
    for number in range(2):
        database = open_database(directory=tmp_path / "again")
        database.execute(f"CREATE TABLE t{number} (x Int8) ENGINE = MergeTree ORDER BY x")
        database.close()
    database = open_database(directory=tmp_path / "again")
    assert database.query("SHOW TABLES").rows == [("t0",), ("t1",)]
    database.close()


def test_nothing_to_open_says_how(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--url .* --db"):
        open_database()


def test_a_server_that_went_away_is_down_and_comes_back(tmp_path: Path) -> None:
    process = ServerProcess(tmp_path)
    database = process.database()
    try:
        database.execute("CREATE DATABASE sms")
        database.execute("CREATE TABLE sms.t (x Int8) ENGINE = MergeTree ORDER BY x")
        assert database.query("SELECT * FROM t").rows == []
        process.kill()
        with pytest.raises(DatabaseDown, match="cannot be reached"):
            database.query("SELECT 1")
        process.start()
        assert database.query("SELECT * FROM t").rows == [], "and our database is the default one again"
    finally:
        database.close()
        process.kill()


def test_a_wrong_password_is_not_down_and_not_shown(server_process: ServerProcess) -> None:
    database = server_process.database(password="wrong-secret")
    with pytest.raises(DatabaseError, match="password") as caught:
        database.query("SELECT 1")
    assert not isinstance(caught.value, DatabaseDown)
    assert "wrong-secret" not in f"{caught.value} {database!r} {database.name} {database.options!r}"


def test_the_password_is_nowhere_to_be_seen(server: ServerDatabase) -> None:
    assert server.query("SELECT 1").rows == [(1,)]
    assert PASSWORD not in f"{server!r} {server.options!r} {server.name}"


def test_a_url_names_everything() -> None:
    options = server_options("clickhouses://lo%40der:p%2Fw@ch.example?verify=false&compression=lz4&connect_timeout=3")
    assert (options.host, options.port, options.user, options.password) == ("ch.example", 9440, "lo@der", "p/w")
    assert options.secure
    assert options.extra == {"verify": False, "compression": "lz4", "connect_timeout": 3}


@pytest.mark.parametrize("url", ["http://localhost:8123", "localhost:9000", "clickhouse://"])
def test_a_url_of_another_kind_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ValueError, match="clickhouse://user@host:9000"):
        server_options(url)
