"""`orphans`: which id rules a provider needs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.context import Context, database_flags, database_options, open_tables, quiet
from streams.cli.values import DURATION
from streams.kafka.client import KafkaUnavailable

if TYPE_CHECKING:
    from rich.table import Table

    from streams.apps.orphans import Told
    from streams.clickhouse.backend import Database
    from streams.resolver.advice import Finding
    from streams.settings import Settings

_FEW = 20
_CHANCE = 0.1


@click.command()
@database_options
@click.option(
    "--config", "config_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TOML file."
)
@click.option("--provider", default="", help="Only this one; else all that have receipts.")
@click.option("--since", type=DURATION, default="7d", show_default=True, help="How long before the newest receipt.")
@click.option("--most", type=click.IntRange(min=1), default=20_000, show_default=True, help="Receipts of a provider.")
@click.option("--send", is_flag=True, help="Send the reports of receipts that the rules of now would have found.")
@click.option("--toml", is_flag=True, help="Print only the lines for the configuration.")
@click.pass_obj
def orphans(
    context: Context,
    db: str | None,
    url: str | None,
    config_file: Path | None,
    provider: str,
    since: int,
    most: int,
    send: bool,
    toml: bool,
) -> None:
    """Say which id rules would find the messages of receipts that know only the provider's id.

    Looks at receipts and answers in the tables, tries every rule, and counts: matched (the one message that used the
    id in time), ambiguous (several did), impossible (only one that was answered long before or after). Prints the lines
    for the configuration where rules find more than those there are. Nothing is changed, but with --send: once the
    rules are adopted, receipts that came before are sent to sms.delivery-report as the reports they are.
    """
    from streams.apps.display import console
    from streams.apps.orphans import advise, configuration

    settings = context.settings(config_file, clickhouse=database_flags(db, url))
    tables = open_tables(settings.clickhouse, shared=True)
    try:
        if send:
            _send(settings, tables)
            return
        told = advise(
            tables,
            settings.resolve_rules(),
            provider=provider,
            since_ms=since,
            most=most,
            say=lambda n: click.echo(f"{n:,} answers looked at", err=True),
        )
    finally:
        tables.close()
    lines = configuration(told)
    if toml:
        click.echo(lines)
        return
    if not told:
        click.echo("no receipts in the tables" + (f" of provider {provider}" if provider else ""))
        return
    out = console()
    for one in told:
        out.print(f"[bold]{one.provider}[/]: {one.advice.receipts:,} receipts, {one.advice.answers:,} ids from answers")
        out.print(_table(one))
        for hint in _hints(one):
            out.print(hint, soft_wrap=True)
        out.print()
    if lines:
        click.echo("For the configuration of correlate and resolve, which then have to be restarted:\n")
        click.echo(lines)
    else:
        click.echo("No other rules than those there are would find more.")
    sys.stdout.flush()


def _send(settings: Settings, tables: Database) -> None:
    from streams.apps.correlate import registry_of
    from streams.apps.import_targets import KafkaTarget
    from streams.apps.receipts import audit

    target = KafkaTarget(quiet(settings.kafka), settings.topic_prefix, registry_of(settings))
    found = audit(tables, settings.resolve_rules(), lambda report: target([report]))
    target.close()
    if target.errors:
        errors = ", ".join(f"{count} {error}" for error, count in target.errors.items())
        raise KafkaUnavailable(f"not all reports were taken: {errors}. Send them again: none counts twice")
    click.echo(f"{found.receipts} receipts: {found.reports} had become reports, {found.missed} were sent as such now")


def _table(one: Told) -> Table:
    from rich import box
    from rich.table import Table

    advice = one.advice
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for name in ("rules", "matched", "of all", "ambiguous", "impossible", "such as (answer, receipt)"):
        left = name in ("rules", "such as (answer, receipt)")
        table.add_column(name, justify="left" if left else "right", overflow="fold")
    _row(table, "now: ", advice.now, advice.receipts)
    for finding in advice.findings:
        if finding.rules != advice.now.rules:
            _row(table, "", finding, advice.receipts)
    if advice.best is not None and len(advice.best.rules) > 1:
        _row(table, "together: ", advice.best, advice.receipts)
    return table


def _row(table: Table, before: str, finding: Finding, receipts: int) -> None:
    from rich.text import Text

    example = "" if finding.example is None else f"{finding.example[0]}, {finding.example[1]}"
    share = f"{100 * finding.matched / receipts:.1f}%"
    counts = (f"{count:,}" for count in (finding.matched, finding.ambiguous, finding.impossible))
    matched, ambiguous, impossible = counts
    table.add_row(Text(before + ", ".join(finding.rules)), matched, share, ambiguous, impossible, Text(example))


def _hints(one: Told) -> list[str]:
    advice, hints = one.advice, []
    if not advice.answers:
        others = f" Answers name {', '.join(one.other_providers[:10])}." if one.other_providers else ""
        hints.append(f"No answer of a provider of this name brought an id: receipts must name the same one.{others}")
    if one.policy.reports_by == "message_id":
        hints.append('Its reports_by is "message_id", so its ids are not noted: set it to "any_id".')
    if advice.best is not None and advice.best.matched < _FEW:
        hints.append(f"That is little evidence: {advice.best.matched} matched.")
    if advice.best is not None and 0 < advice.now.matched < _CHANCE * advice.receipts:
        hints.append("What the rules of now match may be chance, and so another message's: adopt the right ones soon.")
    if advice.now.ambiguous > advice.now.matched:
        hints.append("Most of what is found is ambiguous: ids come round within id_window, or say nothing.")
    return hints


COMMANDS = (orphans,)
