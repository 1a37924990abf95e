"""`decode`: read what carriers send back, and say by the catalog what it means."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from functools import partial

import click

from streams.cli.context import Context
from streams.cli.decode_webhook import webhook
from streams.receipts.decode import decode_line


@click.group()
def decode() -> None:
    """Read delivery receipts and webhook bodies, without any broker or database."""


@decode.command()
@click.option("--provider", default="", help="Whose receipts: its dialect is that of the configuration.")
@click.pass_obj
def receipt(context: Context, provider: str) -> None:
    """Read the text of SMPP delivery receipts, a line each, and print a line of JSON for each.

    A line that begins with a quote is a JSON string and stands for the text it encodes, so that line breaks and NULs
    can be given; an object may have TLVs beside the text. Every line gives an object, in order; what a receipt does
    not say is null. See docs/receipts.md.

    Example: echo 'id:7 stat:UNDELIV err:027' | sms-streams decode receipt
    """
    meaning = partial(context.settings().rules().report, provider)
    for line in _lines(sys.stdin.buffer):
        click.echo(json.dumps(decode_line(line, meaning)))


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
