"""`topics` and `simulate`."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli.context import Context, stop_flag
from streams.cli.values import DURATION, TIME, read_shares
from streams.settings import SettingsError

if TYPE_CHECKING:
    from rich.table import Table

    from streams.apps.simulate import Totals
    from streams.kafka.topic_admin import Created
    from streams.kafka.topic_compare import Finding

EXIT_UNAVAILABLE = 3
INTERRUPTED = 130


@click.group()
def topics() -> None:
    """Make the topics of schemas/topics.yaml, or compare a cluster with it."""


@topics.command("create")
@click.option("--partitions", type=click.IntRange(min=1), help="For all topics that are joined. Else as topics.yaml says.")
@click.option("--replication", type=click.IntRange(min=1), help="Copies of each partition. Else the brokers' default.")
@click.pass_obj
def create_topics(context: Context, partitions: int | None, replication: int | None) -> None:
    """Make the topics that are not there yet; those that are stay as they are."""
    from streams.kafka import topic_admin

    settings = context.settings()
    made = topic_admin.create(
        settings.kafka, partitions=partitions, replication=replication, prefix=settings.topic_prefix
    )
    _draw(_created_table(made))
    sys.exit(topic_admin.exit_code(made))


@topics.command("check")
@click.option("--partitions", type=click.IntRange(min=1), help="What `topics create` was told.")
@click.pass_obj
def check_topics(context: Context, partitions: int | None) -> None:
    """Compare the cluster's topics with topics.yaml. Exit code 1: something is wrong."""
    from streams.kafka import topic_admin

    settings = context.settings()
    findings = topic_admin.check(settings.kafka, partitions=partitions, prefix=settings.topic_prefix)
    if findings:
        _draw(_findings_table(findings))
    else:
        click.echo("all topics are as topics.yaml says")
    sys.exit(topic_admin.exit_code(findings))


def _draw(table: Table) -> None:
    from streams.apps.display import console

    console().print(table)


def _created_table(made: list[Created]) -> Table:
    from rich.table import Table

    table = Table("topic", "", "partitions", "", box=None, pad_edge=False)
    for one in made:
        table.add_row(one.topic, one.outcome, str(one.partitions), one.detail)
    return table


def _findings_table(findings: list[Finding]) -> Table:
    from rich.table import Table

    table = Table("", "topic", "is", "should be", "what to do", box=None, pad_edge=False)
    for one in findings:
        table.add_row(one.severity, one.topic, one.found, one.wanted, one.advice)
    return table
