"""`python -m benchmarks.health_cost`: what route health costs the correlate worker, stage by stage.

Rounds of `make bench` differ by more than it costs. Here each batch is worked through with route health and without, in
turn in one process and without Kafka. Processes still differ, by where their memory happens to lie: the figures are the
medians of several. What a worker does besides (consume, produce, commit; a quarter of all) is not in them: see `make
bench` for all of it.

What it costs depends on how much counts in the same totals (of a route in ten seconds, per partition), so it is told
for all the traffic, to the last report hours later that has a window of its own, and for the part in which messages
are still sent, as they always are where it never ends.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from benchmarks import health_run, traffic
from benchmarks.bench import compiled_core
from benchmarks.health_run import BATCH, STAGES, WAYS, Times
from benchmarks.rounds import MeasurementError, run_module
from benchmarks.usage import measured_core
from streams.events import SUBMIT


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--events", default=200_000, type=click.IntRange(1_000), help="events that are worked through")
@click.option("--rate", default=2_000.0, help="messages a second of event time")
@click.option("--rounds", default=7, type=click.IntRange(1), help="how many processes measure, one after the other")
@click.option("--repeats", default=2, type=click.IntRange(1), help="how often in each; the shorter time counts")
@click.option("--seed", default=1, help="of the traffic")
@click.option("--pure", is_flag=True, help="measure the core as Python, not compiled")
def main(events: int, rate: float, rounds: int, repeats: int, seed: int, pure: bool) -> None:
    """Measure what route health costs the correlate worker, stage by stage."""
    notes = Console(stderr=True, highlight=False)
    with notes.status("compiling the core") as status, tempfile.TemporaryDirectory() as folder:
        compiled = None if pure else compiled_core(status.update)
        status.update("making the records")
        records = traffic.make_once(events, "typical", rate, seed)
        path, core = Path(folder) / "records", measured_core()
        health_run.write(records, path)
        measured: list[Times] = []
        told = 0
        for number in range(1, rounds + 1):
            status.update(f"measuring, round {number} of {rounds} (a quarter of a minute each)")
            try:
                found = run_module(compiled, "benchmarks.health_run", path, repeats, core)
            except MeasurementError as error:
                raise click.ClickException(str(error)) from error
            measured.append(found["times"])
            told = found["told"]
    _show(records, measured, told, f"{rate:,.0f} messages a second, {'compiled core' if compiled else 'pure Python'}")


def busy(records: list[traffic.Record]) -> int:
    """Return how many of the batches come while messages are still sent."""
    return max(place for place, record in enumerate(records) if record[0] == SUBMIT) // BATCH


def costs(batches: list[list[int]], events: int) -> list[float]:
    """Return the CPU time of each stage, and of all of them, in us per event."""
    stages = [sum(stage) / events / 1_000 for stage in zip(*batches, strict=True)]
    return [*stages, sum(stages)]


def shares(measured: list[Times], which: slice) -> list[float]:
    """Return by how much route health adds to the CPU time of these batches, in each process, the least first."""
    sums = [[sum(map(sum, times[way][which])) for way in WAYS] for times in measured]
    return sorted(with_health / without - 1 for without, with_health in sums)


def _show(records: list[traffic.Record], measured: list[Times], told: int, what: str) -> None:
    console = Console(highlight=False)
    sent = busy(records)
    parts = [(f"all {len(records):,} events", slice(None), len(records))]
    if sent:
        parts.append((f"while messages are sent, {sent * BATCH:,} events", slice(sent), sent * BATCH))
    for title, which, events in parts:
        table = Table(title=f"CPU us per event, {title}, {what}")
        for column in ("stage", "without", "with route health", "difference"):
            table.add_column(column, justify="left" if column == "stage" else "right")
        each = [[costs(times[way][which], events) for times in measured] for way in WAYS]
        without, with_health = ([median(stage) for stage in zip(*found, strict=True)] for found in each)
        for name, before, after in zip((*STAGES, "all"), without, with_health, strict=True):
            table.add_row(name, f"{before:.2f}", f"{after:.2f}", f"{after - before:+.2f}")
        console.print(table)
        added = shares(measured, which)
        console.print(f"route health adds {median(added):.1%} ({added[0]:.1%} to {added[-1]:.1%})\n")
    console.print(f"{told:,} records of route health, one for {len(records) / max(1, told):.0f} events")


if __name__ == "__main__":
    main()
