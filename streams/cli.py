"""The command line: `sms-streams COMMAND`. Each command reads its options and calls one function of `streams.apps`.

Exit codes: 0 done, 1 something was found to be wrong (a check, a comparison), 2 wrong usage or configuration,
3 Kafka or ClickHouse cannot be used, 4 another worker took this one's place, 5 too much unusable input.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import click

from streams import __version__
from streams.settings import Settings, SettingsError, load_settings

EXIT_FOUND = 1
EXIT_USAGE = 2
EXIT_UNAVAILABLE = 3
EXIT_FENCED = 4
EXIT_BAD_INPUT = 5


class Context:
    """What the options before the command said."""

    def __init__(self, config: Path | None, kafka: tuple[str, ...]) -> None:
        """Take the configuration file and Kafka options given as NAME=VALUE."""
        self._config = config
        self._kafka = kafka

    def settings(self, **flags: dict[str, Any]) -> Settings:
        """Read the configuration; `flags` are sections with what the command's options said (None: nothing)."""
        sections = {
            name: {key: value for key, value in values.items() if value is not None} for name, values in flags.items()
        }
        for option in self._kafka:
            name, sign, value = option.partition("=")
            if not sign:
                raise SettingsError(f"--kafka {option}: write NAME=VALUE, such as bootstrap.servers=localhost:9092")
            sections.setdefault("kafka", {})[name] = value
        settings = load_settings(self._config, os.environ, sections)
        if "bootstrap.servers" in settings.kafka:
            return settings
        return load_settings(self._config, {"SMS_KAFKA_BOOTSTRAP_SERVERS": "localhost:9092", **os.environ}, sections)


class Group(click.Group):
    """Turns the errors we know into a sentence and an exit code, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception as error:
            known = _explained(error)
            if known is None:
                raise
            code, text = known
            click.echo(f"sms-streams: {text}", err=True)
            sys.exit(code)


def _explained(error: Exception) -> tuple[int, str] | None:
    from confluent_kafka import KafkaException

    from streams.apps.correlate import InstanceInUseError
    from streams.clickhouse.backend import DatabaseError
    from streams.kafka.client import KafkaUnavailable, OptionRefused, describe_error
    from streams.runtime.changelog import ChangelogError
    from streams.runtime.worker import FencedError, TooManyDeadLettersError, TopicsError

    if isinstance(error, (SettingsError, OptionRefused, InstanceInUseError)):
        return EXIT_USAGE, str(error)
    if isinstance(error, FencedError):
        return EXIT_FENCED, str(error)
    if isinstance(error, TooManyDeadLettersError):
        return EXIT_BAD_INPUT, str(error)
    if isinstance(error, KafkaException):
        return EXIT_UNAVAILABLE, f"Kafka: {describe_error(error.args[0])}"
    if isinstance(error, (KafkaUnavailable, DatabaseError, ChangelogError, TopicsError)):
        return EXIT_UNAVAILABLE, str(error)
    return None


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
@click.option("--config", "-c", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TOML file.")
@click.option("--kafka", "-X", multiple=True, metavar="NAME=VALUE", help="Any Kafka client option; may be repeated.")
@click.option("--verbose", "-v", is_flag=True, help="Say more.")
@click.pass_context
def cli(ctx: click.Context, config: Path | None, kafka: tuple[str, ...], verbose: bool) -> None:
    """What happened to every SMS: joined from its events on Kafka, exactly once, queryable in ClickHouse."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    ctx.obj = Context(config, kafka)


def stop_flag() -> threading.Event:
    """Return a flag that Ctrl-C and SIGTERM set; a second Ctrl-C kills."""
    stop = threading.Event()

    def handle(signum: int, frame: FrameType | None) -> None:
        if stop.is_set():
            sys.exit(130)
        stop.set()

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return stop


_database = [
    click.option("--db", metavar="DIR", help="Folder of an embedded database."),
    click.option("--url", metavar="URL", help="ClickHouse server: clickhouse://user@host:9000/ (secure=1 for TLS)."),
]


def database_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where the tables are."""
    for option in reversed(_database):
        command = option(command)
    return command


@cli.command()
@click.option("--instance", help="Name of this worker: its own, and the same after a restart.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Folder for local state (a copy of the changelog).")
@click.option("--static-member", is_flag=True, help="Keep the partitions over a restart (group.instance.id).")
@click.pass_obj
def correlate(context: Context, instance: str | None, state_dir: Path | None, static_member: bool) -> None:
    """Run one correlate worker; start as many as you like."""
    from streams.apps.correlate import run_correlate

    state = None if state_dir is None else str(state_dir)
    settings = context.settings(correlate={"instance": instance, "state_dir": state})
    run_correlate(settings, stop_flag(), static_member)


def main() -> None:
    """Run the command line."""
    cli(prog_name="sms-streams")
