"""`import kannel`: events from what a gateway has logged."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli.context import Context, quiet, stop_flag
from streams.cli.values import DURATION, TIME
from streams.settings import Settings, SettingsError

if TYPE_CHECKING:
    from streams.apps.import_kannel import Sink
    from streams.importers.kannel_options import Options
    from streams.importers.summary import Summary

INTERRUPTED = 130
EXIT_UNAVAILABLE = 3


@click.group("import")
def import_() -> None:
    """Make events of what a gateway has logged."""


@import_.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...|-")
@click.option("--ndjson", metavar="OUT|-", help="Write lines for `replay`.  [default: -, standard output]")
@click.option("--kafka", "to_kafka", is_flag=True, help="Send to the topics instead.")
@click.option("--db", metavar="DIR", help="Replay into this embedded database instead.")
@click.option("--follow", "-f", is_flag=True, help="Go on as the last file grows, until Ctrl-C.")
@click.option("--zone", default="UTC", show_default=True, help="Zone of the log: Europe/Madrid, +02:00.")
@click.option("--receipt-zone", "receipt_zones", multiple=True, metavar="SMSC=ZONE", help="Zone of an SMSC's receipts.")
@click.option("--ids", multiple=True, metavar="SMSC=FORM", help="Form of its ids: same, hex-decimal, decimal-hex.")
@click.option("--format", "log_format", help="The bearerbox's access-log-format.")
@click.option("--clean", is_flag=True, help="The log has access-log-clean = true: no time before the line.")
@click.option("--account", default="svc", show_default=True, help="Where the account stands: svc, act, =NAME, ...")
@click.option("--campaign", default="", help="Where the campaign stands: meta:KEY, =NAME, ...")
@click.option("--message-id", default="", help="Where your own id stands: url:PARAMETER, meta:KEY, binf, ...")
@click.option("--default-smsc", default="", help="The provider of lines that name none.")
@click.option("--time", "missing_time", type=TIME, help="When everything happened in a log without times.")
@click.option("--parts-window", type=DURATION, default="10m", show_default=True, help="How far apart segments may be.")
@click.option("--hold", type=DURATION, help="How long a report waits for its message. [to the end; followed: 60s]")
@click.option("--keep", type=DURATION, help="How long messages are remembered. [to the end; followed: 3d]")
@click.option("--summary", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.pass_obj
def kannel(context: Context, /, files: tuple[str, ...], follow: bool, summary: str, **given: Any) -> None:
    """Read Kannel's access log (oldest file first, `-`: standard input, .gz too) and make events of it.

    The same log always gives the same events, so importing it again changes nothing. At the end a summary, on standard
    error, says what was read and what the log does not tell. See docs/kannel.md.
    """
    from streams.apps.import_kannel import import_kannel

    stop = stop_flag()
    options = _options(given)
    for path in files:
        if path != "-" and not follow and not Path(path).is_file():
            raise SettingsError(f"there is no file {path}")
    with _target(context, given, follow, " ".join(files)) as sink:
        found = import_kannel(
            files, sink, options, follow, stop=stop.is_set, progress=_progress if sys.stderr.isatty() else None
        )
        _say(found, summary)
        if stop.is_set() and not follow:
            sys.exit(INTERRUPTED)


def _options(given: dict[str, Any]) -> Options:
    from streams.apps.import_kannel import read_pairs, read_zone
    from streams.importers.kannel_options import Options

    try:
        return Options(
            zone=read_zone(given["zone"]),
            format=given["log_format"],
            clean=given["clean"],
            receipt_zones={smsc: read_zone(zone) for smsc, zone in read_pairs(given["receipt_zones"]).items()},
            ids=read_pairs(given["ids"]),
            account=given["account"],
            campaign=given["campaign"],
            message_id=given["message_id"],
            default_smsc=given["default_smsc"],
            missing_time_ms=given["missing_time"],
            parts_window_ms=given["parts_window"],
            hold_ms=given["hold"],
            keep_ms=given["keep"],
        )
    except ValueError as error:
        raise SettingsError(str(error)) from error


@contextmanager
def _target(context: Context, given: dict[str, Any], follow: bool, names: str) -> Iterator[Sink]:
    """Give what takes the events, and finish it."""
    from streams.apps.import_kannel import ndjson_sink

    ndjson, db = given["ndjson"], given["db"]
    if sum((ndjson is not None, given["to_kafka"], db is not None)) > 1:
        raise SettingsError("give one of --ndjson, --kafka and --db")
    if db is not None:
        if follow:
            raise SettingsError("--db reads whole files: follow with --kafka, or with --ndjson")
        with _replayed(context.settings(), db, names) as sink:
            yield sink
    elif given["to_kafka"]:
        with _sent(context.settings()) as sink:
            yield sink
    elif ndjson in (None, "-"):
        yield ndjson_sink(sys.stdout)
    else:
        with Path(ndjson).open("w", encoding="utf-8") as out:
            yield ndjson_sink(out)


@contextmanager
def _replayed(settings: Settings, db: str, names: str) -> Iterator[Sink]:
    """Gather the events in a file beside the tables, then replay it; it stays only where that is interrupted."""
    from streams.apps.import_kannel import ndjson_sink
    from streams.apps.replay import Replay
    from streams.cli.data import tell_replay
    from streams.clickhouse.codes import load_codes
    from streams.clickhouse.embedded import EmbeddedDatabase
    from streams.clickhouse.migrate import migrate

    tables = EmbeddedDatabase(db)
    try:
        migrate(tables)
        load_codes(tables, settings)
        events = Path(db) / f"import-{os.getpid()}.ndjson"
        try:
            with events.open("w", encoding="utf-8") as out:
                yield ndjson_sink(out)
        except BaseException:
            events.unlink()
            raise
        signal.signal(signal.SIGINT, signal.default_int_handler)  # the replay goes on where it was interrupted
        run = Replay(settings, tables, Path(db), lambda text: click.echo(text.replace(str(events), names), err=True))
        try:
            tell_replay(run.run([events], None))
        finally:
            run.close()
        events.unlink()
    finally:
        tables.close()


@contextmanager
def _sent(settings: Settings) -> Iterator[Sink]:
    from streams.apps.correlate import registry_of
    from streams.apps.import_targets import KafkaTarget

    target = KafkaTarget(quiet(settings.kafka), settings.topic_prefix, registry_of(settings))
    try:
        yield target
    finally:
        target.close()
    each = ", ".join(f"{count} {topic}" for topic, count in sorted(target.sent.items())) or "nothing"
    click.echo(f"sent: {each}", err=True)
    for text, count in target.errors.items():
        click.echo(f"{count} records did not get through: {text}; run it again, nothing will be doubled", err=True)
    if target.errors:
        sys.exit(EXIT_UNAVAILABLE)


def _progress(lines: int, size: int) -> None:
    click.echo(f"\r{lines:,} lines, {size / 1e6:,.1f} MB\x1b[K", nl=False, err=True)


def _say(summary: Summary, form: str) -> None:
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    click.echo(summary.text() if form == "text" else json.dumps(summary.data(), ensure_ascii=False), err=True)


COMMANDS = (import_,)
