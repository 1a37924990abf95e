"""A ClickHouse server, over its native protocol (clickhouse-driver)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow as pa
from clickhouse_driver import Client, errors

from streams.clickhouse.backend import (
    DATABASE,
    INSERT_SETTINGS,
    QUERY_SETTINGS,
    DatabaseDown,
    DatabaseError,
    Params,
    Result,
    columns_clause,
    database_error,
)
from streams.clickhouse.plain import plain_rows

STREAM_ROWS = 10_000
_SCHEMES = {"clickhouse": False, "clickhouses": True, "native": False, "tcp": False}
_CANNOT_CONNECT = (errors.NetworkError, errors.SocketTimeoutError, EOFError, ConnectionError, TimeoutError, OSError)

logging.getLogger("clickhouse_driver.connection").setLevel(logging.ERROR)  # what it warns of is raised as well


@dataclass(frozen=True)
class ServerOptions:
    """Where the server is and how to log in. `extra` goes to clickhouse-driver as it is (TLS files, timeouts)."""

    host: str = "127.0.0.1"
    port: int = 9000
    user: str = "default"
    password: str = field(default="", repr=False)
    secure: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """Say which server this is, without the password."""
        scheme = "clickhouses" if self.secure else "clickhouse"
        return f"{scheme}://{self.user}@{self.host}:{self.port}"


def server_options(url: str, *, user: str = "", password: str = "", **extra: Any) -> ServerOptions:
    """Read ``clickhouse://user@host:9000?option=value`` (``clickhouses://`` for TLS).

    `user` and `password`, where given, win over those in the URL. Options in the query of the URL are those of
    clickhouse-driver: verify, ca_certs, certfile, keyfile, compression, connect_timeout, send_receive_timeout, ...
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ValueError(
            "A ClickHouse URL looks like clickhouse://user@host:9000, or clickhouses://user@host:9440 with TLS. "
            "The HTTP port (8123) does not do: the native protocol is used."
        )
    options: dict[str, Any] = {name: _typed(value) for name, value in parse_qsl(parts.query)} | extra
    secure = bool(options.pop("secure", _SCHEMES[parts.scheme]))
    return ServerOptions(
        host=parts.hostname,
        port=parts.port or (9440 if secure else 9000),
        user=user or unquote(parts.username or "") or "default",
        password=password or unquote(parts.password or ""),
        secure=secure,
        extra=options,
    )


def _typed(value: str) -> Any:
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    return int(value) if value.isdigit() else value


class ServerDatabase:
    """A connection to a server; made when first used, and again after it broke."""

    def __init__(self, options: ServerOptions) -> None:
        """Prepare the connection; the server need not be there yet."""
        self.options = options
        self._client = self._new_client()

    def __repr__(self) -> str:
        return f"ServerDatabase({self.options.name!r})"

    @property
    def name(self) -> str:
        """Say which server this is, without the password."""
        return self.options.name

    def execute(self, sql: str, params: Params | None = None) -> None:
        """Run a statement that returns nothing."""
        self.query(sql, params)

    def query(self, sql: str, params: Params | None = None) -> Result:
        """Run a query and return all of its rows."""
        try:
            answer: Any = self._connected().execute(
                _bare(sql), dict(params or {}) or None, with_column_types=True, settings=dict(QUERY_SETTINGS)
            )
        except Exception as error:
            raise self._error(error) from error
        rows, columns = answer if isinstance(answer, tuple) else ([], [])
        types = [kind for _, kind in columns]
        return Result([name for name, _ in columns], types, plain_rows(rows, types))

    def stream(self, sql: str, params: Params | None = None) -> Iterator[list[tuple[Any, ...]]]:
        """Run a query and yield its rows in blocks."""
        own = ServerDatabase(self.options)
        settings = {**QUERY_SETTINGS, "max_block_size": STREAM_ROWS}
        try:
            rows: Any = own._connected().execute_iter(
                _bare(sql), dict(params or {}) or None, with_column_types=True, settings=settings
            )
            types = [kind for _, kind in next(rows)]
            while block := list(islice(rows, STREAM_ROWS)):
                yield plain_rows(block, types)
        except Exception as error:
            raise self._error(error) from error
        finally:
            own.close()

    def insert(self, table: str, batch: pa.RecordBatch, token: str) -> None:
        """Insert a batch as one block of columns."""
        settings = {**INSERT_SETTINGS, "insert_deduplication_token": token}
        try:
            self._connected().execute(
                f"INSERT INTO {table} ({columns_clause(batch.schema.names)}) VALUES",
                [driver_column(column) for column in batch.columns],
                columnar=True,
                settings=settings,
            )
        except Exception as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()

    def _new_client(self) -> Any:
        options = self.options
        defaults = {"connect_timeout": 5, "send_receive_timeout": 60, "sync_request_timeout": 5}
        return Client(
            host=options.host,
            port=options.port,
            user=options.user,
            password=options.password,
            database="",
            secure=options.secure,
            client_name="sms-streams",
            settings={"server_side_params": True},
            **{**defaults, **options.extra},
        )

    def _connected(self) -> Any:
        """Return the client, connected and with our database as its default one as soon as that exists."""
        connection = self._client.connection
        if connection.database != DATABASE:
            try:
                self._client.execute(f"USE {DATABASE}")
                connection.database = DATABASE  # when it connects again it does so straight to it
            except errors.ServerException as error:
                if error.code != errors.ErrorCodes.UNKNOWN_DATABASE:
                    raise
        return self._client

    def _error(self, error: Exception) -> DatabaseError:
        """Turn what the driver raises into ours; a broken connection is dropped, to be made anew."""
        if isinstance(error, DatabaseError):
            return error
        self._client.disconnect()
        if isinstance(error, errors.ServerException):
            return database_error(str(error.message), int(error.code or 0))
        if isinstance(error, _CANNOT_CONNECT):
            return DatabaseDown(f"{self.name} cannot be reached: {_first_line(error)}")
        return DatabaseError(f"{self.name}: {type(error).__name__}: {_first_line(error)}")


def driver_column(column: pa.Array) -> list[Any]:
    """Turn a column into the list the driver wants: times as epoch milliseconds (fast), maps as dicts."""
    values: list[Any]
    if pa.types.is_timestamp(column.type):
        values = column.cast(pa.timestamp("ms", "UTC")).cast(pa.int64()).to_pylist()
        return values
    if pa.types.is_map(column.type):
        if len(column.items) == 0:
            return [{} for _ in range(len(column))]
        return [dict(pairs or ()) for pairs in column.to_pylist()]
    values = column.to_pylist()
    return values


def _bare(sql: str) -> str:
    return sql.strip().rstrip(";")


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).split("\n", 1)[0]
