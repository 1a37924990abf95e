"""An embedded database that another process holds (`sms-streams up`), asked through that process."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from streams.clickhouse.backend import DatabaseDown, DatabaseError, Params, Result

ENDPOINT_NAME = "sms-streams.endpoint"
_CONNECT_S = 5.0


class RemoteDatabase:
    """Reads what the holder of the database has; made with `find`."""

    def __init__(self, directory: Path, address: str, token: str) -> None:
        """Take the address and the word to ask with, as the holder wrote them down."""
        self._directory = directory
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"}

    @classmethod
    def find(cls, directory: Path | str) -> RemoteDatabase | None:
        """Return the database in `directory` if a process holds it and answers for it."""
        folder = Path(directory).resolve()
        try:
            said = json.loads((folder / ENDPOINT_NAME).read_text(encoding="utf-8"))
            found = cls(folder, str(said["address"]), str(said["token"]))
            connection = http.client.HTTPConnection(found._address, timeout=_CONNECT_S)
            connection.request("GET", "/", headers=found._headers)
            answers = connection.getresponse().status == http.HTTPStatus.OK
            connection.close()
        except (OSError, ValueError, LookupError, http.client.HTTPException):
            return None  # no file, or one that a killed process left behind
        return found if answers else None

    @property
    def name(self) -> str:
        """Say which database this is."""
        return f"the embedded ClickHouse in {self._directory} (through the process that holds it)"

    def execute(self, sql: str, params: Params | None = None) -> None:
        """Run a statement that returns nothing."""
        for _ in self._ask("execute", sql, params):
            pass

    def query(self, sql: str, params: Params | None = None) -> Result:
        """Run a query and return all of its rows."""
        [[columns, types, rows]] = list(self._ask("query", sql, params))
        return Result(columns, types, [tuple(row) for row in rows])

    def stream(self, sql: str, params: Params | None = None) -> Iterator[list[tuple[Any, ...]]]:
        """Run a query and yield its rows in blocks."""
        for block in self._ask("stream", sql, params):
            yield [tuple(row) for row in block]

    def insert(self, table: str, batch: pa.RecordBatch, token: str) -> None:
        """Refuse: rows come in through the process that holds the database."""
        raise DatabaseError(f"{self.name} can only be read from here: stop that process to load into it")

    def close(self) -> None:
        """Nothing is held: every question has a connection of its own."""

    def _ask(self, kind: str, sql: str, params: Params | None) -> Iterator[Any]:
        question = json.dumps({"kind": kind, "sql": sql, "params": dict(params) if params else None})
        connection = http.client.HTTPConnection(self._address)  # no timeout: a query takes as long as it takes
        try:
            connection.request("POST", "/", question, self._headers)
            response = connection.getresponse()
            for line in response:
                value = json.loads(line)
                if isinstance(value, dict):
                    self._last(value)
                    return
                yield value
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise self._gone() from error
        finally:
            connection.close()
        raise self._gone()

    def _last(self, value: dict[str, Any]) -> None:
        if "error" in value:
            kind = DatabaseDown if value["down"] else DatabaseError
            raise kind(value["error"], value["code"])

    def _gone(self) -> DatabaseDown:
        return DatabaseDown(f"The process that holds the database in {self._directory} went away: try again")
