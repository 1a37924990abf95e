"""`topics` and `simulate`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.context import Context, quiet, stop_flag
from streams.cli.values import DURATION, SHARE, TIME, read_numbers

if TYPE_CHECKING:
    from rich.table import Table

    from streams.apps.simulate import Sink, Totals
    from streams.kafka.topic_admin import Created
    from streams.kafka.topic_compare import Finding

EXIT_UNAVAILABLE = 3
INTERRUPTED = 130


@click.group()
def topics() -> None:
    """Make the topics of schemas/topics.yaml, or compare a cluster with it."""


@topics.command("create")
@click.option("--partitions", type=click.IntRange(min=1), help="Of the joined topics; topics.yaml says else.")
@click.option("--replication", type=click.IntRange(min=1), help="Copies of each partition; the brokers' default else.")
@click.pass_obj
def create_topics(context: Context, partitions: int | None, replication: int | None) -> None:
    """Make the topics that are not there yet; those that are stay as they are. Exit code 1: some could not be made."""
    from streams.apps.display import console
    from streams.kafka import topic_admin

    settings = context.settings()
    made = topic_admin.create(
        quiet(settings.kafka), partitions=partitions, replication=replication, prefix=settings.topic_prefix
    )
    console().print(_created_table(made))
    sys.exit(topic_admin.exit_code(made))


@topics.command("check")
@click.option("--partitions", type=click.IntRange(min=1), help="What `topics create` was told.")
@click.pass_obj
def check_topics(context: Context, partitions: int | None) -> None:
    """Compare the cluster's topics with topics.yaml. Exit code 1: something is wrong."""
    from streams.kafka import topic_admin

    settings = context.settings()
    findings = topic_admin.check(quiet(settings.kafka), partitions=partitions, prefix=settings.topic_prefix)
    for finding in findings:
        _tell(finding)
    if not findings:
        click.echo("all topics are as topics.yaml says")
    sys.exit(topic_admin.exit_code(findings))


def _tell(finding: Finding) -> None:
    """Say what is wrong, and on a line of its own, to be copied, what mends it."""
    colour = "red" if finding.severity == "error" else "yellow"
    click.echo(f"{click.style(finding.severity, fg=colour)}: {finding.topic} {finding.problem}")
    if finding.fix:
        click.echo(f"    {finding.fix}")


def _created_table(made: list[Created]) -> Table:
    from rich.table import Table

    table = Table("topic", "", "partitions", box=None, pad_edge=False)
    table.columns[2].justify = "right"
    for one in made:
        colour = {"created": "green", "failed": "red"}.get(one.outcome, "dim")
        table.add_row(one.topic, f"[{colour}]{one.outcome}[/] {one.detail}".rstrip(), str(one.partitions))
    return table


# ---- simulate ------------------------------------------------------------------------------------------------------

_HABITS = {  # option: field of the simulator's Provider, what to say
    "loss": ("no_report", "Share of reports that are lost."),
    "lateness": ("late_report", "Share of reports that come a day late."),
    "duplicates": ("duplicate", "Share of records that come twice."),
    "reordered": ("early_report", "Share of reports that overtake the answer."),
    "refused": ("refused", "Share of hand-overs refused for good."),
    "throttled": ("throttled", "Share refused for now; another attempt follows."),
    "unanswered": ("no_response", "Share of hand-overs whose answer is lost."),
}


def _habit_options(command: click.Command) -> click.Command:
    for name, (_, text) in _HABITS.items():
        command.params.append(click.Option([f"--{name}"], type=SHARE, metavar="SHARE", help=text))
    return command


@click.command()
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), default=None, help="Messages a second. [20]")
@click.option("--speed", type=click.FloatRange(min=0), help="Seconds of event time a second; 0: all at once. [1]")
@click.option("--start", type=TIME, help="Event time of the first message. [now; else so that it ends now]")
@click.option("--messages", type=click.IntRange(min=1), help="How many. [goes on until Ctrl-C]")
@click.option("--duration", type=DURATION, help="The same, as event time: 10m, 3d.")
@click.option("--tail", type=DURATION, default="60s", show_default=True, help="How long reports follow at speed 1.")
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed and start: same traffic.")
@click.option("--provider", "providers", multiple=True, metavar="NAME[=WEIGHT]", help="Only these; may be repeated.")
@click.option("--habit", "habits", multiple=True, metavar="NAME=NUMBER", help="Any habit of the providers.")
@click.option("--traffic", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TOML: all of it.")
@click.option("--incident", "incidents", multiple=True, metavar="KIND@START+LASTS[,...]", help="What goes wrong, when.")
@click.option("--ndjson", metavar="FILE|-", help="Write lines for `replay` instead of sending to Kafka.")
@click.pass_obj
def simulate(
    context: Context,
    /,
    rate: float | None,
    speed: float | None,
    start: int | None,
    messages: int | None,
    duration: int | None,
    tail: int,
    seed: int,
    providers: tuple[str, ...],
    habits: tuple[str, ...],
    traffic: Path | None,
    incidents: tuple[str, ...],
    ndjson: str | None,
    **shares: float | None,
) -> None:
    """Send realistic traffic to Kafka: accounts, campaigns, providers; lost, late, doubled and reordered reports.

    Live by default (event times are now), until Ctrl-C. With --speed other than 1 it is a backlog that ends now. With
    --ndjson it is written at once, always the same for the same options: 10,000 messages from 2026-01-01.

    An incident begins START after the first message: --incident delivery_drop@5m+10m,provider=aurora,size=0.5. Kinds
    and their sizes are in docs/anomalies.md.
    """
    from streams.apps.simulate import Pace
    from streams.apps.simulate import simulate as run
    from streams.apps.simulate_plan import Wish, plan, read_trouble
    from streams.clock import now_ms
    from streams.simulator import Traffic

    wish = Wish(rate, speed, start, messages, duration, tail, live=ndjson is None)
    changed = {_HABITS[name][0]: share for name, share in shares.items() if share is not None}
    changed |= read_numbers("--habit", habits)
    planned = plan(wish, now_ms(), traffic, read_numbers("--provider", providers, 1.0), changed)
    troubles = [read_trouble(incident, planned.config.start_ms) for incident in incidents]
    stop = stop_flag()
    with _sink(context, ndjson) as sink:
        totals = run(
            Traffic(planned.config, seed, troubles=troubles),
            sink,
            pace=Pace(speed=planned.speed),
            until_ms=planned.until_ms,
            stop=stop.is_set,
            on_progress=_progress if sys.stderr.isatty() else None,
        )
    _tell_totals(totals)
    if totals.failed:
        sys.exit(EXIT_UNAVAILABLE)
    if totals.stopped and not planned.endless:
        sys.exit(INTERRUPTED)


@contextlib.contextmanager
def _sink(context: Context, ndjson: str | None) -> Iterator[Sink]:
    from streams.apps.correlate import registry_of
    from streams.apps.simulate import KafkaSink, NdjsonSink

    if ndjson is None:
        settings = context.settings()
        yield KafkaSink(quiet(settings.kafka), settings.topic_prefix, registry_of(settings))
    elif ndjson == "-":
        yield NdjsonSink(sys.stdout.buffer)
    else:
        with Path(ndjson).open("wb") as file:
            yield NdjsonSink(file)


def _progress(totals: Totals) -> None:
    click.echo(f"\r{_counts(totals)}\x1b[K", nl=False, err=True)


def _counts(totals: Totals) -> str:
    from streams.apps.display import time_text

    each = ", ".join(f"{count:,} {topic}" for topic, count in sorted(totals.by_topic.items())) or "nothing yet"
    return f"{each}; event time {time_text(totals.event_time_ms)}"


def _tell_totals(totals: Totals) -> None:
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    seconds = max(totals.seconds, 0.001)
    click.echo(f"{_counts(totals)}; {seconds:.1f} s, {totals.events / seconds:,.0f} events/s", err=True)
    for text, count in totals.errors.most_common(5):
        click.echo(f"{count:,} records did not get through: {text}", err=True)


COMMANDS = (topics, _habit_options(simulate))
