"""Open the database that the configuration names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streams.clickhouse.backend import Database, DatabaseError


def open_database(
    *,
    url: str = "",
    directory: Path | str | None = None,
    user: str = "",
    password: str = "",
    shared: bool = False,
    **options: Any,
) -> Database:
    """Open the server at `url`, or else the embedded database in `directory`.

    `options` go to clickhouse-driver (TLS files, compression, timeouts). Client libraries are imported only when used.
    `shared`: for reading; an embedded database must be there, and where another process holds it, that one is asked.
    """
    if url:
        from streams.clickhouse.server import ServerDatabase, server_options

        return ServerDatabase(server_options(url, user=user, password=password, **options))
    if directory is None:
        raise ValueError("Say where the database is: --url for a ClickHouse server, or --db for a directory of its own")
    if shared:
        from streams.clickhouse.remote import RemoteDatabase

        remote = RemoteDatabase.find(directory)
        if remote is not None:
            return remote
        if not Path(directory).is_dir():
            raise DatabaseError(f"There is no database in {directory}: is that the folder it was loaded into?")
    from streams.clickhouse.embedded import EmbeddedDatabase

    return EmbeddedDatabase(directory)
