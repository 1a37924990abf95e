"""How `demo` shows what came out: the funnel, the providers, what failed and why, what timed out, one story."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Literal

from rich import box
from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from streams.apps.demo_report import Report, Rows
from streams.apps.display import WIDTH, duration_text
from streams.apps.verify import Report as Verified

_BAR = 20
_COLOURS = {
    "delivered": "green",
    "partially_delivered": "yellow",
    "failed": "red",
    "sent_without_sr": "magenta",
    "accepted": "cyan",
    "enroute": "cyan",
    "submitted": "blue",
}


def bars(counts: dict[str, int]) -> RenderableType:
    """Where the messages stand, as bars."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=4)
    table.add_column(width=20)
    table.add_column(justify="right", width=8)
    table.add_column()
    most = max(counts.values(), default=1)
    for status, count in counts.items():
        bar = Text("━" * max(1, round(40 * count / most)), style=_COLOURS.get(status, "dim"))
        table.add_row("", status, f"{count:,}", bar)
    return table


def draw(out: Console, report: Report, verified: Verified, folder: Path, command: str) -> None:
    """Print all of it."""
    for title, content in (
        ("what is wrong", _anomalies(report.anomalies)),
        ("the funnel", _funnel(report)),
        ("messages by provider and status", _statuses(report.statuses)),
        ("how long it took, from the hand-over", _latencies(report)),
        ("why messages were not delivered", _reasons(report.reasons)),
        ("what timed out, in event time", _timeouts(report)),
        ("what else came", _odd(report)),
        ("the story of one message", _story(report.story)),
        ("proof", _proof(verified)),
    ):
        out.print()
        out.print(Rule(Text(title, style="bold"), align="left", style="dim"))
        out.print(content)
    out.print()
    out.print(Rule(Text("what next", style="bold"), align="left", style="dim"))
    _next(out, report, folder, command)


def _anomalies(rows: Rows) -> Text:
    """The open anomalies, a sentence each."""
    if not rows:
        return Text("nothing was found")
    text = Text()
    for row in rows:
        text.append(f"{row['severity']} ", style="bold red" if row["severity"] == "critical" else "bold yellow")
        text.append(f"since {str(row['first_seen'])[11:19]}: {row['sentence']}\n")
    text.rstrip()
    return text


def _table(*columns: str) -> Table:
    """A table whose first column is text, in one line, and the others numbers, unless a name starts with "<"."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for number, name in enumerate(columns):
        left = number == 0 or name.startswith("<")
        justify: Literal["left", "right"] = "left" if left else "right"
        table.add_column(name.removeprefix("<"), justify=justify, overflow="fold", no_wrap=number == 0)
    return table


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else ""


def _funnel(report: Report) -> Table:
    totals = report.totals
    whole = totals["messages"]
    table = _table("", "messages", "of all", "<", "<not further")
    stages = (
        ("known to the sender", "messages", (("excluded", "excluded by the sender"), ("pending", "pending"))),
        (
            "handed over",
            "handed_over",
            (
                ("refused", "refused"),
                ("unanswered", "never answered"),
                ("waiting_for_answer", "waiting for the answer"),
            ),
        ),
        (
            "accepted by a provider",
            "accepted",
            (
                ("failed_later", "failed, says a report"),
                ("unconfirmed", "no report came"),
                ("waiting_for_report", "waiting for the report"),
            ),
        ),
        ("delivered", "delivered", (("partially_delivered", "more in part"),)),
    )
    for name, key, lost in stages:
        count = totals[key]
        said = ", ".join(f"{totals[what]:,} {text}" for what, text in lost if totals[what])
        bar = Text("█" * round(_BAR * count / (whole or 1)), style="green" if key == "delivered" else "cyan")
        table.add_row(name, f"{count:,}", _percent(count, whole), bar, said)
    return table


def _statuses(rows: Rows) -> Table:
    names = ("submitted", "accepted", "enroute", "delivered", "partially", "failed", "unconfirmed")
    table = _table("provider", "all", *names, "%")
    for row in rows:
        counts = [f"{row[name]:,}" if row[name] else "-" for name in names]
        table.add_row(row["provider"], f"{row['messages']:,}", *counts, _percent(row["delivered"], row["messages"]))
    return table


def _latencies(report: Report) -> Table:
    table = _table("provider", "answer 50%", "95%", "99%", "last report 50%", "95%", "99%")
    for row in report.latencies:
        times = [duration_text(row[f"{what}_ms_p{share}"]) for what in ("response", "report") for share in (50, 95, 99)]
        table.add_row(row["provider"], *times)
    return table


def _reasons(rows: Rows) -> Table:
    table = _table("reason", "messages", "<class", "<recipient", "<codes as they came")
    for row in rows:
        table.add_row(str(row["reason"]), f"{row['n']:,}", row["class"], row["action"], str(row["codes"]))
    return table


def _timeouts(report: Report) -> Table:
    table = _table("timeout", "messages", "<said", "amended by a late report")
    for row in report.timeouts:
        table.add_row(row["what"], f"{row['fired']:,}", row["said"], f"{row['amended']:,}" if row["amended"] else "-")
    return table


def _odd(report: Report) -> Text:
    flags, left = report.flags, report.leftovers
    lines = [
        f"{flags['several_parts']:,} messages of several parts, {flags['several_attempts']:,} with several attempts",
        f"{flags['late']:,} late, {flags['conflict']:,} with contradicting reports, {flags['unknown_code']:,} with a "
        "code that nobody knows",
        f"{left['receipts']:,} reports came with the provider's id only, and resolve looked for their messages",
        f"{left['orphans']:,} reports that found no message, in sms.orphans; {left['dead_letters']:,} records that "
        "could not be read, in sms.dead_letters",
    ]
    if report.fresh_ms is not None:
        half, most = (duration_text(ms) for ms in report.fresh_ms)
        lines.append(f"half of the live traffic was in the tables within {half} of the event, 95% within {most}")
    return Text("\n".join(lines))


def _story(story: str) -> Text:
    lines = []
    for line in story.rstrip().splitlines():
        indent = len(line) - len(line.lstrip()) + 4
        lines += textwrap.wrap(
            line, WIDTH - 2, subsequent_indent=" " * indent, break_long_words=False, drop_whitespace=True
        ) or [""]
    return Text("\n".join(lines))


def _proof(verified: Verified) -> Text:
    whole = verified.messages - verified.waiting
    if not verified.differences:
        return Text(f"{verified.equal:,} of {whole:,} statuses are what the raw events give", style="green")
    shown = "\n".join(verified.examples[:5])
    return Text(
        f"{verified.differences:,} of {whole:,} statuses are not what the raw events give\n{shown}", style="red"
    )


def _next(out: Console, report: Report, folder: Path, command: str) -> None:
    db = folder / "db"
    out.print(f"The data stays in {folder}: the tables in db, Kafka's records in broker. Type next:\n")
    query = "SELECT provider, delivered_rate FROM provider_scorecard"
    for line in (
        f'{command} query --db {db} "{query}"',
        f"{command} message --db {db} {report.story_id}",
        f"{command} up --data {folder}",
    ):
        out.print(Text(f"  {line}", style="bold"), soft_wrap=True)
