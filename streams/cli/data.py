"""`migrate`, `replay`, `query`, `message`, `verify`: the tables, and what they say."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.context import Context, database_flags, database_options, open_tables
from streams.settings import SettingsError

if TYPE_CHECKING:
    from streams.apps.receipts import Audit
    from streams.apps.replay import Summary
    from streams.apps.verify import Report

_READ_ONLY_FORMATS = ("table", "csv", "json")


@click.command()
@database_options
@click.option("--retention-days", type=click.IntRange(min=0), help="Keep rows that long after loading (0: for ever).")
@click.option("--loader-password", envvar="SMS_LOADER_PASSWORD", help="Makes the user sms_loader_user.")
@click.option("--analyst-password", envvar="SMS_ANALYST_PASSWORD", help="Makes the user sms_analyst_user.")
@click.pass_obj
def migrate(
    context: Context,
    db: str | None,
    url: str | None,
    retention_days: int | None,
    loader_password: str | None,
    analyst_password: str | None,
) -> None:
    """Make or bring up to date the tables, views and roles. May be run again at any time."""
    from streams.clickhouse.access import grant
    from streams.clickhouse.codes import let_dictionaries_read, load_codes
    from streams.clickhouse.migrate import migrate as apply

    settings = context.settings(clickhouse=database_flags(db, url))
    tables = open_tables(settings.clickhouse)
    try:
        done = apply(tables, click.echo, retention_days=retention_days)
        if not done:
            click.echo("up to date")
        if settings.clickhouse.url:
            let_dictionaries_read(tables, click.echo)
        load_codes(tables, settings, click.echo)
        grant(tables, click.echo, loader_password=loader_password or "", analyst_password=analyst_password or "")
    finally:
        tables.close()


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--db", metavar="DIR", required=True, help="Folder of the embedded ClickHouse that the events go into.")
@click.option(
    "--config", "config_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TOML file."
)
@click.option("--as-of", metavar="TIME", help="Stream time at the end: epoch ms or ISO 8601. Else the newest event's.")
@click.pass_obj
def replay(context: Context, files: tuple[Path, ...], db: str, config_file: Path | None, as_of: str | None) -> None:
    """Run recorded events (NDJSON or Avro files, in the order given) through the core into a database; no broker.

    Running it again with the same files changes nothing; another file continues.
    """
    from streams.apps.replay import Replay
    from streams.clickhouse.codes import load_codes
    from streams.clickhouse.embedded import EmbeddedDatabase
    from streams.clickhouse.migrate import migrate as apply

    as_of_ms = None if as_of is None else _time_ms(as_of)
    tables = EmbeddedDatabase(db)
    try:
        settings = context.settings(config_file)
        apply(tables)
        load_codes(tables, settings)
        run = Replay(settings, tables, Path(db), _say)
        try:
            summary = run.run(list(files), as_of_ms)
        finally:
            run.close()
    finally:
        tables.close()
    tell_replay(summary)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _time_ms(text: str) -> int:
    if text.isdigit():
        return int(text)
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"--as-of {text}: write epoch milliseconds or ISO 8601, 2026-03-02T10:00:00Z") from error
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1_000)


def tell_replay(summary: Summary) -> None:
    for line in summary.shown:
        _say(line)
    bad = summary.bad.total()
    if bad > len(summary.shown):
        _say(f"... and {bad - len(summary.shown)} more bad lines")
    if summary.ignored_fields:
        names = ", ".join(f"{name} ({count})" for name, count in summary.ignored_fields.most_common(10))
        _say(f"fields that no schema has, left out: {names}")
    counts = ", ".join(f"{count} {topic}" for topic, count in sorted(summary.events.items())) or "nothing new"
    click.echo(f"read: {counts}; {bad} bad lines (kept in sms.dead_letters)")
    time = datetime.fromtimestamp(summary.stream_time_ms / 1_000, UTC).isoformat(timespec="milliseconds")
    click.echo(
        f"wrote: {summary.revisions} revisions, {summary.timeouts} of them by timeouts; "
        f"{summary.duplicates} duplicates, {summary.orphans} orphans; stream time {time}"
    )
    if summary.resolved or summary.waiting:
        click.echo(
            f"receipts: {summary.resolved} found their message by the provider's id, {summary.waiting} wait for the "
            "answer that brings theirs"
        )


@click.command()
@click.argument("sql")
@database_options
@click.option("--format", "fmt", type=click.Choice(_READ_ONLY_FORMATS), default="table", show_default=True)
@click.pass_obj
def query(context: Context, sql: str, db: str | None, url: str | None, fmt: str) -> None:
    """Run SQL and show the result. json: an array of objects. `-` reads the SQL from standard input.

    Start from the views message_latest, campaign_summary, provider_scorecard, failure_reasons, message_timeline.
    """
    from streams.clickhouse.reading import run_query

    tables = open_tables(context.settings(clickhouse=database_flags(db, url)).clickhouse, shared=True)
    try:
        click.echo(run_query(tables, sys.stdin.read() if sql == "-" else sql, fmt).rstrip("\n"))
    finally:
        tables.close()


@click.command()
@click.argument("message_id")
@click.option("--account", help="Needed only where several accounts have a message of this name.")
@database_options
@click.pass_obj
def message(context: Context, message_id: str, account: str | None, db: str | None, url: str | None) -> None:
    """Tell the story of one message: every event with its times and raw codes, and what became of it when."""
    from streams.clickhouse.story import NoSuchMessage, message_story

    tables = open_tables(context.settings(clickhouse=database_flags(db, url)).clickhouse, shared=True)
    try:
        click.echo(message_story(tables, message_id, account))
    except NoSuchMessage as error:
        _say(str(error))
        sys.exit(1)
    finally:
        tables.close()


@click.command()
@database_options
@click.option(
    "--config", "config_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TOML file."
)
@click.option(
    "--patience",
    "patience_s",
    type=click.FloatRange(min=0),
    default=15.0,
    show_default=True,
    help="For how many seconds to read again what differs, where others write into the tables meanwhile.",
)
@click.pass_obj
def verify(context: Context, db: str | None, url: str | None, config_file: Path | None, patience_s: float) -> None:
    """Recompute every status from the raw events in ClickHouse and compare.

    Needs the configuration (timeouts, dialects, id rules) that the statuses were made with. Exit code 1: there are
    differences. Receipts that know only the provider's id must have become reports or orphans, or still wait.

    It may run beside the workers. An event can be in the tables before the row that it changes: what differs is read
    again until it is right or --patience is over.
    """
    from streams.apps.receipts import audit
    from streams.apps.verify import verify as compare
    from streams.clickhouse.embedded import EmbeddedDatabase

    settings = context.settings(config_file, clickhouse=database_flags(db, url))
    tables = open_tables(settings.clickhouse, shared=True)
    try:
        ours_alone = isinstance(tables, EmbeddedDatabase)  # nothing is on its way
        report = compare(tables, settings.rules(), _say, 0.0 if ours_alone else patience_s)
        receipts = audit(tables, settings.resolve_rules())
    finally:
        tables.close()
    _tell_verify(report)
    if receipts.receipts:
        _tell_receipts(receipts)
    if report.differences or receipts.lost:
        sys.exit(1)


def _tell_receipts(found: Audit) -> None:
    for text in found.examples:
        click.echo(text)
    why = ", ".join(f"{count} {reason}" for reason, count in found.orphans.most_common())
    click.echo(
        f"{found.receipts} receipts by the provider's id: {found.reports} became reports, "
        f"{found.orphans.total()} orphans{f' ({why})' if why else ''}, {found.waiting} wait, {found.lost} are lost"
    )


def _tell_verify(report: Report) -> None:
    for text in report.examples:
        click.echo(text)
    click.echo(
        f"{report.messages} messages: {report.equal} equal, {report.different} different, "
        f"{report.missing} without a row, {report.extra} without a submit; "
        f"{report.waiting} known only from answers or reports"
    )
    if report.columns:
        click.echo("columns that differ: " + ", ".join(f"{name} ({n})" for name, n in report.columns.most_common()))


COMMANDS = (migrate, replay, query, message, verify)
