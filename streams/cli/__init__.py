"""The command line: `sms-streams COMMAND`. Each command reads its options and calls one function of `streams.apps`.

Exit codes: 0 done, 1 something was found to be wrong (a check, a comparison), 2 wrong usage or configuration,
3 Kafka or ClickHouse cannot be used, 4 another worker took this one's place, 5 too much unusable input.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import click

from streams import __version__
from streams.cli.context import Context
from streams.settings import SettingsError

EXIT_FOUND = 1
EXIT_USAGE = 2
EXIT_UNAVAILABLE = 3
EXIT_FENCED = 4
EXIT_BAD_INPUT = 5


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

    from streams.apps.children import WorkerFailedError
    from streams.apps.correlate import InstanceInUseError
    from streams.apps.local import FolderInUseError
    from streams.apps.replay_journal import InterruptedReplayError
    from streams.clickhouse.backend import DatabaseError
    from streams.kafka.client import KafkaUnavailable, OptionRefused, describe_error
    from streams.kafka.embedded import EmbeddedBrokerError
    from streams.receipts.webhooks import VendorError
    from streams.runtime.changelog import ChangelogError
    from streams.runtime.errors import FencedError, TooManyDeadLettersError, TopicsError

    if isinstance(error, (SettingsError, OptionRefused, InstanceInUseError, FolderInUseError, InterruptedReplayError)):
        return EXIT_USAGE, str(error)
    if isinstance(error, VendorError):
        return EXIT_USAGE, f"configuration: {error}"
    if isinstance(error, FencedError):
        return EXIT_FENCED, str(error)
    if isinstance(error, TooManyDeadLettersError):
        return EXIT_BAD_INPUT, str(error)
    if isinstance(error, KafkaException):
        return EXIT_UNAVAILABLE, describe_error(error.args[0])
    if isinstance(
        error, (KafkaUnavailable, EmbeddedBrokerError, WorkerFailedError, DatabaseError, ChangelogError, TopicsError)
    ):
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


def main() -> None:
    """Run the command line."""
    from streams.cli import catalog, data, decode, detect, imports, ingest, kafka, live, orphans, segments, workers

    for module in (workers, ingest, kafka, data, orphans, catalog, segments, imports, decode, live, detect):
        for command in module.COMMANDS:
            cli.add_command(command)
    cli(prog_name="sms-streams")
