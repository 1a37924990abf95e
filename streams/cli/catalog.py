"""`catalog`: what the codes of the providers mean."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from streams.catalog import Catalog, default_catalog
from streams.catalog import page as pages
from streams.catalog.dialect import COLUMNS, Entry
from streams.cli.context import Context

_PIPED_WIDTH = 240
"""Columns of a table that does not go to a terminal: wide enough that nothing is cut."""


@click.command()
@click.argument("dialect", required=False)
@click.argument("code", required=False)
@click.option("--text", default="", help="The text beside the code, for dialects where it tells more (clicksend).")
@click.option("--format", "fmt", type=click.Choice(["table", "csv", "json", "markdown"]), default="table")
@click.option("--language", type=click.Choice(pages.LANGUAGES), default="en", show_default=True, help="Of the labels.")
@click.option("--update", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Renew a page's tables.")
@click.pass_obj
def catalog(
    context: Context, dialect: str | None, code: str | None, text: str, fmt: str, language: str, update: Path | None
) -> None:
    """Show what the codes of providers mean: the dialects, the table of one, or one code in words.

    DIALECT is a dialect, or a provider of the configuration that has codes or a dialect of its own.

    Exit code 1: the catalog does not know the code.
    """
    if update is not None:
        _renew(update, default_catalog())
        return
    known, dialect = _configured(context, dialect)
    if dialect is None:
        _tell_dialects(known, fmt)
    elif code is None:
        _tell_rows(known, dialect, known.dialects[dialect], fmt, language)
    else:
        rows = known.rows(dialect, code, text)
        if not rows:
            _tell_unknown(dialect, code)
        if fmt == "table":
            _explain(known, dialect, rows, text, language)
        else:
            _tell_rows(known, dialect, rows, fmt, language)


def _configured(context: Context, dialect: str | None) -> tuple[Catalog, str | None]:
    """Return the catalog with the user's files, and the dialect that a name means; a provider's name means its own."""
    settings = context.settings()
    known = settings.catalog
    if dialect is not None and dialect not in known.files:
        if dialect not in settings.policies:
            raise click.BadParameter(f"{dialect!r} is not one of {', '.join(known.files)}", param_hint="DIALECT")
        dialect = settings.policies[dialect].dialect
    return known, dialect


def _renew(path: Path, known: Catalog) -> None:
    page = path.read_text(encoding="utf-8")
    try:
        path.write_text(pages.with_tables(page, pages.markdown(known, known.files)), encoding="utf-8")
    except ValueError as error:
        raise click.BadParameter(f"{path}: {error}", param_hint="--update") from error
    click.echo(f"{path}: tables renewed")


def _tell_dialects(known: Catalog, fmt: str) -> None:
    if fmt == "markdown":
        click.echo(pages.markdown(known, known.files))
        return
    heads = ("dialect", "reports", "descriptions", "errors", "answers", "base", "title")
    rows = [(d.name, *map(str, pages.counts(d).values()), d.base, d.title) for d in known.files.values()]
    _tell(heads, rows, fmt)
    if fmt == "table":
        click.echo("More: sms-streams catalog DIALECT, sms-streams catalog DIALECT CODE")


def _tell_rows(known: Catalog, dialect: str, rows: Sequence[Entry], fmt: str, language: str) -> None:
    if fmt == "markdown":
        part = known.files[dialect]._replace(entries=list(rows))
        click.echo(pages.markdown(Catalog(known.files | {dialect: part}, known.reasons), [dialect]))
    elif fmt == "table":
        heads = ("side", "code", "also written", "status", "final", "reason", "class", "recipient", "billed", "colour")
        told = [(e.side, e.code, pages.written(e), *e[3:10], pages.label(e, language)) for e in rows]
        _tell((*heads, "label"), told, fmt)
    else:
        _tell(COLUMNS, rows, fmt)


def _explain(known: Catalog, dialect: str, rows: Sequence[Entry], text: str, language: str) -> None:
    for number, entry in enumerate(rows):
        if number:
            click.echo()
        for name, said in pages.explain(entry, known.reasons, language):
            click.echo(f"{name:<13} {said}")
    if known.reads_text(dialect) and not text and rows[0].side == "report":
        click.echo("\nThe description beside the code may tell more: give it with --text.")


def _tell_unknown(dialect: str, code: str) -> None:
    click.echo(
        f"sms-streams: {code!r} is not in the catalog of {dialect}. As a report it counts as intermediate, "
        "as an answer like a temporary refusal, with the reason unknown_code.",
        err=True,
    )
    sys.exit(1)


def _tell(heads: Sequence[str], rows: Iterable[Sequence[str]], fmt: str) -> None:
    if fmt == "json":
        objects = [dict(zip(heads, row, strict=True)) for row in rows]
        click.echo(json.dumps(objects, ensure_ascii=False, indent=1))
    elif fmt == "csv":
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([heads, *rows])
        click.echo(out.getvalue(), nl=False)
    else:
        _tell_table(heads, rows)


def _tell_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*heads, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for row in rows:
        table.add_row(*map(Text, row))
    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH).print(table)


COMMANDS = (catalog,)
