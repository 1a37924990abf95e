"""`decode webhook`: what a vendor's webhook says, without any endpoint."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from streams.catalog import Catalog
from streams.cli.context import Context
from streams.receipts.webhooks import Decoded, UnknownVendorError, VendorNames, WebhookError, all_vendors
from streams.receipts.webhooks import decode as decode_body
from streams.receipts.webhooks.page import with_vendors

Decode = Callable[[str, bytes | str, str], Decoded]


@click.command()
@click.option("--vendor", default="", help="Who sent it: twilio, vonage, infobip, ...; --list shows all.")
@click.option("--content-type", default="", help="As the request had it; the body's looks count for more.")
@click.option("--jsonl", is_flag=True, help='Read many, a line each: {"vendor", "content_type", "body"}.')
@click.option("--list", "listing", is_flag=True, help="Show the vendors.")
@click.option("--update", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Renew a page's table.")
@click.pass_obj
def webhook(context: Context, vendor: str, content_type: str, jsonl: bool, listing: bool, update: Path | None) -> None:
    """Read webhook bodies and print their delivery reports, one JSON array a body.

    Takes one body (JSON, XML, form fields or a query string) on standard input; with --jsonl, many. What is no delivery
    report, such as an inbound message, gives an empty array, and a line on standard error that says what it is.
    Vendors of your own are described under [vendors.NAME] in the configuration. See docs/ingest.md.

    Exit code 1: a body was not understood. 2: no such vendor.

    Example: echo 'MessageSid=SM1&MessageStatus=delivered' | sms-streams decode webhook --vendor twilio
    """
    settings = context.settings()
    catalog = settings.catalog
    names = VendorNames(all_vendors(settings.vendors, catalog))
    if listing:
        for name, known in sorted(names.vendors.items()):
            click.echo(f"{name:18} {known.signature or 'shared':18} {known.title}")
        return
    read = _reader(names, catalog)
    if update is not None:
        update.write_text(with_vendors(update.read_text(encoding="utf-8"), names.vendors), encoding="utf-8")
        return
    if jsonl:
        sys.exit(1 if _many(sys.stdin.buffer, vendor, content_type, read) else 0)
    if not vendor:
        raise click.UsageError("say who sent it: --vendor NAME (--list shows all), or --jsonl")
    try:
        decoded = read(vendor, sys.stdin.buffer.read(), content_type)
    except UnknownVendorError as error:
        raise click.UsageError(str(error)) from error
    except WebhookError as error:
        click.echo("[]")
        click.echo(f"sms-streams: {error}", err=True)
        sys.exit(1)
    _show(decoded, "")


def _reader(names: VendorNames, catalog: Catalog) -> Decode:
    def read(vendor: str, body: bytes | str, content_type: str) -> Decoded:
        return decode_body(names.find(vendor), body, catalog, content_type)

    return read


def _show(decoded: Decoded, where: str) -> None:
    click.echo(json.dumps([event.shown() for event in decoded.events]))
    for kind in decoded.others:
        click.echo(f"{where}not a delivery report: {kind}", err=True)
    for problem in decoded.problems:
        click.echo(f"{where}left out: {problem}", err=True)


def _many(lines: Iterable[bytes], vendor: str, content_type: str, read: Decode) -> int:
    """Read many bodies; an array for every line, in order. Return how many lines were not understood."""
    failed = 0
    for number, line in enumerate(lines, start=1):
        where = f"line {number}: "
        try:
            given = _line(line, vendor, content_type)
            decoded = read(*given)
        except (ValueError, LookupError) as error:
            failed += 1
            click.echo("[]")
            click.echo(f"{where}{error}", err=True)
        else:
            _show(decoded, where)
    return failed


def _line(line: bytes, vendor: str, content_type: str) -> tuple[str, str, str]:
    """Return vendor, body and content type of a line; raise ``ValueError`` where it is none."""
    try:
        data: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError('not a line of JSON: write {"vendor": "twilio", "body": "MessageSid=..."}') from None
    body = data.get("body") if isinstance(data, dict) else None
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    if not isinstance(body, str):
        raise ValueError('an object with "vendor", "content_type" and "body" is expected')
    return str(data.get("vendor") or vendor), body, str(data.get("content_type") or content_type)
