"""`python -m benchmarks.health_cost`: what route health costs the correlate worker, stage by stage.

Rounds of `make bench` differ by more than it costs. Here each batch is worked through with route health and without, in
turn in one process and without Kafka. Processes still differ, by where their memory happens to lie: the figures are the
medians of several. What a worker does besides (consume, produce, commit; a quarter of all) is not in them: see `make
bench` for all of it.

What it costs depends on how much counts in the same totals (of a route in ten seconds, per partition), so the traffic
is steady (`traffic.make_steady`): reports that come hours later stand among the events of other messages, as they do
live. The first batches, sparse and hours before, only prepare that and are not in the figures.

Machines that share their memory with others make even that uncertain: `--instructions` has valgrind count them instead.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from shutil import which
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from benchmarks import health_count, health_run, traffic
from benchmarks.bench import compiled_core
from benchmarks.health_run import BATCH, STAGES, WAYS, WITH, WITHOUT, Measured, Times
from benchmarks.rounds import MeasurementError, run_module
from benchmarks.usage import measured_core


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--events", default=200_000, type=click.IntRange(3 * BATCH), help="events of steady traffic, about")
@click.option("--rate", default=2_000.0, help="messages a second of event time")
@click.option("--rounds", default=7, type=click.IntRange(1), help="how many processes measure, one after the other")
@click.option("--repeats", default=2, type=click.IntRange(1), help="how often in each; the shorter time counts")
@click.option("--seed", default=1, help="of the traffic")
@click.option("--instructions", is_flag=True, help="count instructions (by valgrind, some minutes) and not time")
@click.option("--pure", is_flag=True, help="measure the core as Python, not compiled")
def main(events: int, rate: float, rounds: int, repeats: int, seed: int, instructions: bool, pure: bool) -> None:
    """Measure what route health costs the correlate worker, stage by stage."""
    if instructions and not which("valgrind"):
        raise click.ClickException("valgrind counts instructions: install it, or measure time without --instructions")
    notes = Console(stderr=True, highlight=False)
    what = f"{rate:,.0f} messages a second, {'pure Python' if pure else 'compiled core'}"
    with notes.status("compiling the core") as status, tempfile.TemporaryDirectory() as folder:
        compiled = None if pure else compiled_core(status.update)
        status.update("making the records")
        steady = traffic.make_steady(events, "typical", rate, seed)
        path, part = Path(folder) / "records", measured_batches(steady)
        health_run.write(steady.records, path)
        try:
            if instructions:
                status.update("counting instructions (some minutes)")
                counts = health_count.count(compiled, path, part)
            else:
                measured = _measure(compiled, path, rounds, repeats, status.update)
        except MeasurementError as error:
            raise click.ClickException(str(error)) from error
    if instructions:
        _show_instructions(counts, len(part) * BATCH, what)
    else:
        _show(measured, part, what)


def _measure(
    compiled: Path | None, path: Path, rounds: int, repeats: int, tell: Callable[[str], None]
) -> list[Measured]:
    measured: list[Measured] = []
    core = measured_core()
    for number in range(1, rounds + 1):
        tell(f"measuring, round {number} of {rounds} (a quarter of a minute each)")
        found = run_module(compiled, "benchmarks.health_run", path, repeats, core)
        measured.append({"times": found["times"], "told": found["told"]})
    return measured


def measured_batches(steady: traffic.Steady) -> range:
    """Return which of the batches have no event from before the steady traffic, and are full."""
    return range(-(-steady.warm // BATCH), len(steady.records) // BATCH)


def costs(batches: list[list[int]], events: int) -> list[float]:
    """Return the CPU time of each stage, and of all of them, in us per event."""
    stages = [sum(stage) / events / 1_000 for stage in zip(*batches, strict=True)]
    return [*stages, sum(stages)]


def shares(measured: list[Times], part: range) -> list[float]:
    """Return by how much route health adds to the CPU time of these batches, in each process, the least first."""
    sums = [[sum(map(sum, times[way][part.start : part.stop])) for way in WAYS] for times in measured]
    return sorted(with_health / without - 1 for without, with_health in sums)


def _show_instructions(counts: dict[str, int], events: int, what: str) -> None:
    console = Console(highlight=False)
    console.print(f"Instructions per event of steady traffic, {events:,} events, {what}:")
    for way in WAYS:
        console.print(f"{counts[way] / events:9,.0f} {way}{' route health' if way == WITH else ''}")
    console.print(f"route health adds {counts[WITH] / counts[WITHOUT] - 1:.1%}")


def _show(measured: list[Measured], part: range, what: str) -> None:
    console = Console(highlight=False)
    events, all_times = len(part) * BATCH, [found["times"] for found in measured]
    table = Table(title=f"CPU us per event of steady traffic, {events:,} events, {what}")
    for column in ("stage", "without", "with route health", "difference"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    each = [[costs(times[way][part.start : part.stop], events) for times in all_times] for way in WAYS]
    without, with_health = ([median(stage) for stage in zip(*found, strict=True)] for found in each)
    for name, before, after in zip((*STAGES, "all"), without, with_health, strict=True):
        table.add_row(name, f"{before:.2f}", f"{after:.2f}", f"{after - before:+.2f}")
    console.print(table)
    added, told = shares(all_times, part), sum(measured[-1]["told"][part.start : part.stop])
    console.print(f"route health adds {median(added):.1%} ({added[0]:.1%} to {added[-1]:.1%} in single processes)")
    console.print(f"{told:,} records of route health, one for {events / max(1, told):.0f} events")


if __name__ == "__main__":
    main()
