"""`correlate`, `resolve`, `load` and `detect`: one worker each, any number of them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click

from streams.cli.context import Context, database_flags, database_options, open_tables, stop_flag
from streams.clickhouse.backend import Database


@click.command()
@click.option("--instance", help="Name of this worker: its own, and the same after a restart.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Folder for local state (a copy of the changelog).")
@click.option("--static-member", is_flag=True, help="Keep the partitions over a restart (group.instance.id).")
@click.pass_obj
def correlate(context: Context, instance: str | None, state_dir: Path | None, static_member: bool) -> None:
    """Join the events: one correlate worker; start as many as you like."""
    from streams.apps.correlate import run_correlate

    state = None if state_dir is None else str(state_dir)
    settings = context.settings(correlate={"instance": instance, "state_dir": state})
    run_correlate(settings, stop_flag(), static_member)


@click.command()
@click.option("--instance", help="Name of this worker: its own, and the same after a restart.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Folder for local state (a copy of the changelog).")
@click.option("--static-member", is_flag=True, help="Keep the partitions over a restart (group.instance.id).")
@click.pass_obj
def resolve(context: Context, instance: str | None, state_dir: Path | None, static_member: bool) -> None:
    """Find the messages of receipts that know only the provider's id: one resolve worker; start as many as you like.

    Reads sms.provider-receipt and the ids that correlate has noted, and writes sms.delivery-report. It needs the same
    configuration as correlate.
    """
    from streams.apps.correlate import run_resolve

    state = None if state_dir is None else str(state_dir)
    settings = context.settings(resolve={"instance": instance, "state_dir": state})
    run_resolve(settings, stop_flag(), static_member)


@click.command()
@database_options
@click.option("--instance", help="Keep the partitions over a restart, under this name (group.instance.id).")
@click.pass_obj
def load(context: Context, db: str | None, url: str | None, instance: str | None) -> None:
    """Fill the tables: one load worker, from Kafka into ClickHouse; start as many as you like.

    Of an embedded database there can be only one; query, message and verify ask it meanwhile.
    """
    from streams.apps.correlate import registry_of
    from streams.apps.load import LoadWorker
    from streams.clickhouse.loader import Limits
    from streams.kafka.asking import check_login

    settings = context.settings(clickhouse=database_flags(db, url), load={"instance": instance})
    check_login(settings.kafka)
    tables = open_tables(settings.clickhouse)
    try:
        worker = LoadWorker(
            tables,
            settings.kafka,
            registry=registry_of(settings),
            group=settings.topic_prefix + settings.load.group,
            topic_prefix=settings.topic_prefix,
            instance_id=settings.load.instance,
            limits=Limits(rows=settings.load.batch_rows, seconds=settings.load.interval_ms / 1_000),
        )
        with _answering(tables):
            worker.run(stop_flag())
    finally:
        tables.close()


def _answering(tables: Database) -> AbstractContextManager[object]:
    """Let others read an embedded database while this process holds it; a server needs no help."""
    from streams.clickhouse.server import ServerDatabase

    if isinstance(tables, ServerDatabase):
        return nullcontext()
    from streams.clickhouse.embedded import EmbeddedDatabase
    from streams.clickhouse.endpoint import serving

    return serving(tables) if isinstance(tables, EmbeddedDatabase) else nullcontext()


@click.command()
@click.option("--instance", help="Keep the partitions over a restart, under this name (group.instance.id).")
@click.option("--web-port", type=click.IntRange(0, 65535), help="Of /health and /metrics; 0: none.")
@click.pass_obj
def detect(context: Context, instance: str | None, web_port: int | None) -> None:
    """Find anomalies in route health: one detect worker, on Faust; start as many as you like."""
    stop = stop_flag()  # before what takes a second to import
    settings = context.settings(detect={"instance": instance, "web_port": web_port})
    from streams.apps.detect.run import run_detect

    run_detect(settings, stop)


COMMANDS = (correlate, resolve, load, detect)
