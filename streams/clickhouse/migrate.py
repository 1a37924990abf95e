"""Bring the tables and views up to date: numbered SQL files, each applied once, each safe to apply again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from importlib import resources
from typing import NamedTuple

from streams.clickhouse.backend import DATABASE, Database, DatabaseError

TABLES = ("messages", "revisions", "events", "receipts", "orphans", "dead_letters", "route_health", "anomalies")
_NAME = re.compile(r"\d{4}_\w+\.sql")
_TABLE = f"""
CREATE TABLE IF NOT EXISTS {DATABASE}.migrations
(
    name       String,
    checksum   String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(applied_at) ORDER BY name
"""
Say = Callable[[str], None]


class Migration(NamedTuple):
    """One file of SQL: its name (``0001_messages``) and its text."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Return what tells that the file is the one that was applied."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """Return its statements, without comment lines. A statement ends with a semicolon at the end of a line."""
        lines = [line for line in self.text.splitlines() if not line.lstrip().startswith("--")]
        return [part.strip() for part in re.split(r";\s*\n", "\n".join([*lines, ""])) if part.strip()]


def migrations() -> list[Migration]:
    """Return the migrations of this version of sms-streams, in order."""
    files = resources.files("streams.clickhouse") / "migrations"
    found = [file for file in files.iterdir() if _NAME.fullmatch(file.name)]
    return [
        Migration(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
        for file in sorted(found, key=lambda file: file.name)
    ]


def applied(db: Database) -> dict[str, str]:
    """Return the applied migrations as name to checksum; nothing where the database is new."""
    try:
        rows = db.query(f"SELECT name, checksum FROM {DATABASE}.migrations FINAL ORDER BY name").rows
    except DatabaseError as error:
        if error.code in (60, 81):  # no such table, no such database
            return {}
        raise
    return dict(rows)


def pending(db: Database, known: Sequence[Migration] | None = None) -> list[Migration]:
    """Return what is still to be applied; raise if something applied has been edited since."""
    done = applied(db)
    known = migrations() if known is None else known
    for migration in known:
        if done.get(migration.name, migration.checksum) != migration.checksum:
            raise DatabaseError(
                f"Migration {migration.name} is not the one that was applied to {db.name}. Applied migrations are "
                "never edited: put the old text back and add a new file with the change."
            )
    return [migration for migration in known if migration.name not in done]


def migrate(
    db: Database, say: Say = lambda _: None, known: Sequence[Migration] | None = None, retention_days: int | None = None
) -> list[str]:
    """Apply what is pending, and tell each step to `say`. Returns the names of what was applied.

    If it dies in the middle, run it again: a migration is recorded when all of it is applied, and its statements do
    nothing where they have done their work. `retention_days` changes how long rows are kept from the day they were
    loaded (0: for ever); None leaves that as it is.
    """
    db.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic")
    db.execute(_TABLE)
    todo = pending(db, known)
    for migration in todo:
        for statement in migration.statements:
            db.execute(statement)
        db.execute(
            f"INSERT INTO {DATABASE}.migrations (name, checksum) SELECT {{name:String}}, {{checksum:String}}",
            {"name": migration.name, "checksum": migration.checksum},
        )
        say(f"applied {migration.name}")
    if not todo:
        say(f"nothing to apply: {db.name} is up to date")
    if retention_days is not None:
        set_retention(db, retention_days)
        say(f"rows are kept {retention_days} days from when they were loaded" if retention_days else "rows are kept")
    db.execute(f"USE {DATABASE}")
    return [migration.name for migration in todo]


def set_retention(db: Database, days: int) -> None:
    """Keep rows that many days from when they were loaded; 0 keeps them for ever. Whole days are dropped at a time."""
    if days < 0:
        raise ValueError("retention is a number of days, or 0 to keep everything")
    for table in TABLES:
        if days:
            db.execute(f"ALTER TABLE {DATABASE}.{table} MODIFY TTL loaded_at + INTERVAL {days:d} DAY")
        elif "TTL " in str(db.query(f"SHOW CREATE TABLE {DATABASE}.{table}").rows):
            db.execute(f"ALTER TABLE {DATABASE}.{table} REMOVE TTL")
