"""`decode`: read what carriers send back, and say by the catalog what it means."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from functools import partial

import click

from streams.cli.context import Context
from streams.cli.decode_webhook import webhook
from streams.receipts.decode import Meaning, decode_line
from streams.settings import Settings


@click.group()
def decode() -> None:
    """Read delivery receipts and webhook bodies, without any broker or database."""


@decode.command()
@click.option("--provider", default="", help="Whose receipts: its dialect is that of the configuration.")
@click.option("--dialect", default="", help="Or the dialect itself (sms-streams catalog lists them).")
@click.pass_obj
def receipt(context: Context, provider: str, dialect: str) -> None:
    """Read the text of SMPP delivery receipts, a line each, and print a line of JSON for each.

    A line that begins with a quote is a JSON string and stands for the text it encodes, so that line breaks and NULs
    can be given; an object may have TLVs beside the text. Every line gives an object, in order; what a receipt does
    not say is null. See docs/receipts.md.

    Example: echo 'id:7 stat:UNDELIV err:027' | sms-streams decode receipt
    """
    meaning = _meaning(context.settings(), provider, dialect)
    for line in _lines(sys.stdin.buffer):
        click.echo(json.dumps(decode_line(line, meaning)))


def _meaning(settings: Settings, provider: str, dialect: str) -> Meaning:
    """Return what looks codes up: by the dialect that is named, else as the provider's."""
    if dialect:
        if dialect not in settings.catalog.files:
            known = ", ".join(settings.catalog.files)
            raise click.BadParameter(f"{dialect!r} is not one of {known}", param_hint="--dialect")
        return partial(settings.catalog.report, dialect)
    if provider and provider not in settings.policies:
        spoken = settings.default_policy.dialect
        click.echo(f"sms-streams: the configuration does not name {provider!r}: read as {spoken}", err=True)
    return partial(settings.rules().report, provider)


def _lines(lines: Iterable[bytes]) -> Iterator[str]:
    """Return the lines; bytes that are no UTF-8 are read as Latin-1, so that none is lost."""
    for raw in lines:
        line = raw.removesuffix(b"\n").removesuffix(b"\r")
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError:
            yield line.decode("latin-1")


decode.add_command(webhook)

COMMANDS = (decode,)
