"""ClickHouse inside this process: chdb, with its data in a directory of ours."""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from chdb import session

from streams.clickhouse.backend import (
    DATABASE,
    INSERT_SETTINGS,
    QUERY_SETTINGS,
    DatabaseError,
    Params,
    Result,
    columns_clause,
    database_error,
)

LOCK_NAME = "sms-streams.lock"
_CODE = re.compile(r"Code: (\d+)")
_FORMAT = "JSONCompactEachRowWithNamesAndTypes"


class EmbeddedDatabase:
    """A database in a directory, opened by this process alone."""

    def __init__(self, directory: Path | str) -> None:
        """Open the database in `directory`, which is made if need be."""
        self.directory = Path(directory).resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock: IO[str] | None = _lock(self.directory)
        try:
            self._session = _session(self.directory)
        except RuntimeError as error:
            self._unlock()
            raise DatabaseError(_cannot_open(self.directory, error)) from error

    def beside(self) -> EmbeddedDatabase:
        """Return another session on the same engine, for another thread. Close it before this one."""
        other = EmbeddedDatabase.__new__(EmbeddedDatabase)
        other.directory = self.directory
        other._lock = None  # it is held by this one
        other._session = _session(self.directory)
        return other

    def __repr__(self) -> str:
        return f"EmbeddedDatabase({str(self.directory)!r})"

    @property
    def name(self) -> str:
        """Say which database this is."""
        return f"the embedded ClickHouse in {self.directory}"

    def execute(self, sql: str, params: Params | None = None) -> None:
        """Run a statement that returns nothing."""
        self._run(sql, "Null", params)

    def query(self, sql: str, params: Params | None = None) -> Result:
        """Run a query and return all of its rows."""
        lines = _lines(self._run(sql, _FORMAT, params))
        if not lines:  # a statement without a result
            return Result([], [], [])
        return Result(json.loads(lines[0]), json.loads(lines[1]), [tuple(json.loads(line)) for line in lines[2:]])

    def stream(self, sql: str, params: Params | None = None) -> Iterator[list[tuple[Any, ...]]]:
        """Run a query and yield its rows in blocks."""
        self._open_session()
        own = _session(self.directory)
        try:
            with own.send_query(_bare(sql), "JSONCompactEachRow", params=_texts(params)) as result:
                for block in result:
                    if lines := _lines(block.bytes()):
                        yield [tuple(json.loads(line)) for line in lines]
        except RuntimeError as error:
            raise _error(error) from error
        finally:
            own.close()

    def insert(self, table: str, batch: pa.RecordBatch, token: str) -> None:
        """Insert a batch as one block, in Arrow's own stream format."""
        settings = ", ".join(f"{name} = {value}" for name, value in INSERT_SETTINGS.items())
        sql = (
            f"INSERT INTO {table} ({columns_clause(batch.schema.names)}) "
            f"SETTINGS {settings}, insert_deduplication_token = '{_quoted(token)}'"
        )
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        try:
            with self._open_session().send_insert(sql, "ArrowStream") as inserter:
                inserter.append(sink.getvalue())
                inserter.finish()
        except RuntimeError as error:
            raise _error(error) from error

    def close(self) -> None:
        """Close the database and let other processes have it."""
        if self._session is not None:
            self._session.close()
            self._session = None
        self._unlock()

    def _run(self, sql: str, fmt: str, params: Params | None) -> bytes:
        try:
            return bytes(self._open_session().query(_bare(sql), fmt, params=_texts(params)).bytes() or b"")
        except RuntimeError as error:
            raise _error(error) from error

    def _open_session(self) -> Any:
        if self._session is None:
            raise DatabaseError(f"{self.name} is closed")
        return self._session

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()  # lets the lock go; the file stays, so that two processes never lock different ones
            self._lock = None


def _session(directory: Path) -> Any:
    """Open a session on the engine, which is the process's only one; the database exists from the start."""
    open_session: Any = session.Session
    opened = open_session(str(directory))
    opened.query(f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic")
    opened.query(f"USE {DATABASE}")
    for setting, value in QUERY_SETTINGS.items():
        opened.query(f"SET {setting} = '{value}'")
    return opened


def _lock(directory: Path) -> IO[str]:
    """Take the directory for this process, or say who has it."""
    file = open(directory / LOCK_NAME, "a+", encoding="utf-8")  # noqa: SIM115 - it is held while the database is open
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise DatabaseError(
            f"The database in {directory} is in use by {holder}. An embedded database belongs to one process at a "
            "time (`query`, `message` and `verify` can ask a running `up` or `load`): stop that one first, or use a "
            "ClickHouse server (--url), which many can use at once."
        ) from error
    file.seek(0)
    file.truncate()
    file.write(f"process {os.getpid()} ({_own_command()})")
    file.flush()
    return file


def _own_command() -> str:
    """Return what runs here, without arguments after the first: those might hold a secret."""
    return " ".join([Path(sys.argv[0]).name or "python", *sys.argv[1:2]])


def _cannot_open(directory: Path, error: Exception) -> str:
    if "already initialized with path" in str(error):
        return (
            f"Cannot open the database in {directory}: this process has another embedded database open, and the "
            "engine takes one at a time. Close that one first."
        )
    return f"Cannot open the database in {directory}: {error}"


def _bare(sql: str) -> str:
    return sql.strip().rstrip(";")


def _lines(data: bytes) -> list[str]:
    """Split JSON lines (only at newlines: other line separators stand unescaped within strings)."""
    return [line for line in data.decode("utf-8", "replace").split("\n") if line]


def _texts(params: Params | None) -> dict[str, str] | None:
    """Write parameters as the engine reads them: text escaped as in a TSV file, lists as array literals."""
    return {name: _text(value) for name, value in params.items()} if params else None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(f"'{_quoted(item)}'" if isinstance(item, str) else str(item) for item in value) + "]"
    return str(value)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _error(error: RuntimeError) -> DatabaseError:
    """Turn what chdb raises (ChdbError, a RuntimeError) into ours."""
    if isinstance(error, DatabaseError):
        return error
    message = str(error)
    code = _CODE.search(message)
    return database_error(message, int(code.group(1)) if code else 0)
