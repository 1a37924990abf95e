"""An embedded database that one process holds answers others through it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from streams.clickhouse.backend import DatabaseError
from streams.clickhouse.embedded import EmbeddedDatabase
from streams.clickhouse.endpoint import serving
from streams.clickhouse.migrate import migrate
from streams.clickhouse.open import open_database
from streams.clickhouse.reading import run_query
from streams.clickhouse.remote import ENDPOINT_NAME, RemoteDatabase
from tests.integration.terminals import environment

SQL = "SELECT number, toString(number) AS text, NULL AS nothing, {word:String} AS word FROM numbers(3)"
PARAMS = {"word": "it's\ta {brace}"}


def _remote(db: EmbeddedDatabase) -> RemoteDatabase:
    found = RemoteDatabase.find(db.directory)
    assert found is not None
    return found


def test_it_answers_as_the_database_itself(embedded: EmbeddedDatabase) -> None:
    with serving(embedded):
        remote = _remote(embedded)
        assert remote.query(SQL, PARAMS) == embedded.query(SQL, PARAMS)
        assert list(remote.stream(SQL, PARAMS)) == list(embedded.stream(SQL, PARAMS))
        assert run_query(remote, "SELECT 1 AS one", "json") == '[{"one": 1}]\n'
        remote.execute("CREATE TABLE t (x Int32) ENGINE = Memory")
        assert embedded.query("EXISTS TABLE t").rows == [(1,)]


def test_an_error_is_the_same_error(embedded: EmbeddedDatabase) -> None:
    with serving(embedded):
        with pytest.raises(DatabaseError) as there:
            _remote(embedded).query("SELECT * FROM message_latest")
        with pytest.raises(DatabaseError) as here:
            embedded.query("SELECT * FROM message_latest")
        assert (str(there.value), there.value.code) == (str(here.value), here.value.code)
        assert "migrate" in str(there.value)


def test_a_long_stream_arrives_whole_while_others_ask_and_the_holder_writes(embedded: EmbeddedDatabase) -> None:
    migrate(embedded)
    with serving(embedded):
        got: list[int] = []

        def read() -> None:
            stream = _remote(embedded).stream("SELECT number FROM numbers(300000)")
            got.extend(int(row[0]) for block in stream for row in block)

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(5):
            assert _remote(embedded).query("SELECT count() FROM messages").rows in ([(0,)], [("0",)])
            embedded.execute("OPTIMIZE TABLE messages")
        reader.join()
    assert got == list(range(300_000))


def test_only_the_owner_of_the_folder_is_answered(embedded: EmbeddedDatabase) -> None:
    with serving(embedded) as address:
        file = embedded.directory / ENDPOINT_NAME
        assert file.stat().st_mode & 0o077 == 0
        assert json.loads(file.read_text())["address"] == address
        for headers in ({}, {"Authorization": "Bearer guess"}):
            for method, body in (("GET", None), ("POST", '{"kind": "query", "sql": "SELECT 1", "params": null}')):
                connection = http.client.HTTPConnection(address)
                connection.request(method, "/", body, headers)
                assert connection.getresponse().status == http.HTTPStatus.FORBIDDEN
                connection.close()
        assert address.startswith("127.0.0.1:")


def test_it_takes_no_rows(embedded: EmbeddedDatabase) -> None:
    with serving(embedded), pytest.raises(DatabaseError, match="only be read from here"):
        _remote(embedded).insert("t", pa.RecordBatch.from_pydict({"x": [1]}), "token")


def test_opening_to_read_finds_the_holder_or_opens_the_folder(embedded: EmbeddedDatabase) -> None:
    folder = embedded.directory
    with serving(embedded):
        assert isinstance(open_database(directory=folder, shared=True), RemoteDatabase)
        other = subprocess.run(
            [
                sys.executable,
                "-m",
                "streams",
                "query",
                "SELECT 40 + 2 AS answer",
                "--db",
                str(folder),
                "--format",
                "csv",
            ],
            env=environment(),
            capture_output=True,
            text=True,
        )
        assert other.stdout.split() == ["answer", "42"]
    assert not (folder / ENDPOINT_NAME).exists()
    assert RemoteDatabase.find(folder) is None
    embedded.close()
    again = open_database(directory=folder, shared=True)
    assert isinstance(again, EmbeddedDatabase)
    again.close()


def test_what_a_killed_holder_left_behind_is_passed_over(embedded: EmbeddedDatabase) -> None:
    file = embedded.directory / ENDPOINT_NAME
    for left in ('{"address": "127.0.0.1:9", "token": "x"}', "{", "{}"):
        file.write_text(left)
        assert RemoteDatabase.find(embedded.directory) is None


def test_a_folder_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="no database in"):
        open_database(directory=tmp_path / "typo", shared=True)
    assert not (tmp_path / "typo").exists()
