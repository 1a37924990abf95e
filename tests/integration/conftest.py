"""Databases for the tests: the embedded engine, and a server in front of one; each test gets an empty one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.clickhouse.backend import Database
from streams.clickhouse.embedded import EmbeddedDatabase
from streams.clickhouse.migrate import migrate
from streams.clickhouse.server import ServerDatabase, server_options

CHSERVER = Path(__file__).parent.parent / "chserver.py"
PASSWORD = "test's pass:word/1"


class ServerProcess:
    """A ClickHouse server of our own; it can be killed, and started again on the same port and data."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        command = [sys.executable, str(CHSERVER), str(self.directory), str(self.port), PASSWORD]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the ClickHouse server for tests did not start"
        self.port = int(line)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def database(self, password: str = PASSWORD) -> ServerDatabase:
        return ServerDatabase(server_options(f"clickhouse://tester@127.0.0.1:{self.port}", password=password))


@pytest.fixture(scope="session")
def server_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("server"))
    yield process
    process.kill()


@pytest.fixture
def server(server_process: ServerProcess) -> Iterator[ServerDatabase]:
    database = server_process.database()
    yield database
    database.execute("DROP DATABASE IF EXISTS sms SYNC")
    database.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedDatabase]:
    database = EmbeddedDatabase(tmp_path / "db")
    yield database
    database.close()


@pytest.fixture(params=["embedded", "server"])
def new_db(request: pytest.FixtureRequest) -> Database:
    """A database without tables, of either kind."""
    database: Database = request.getfixturevalue(request.param)
    return database


@pytest.fixture
def db(new_db: Database) -> Database:
    """A database with all tables and views, of either kind."""
    migrate(new_db)
    return new_db
