"""What every command needs: the configuration, a stop flag, the options that name a database, progress."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import click

from streams.clickhouse.backend import Database
from streams.settings import ClickHouseSettings, Settings, SettingsError, load_settings

DEFAULT_BOOTSTRAP = "localhost:9092"


class Context:
    """What the options before the command said."""

    def __init__(self, config: Path | None, kafka: tuple[str, ...]) -> None:
        """Take the configuration file and Kafka options given as NAME=VALUE."""
        self._config = config
        self._kafka = kafka

    def settings(self, config: Path | None = None, **flags: dict[str, Any]) -> Settings:
        """Read the configuration; `flags` are sections with what the command's options said (None: nothing)."""
        sections = {
            name: {key: value for key, value in values.items() if value is not None} for name, values in flags.items()
        }
        for option in self._kafka:
            name, sign, value = option.partition("=")
            if not sign:
                raise SettingsError(f"--kafka {option}: write NAME=VALUE, such as bootstrap.servers=localhost:9092")
            sections.setdefault("kafka", {})[name] = value
        environment = {"SMS_KAFKA_BOOTSTRAP_SERVERS": DEFAULT_BOOTSTRAP, **os.environ}
        settings = load_settings(config or self._config, os.environ, sections)
        if "bootstrap.servers" in settings.kafka:
            return settings
        return load_settings(config or self._config, environment, sections)


def quiet(kafka: Mapping[str, str]) -> dict[str, str]:
    """Return client options for a command that a person waits for.

    The client's own log lines (one for every vain attempt to connect) are left out: the error says it once.
    """
    if sys.stderr.isatty():
        click.echo(f"connecting to Kafka at {kafka.get('bootstrap.servers', '?')} ...", err=True)
    return {"log_level": "2", **kafka}


def stop_flag() -> threading.Event:
    """Return a flag that Ctrl-C and SIGTERM set; a second Ctrl-C ends the process at once."""
    stop = threading.Event()

    def handle(signum: int, frame: FrameType | None) -> None:
        if stop.is_set():
            sys.exit(130)
        stop.set()

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return stop


def database_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where the tables are."""
    command = click.option("--url", metavar="URL", help="ClickHouse server: clickhouse://user@host:9000/?secure=true.")(
        command
    )
    return click.option("--db", metavar="DIR", help="Folder of an embedded ClickHouse.")(command)


def database_flags(db: str | None, url: str | None) -> dict[str, Any]:
    """Return what `--db` and `--url` say as a section of the configuration; one puts the other out of force."""
    if db is not None and url is not None:
        raise SettingsError("give --db or --url, not both")
    if db is not None:
        return {"db": db, "url": ""}
    return {"url": url}


def open_tables(where: ClickHouseSettings, shared: bool = False) -> Database:
    """Open the configured database; `shared`: to read, also where another process holds an embedded one."""
    from streams.clickhouse.open import open_database

    if not where.url and not where.db:
        raise SettingsError("say where the tables are: --db DIR (embedded) or --url URL (server), or [clickhouse]")
    return open_database(
        url=where.url, directory=where.db or None, user=where.user, password=where.password, shared=shared
    )
