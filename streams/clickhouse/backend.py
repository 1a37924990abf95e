"""The interface to ClickHouse that the rest of the project uses, whether a server or the embedded engine answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

DATABASE = "sms"

Params = Mapping[str, Any]
"""Values for ``{name:Type}`` placeholders; ClickHouse itself puts them in."""

INSERT_SETTINGS: Mapping[str, int] = {
    # Pinned because the defaults differ by version (26.9 inserts asynchronously unless told otherwise).
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    # A batch may span any number of days, as a replay of old files does.
    "max_partitions_per_insert_block": 0,
    # A batch must stay one block: the deduplication token is that of a block.
    "max_insert_block_size": 1_048_576,
    "min_insert_block_size_rows": 1_048_576,
    "min_insert_block_size_bytes": 1_073_741_824,
}
MAX_BLOCK_ROWS = 500_000

QUERY_SETTINGS: Mapping[str, int | str] = {"session_timezone": "UTC"}


class DatabaseError(RuntimeError):
    """ClickHouse refused; asking again will not help. `code` is ClickHouse's error code, 0 where there is none."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class DatabaseDown(DatabaseError):
    """ClickHouse cannot be reached or cannot take it now; asking again later will help."""


class Result(NamedTuple):
    """The rows of a query, as plain values.

    Times are text (``YYYY-MM-DD HH:MM:SS.mmm``, UTC unless the column has another zone), enums their names, maps
    dicts, arrays and tuples lists.
    """

    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]

    def dicts(self) -> list[dict[str, Any]]:
        """Return the rows as mappings from column to value."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Database(Protocol):
    """One connection to ClickHouse. Not for use by several threads at once."""

    @property
    def name(self) -> str:
        """Say which database this is, without secrets, for messages to a person."""
        ...

    def execute(self, sql: str, params: Params | None = None) -> None:
        """Run a statement that returns nothing."""
        ...

    def query(self, sql: str, params: Params | None = None) -> Result:
        """Run a query and return all of its rows."""
        ...

    def stream(self, sql: str, params: Params | None = None) -> Iterator[list[tuple[Any, ...]]]:
        """Run a query and yield its rows in blocks, without holding all of them.

        Each stream has a connection of its own, so several may be read side by side.
        """
        ...

    def insert(self, table: str, batch: pa.RecordBatch, token: str) -> None:
        """Insert a batch as one block; one with a `token` that the table has seen before changes nothing.

        The columns have the names of the table's. Times are ``timestamp[ms, UTC]``, enums text.
        """
        ...

    def close(self) -> None:
        """Let go of it; a second call does nothing."""
        ...


# Errors that pass: the server is starting, overloaded, out of memory for the moment, cut off or read-only for now.
_PASSING = frozenset(
    {3, 32, 74, 95, 96, 159, 164, 198, 202, 203, 209, 210, 225, 236, 241, 242, 243, 252, 279, 286, 319}
)
_PASSING_TEXT = ("Keeper", "ZooKeeper")

_ADVICE: Mapping[int, str] = {
    60: "The table or view is not there: has `sms-streams migrate` been run on this database?",
    81: "The database is not there: has `sms-streams migrate` been run?",
    192: "Check the user in the configuration ([clickhouse] user).",
    194: "Check user and password in the configuration.",
    497: "This user may not do that: the loader and migrations need the role sms_loader, reading needs sms_analyst.",
    516: "Check user and password in the configuration.",
}


def database_error(message: str, code: int) -> DatabaseError:
    """Turn an error of ClickHouse into ours: passing or not, first line only, with advice where there is some."""
    if code in _PASSING or (code == 999 and any(word in message for word in _PASSING_TEXT)):
        return DatabaseDown(_first_line(message), code)
    advice = _ADVICE.get(code, "")
    return DatabaseError(f"{_first_line(message)} {advice}".strip(), code)


def _first_line(message: str) -> str:
    """Cut the server's stack trace off."""
    text = message.split("Stack trace:", 1)[0].strip()
    return " ".join(text.split())


def columns_clause(names: Sequence[str]) -> str:
    """Return the column list of an INSERT."""
    return ", ".join(f"`{name}`" for name in names)
