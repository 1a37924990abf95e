"""`python -m benchmarks.health_cost`: what route health costs the correlate worker, stage by stage.

Rounds of `make bench` differ by more than it costs. Here the same batches are worked through in turn with route health
and without, in one process and without Kafka, and of each batch the shortest time counts. What a worker does besides
(consume, decode, produce, commit) is not in the figures: see `make bench` for all of it.
"""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.bench import compiled_core
from benchmarks.health_run import STAGES
from benchmarks.rounds import MeasurementError, run_module


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--events", default=200_000, type=click.IntRange(1_000), help="events that are worked through")
@click.option("--repeats", default=8, type=click.IntRange(1), help="how often; of each batch the shortest counts")
@click.option("--seed", default=1, help="of the traffic")
@click.option("--pure", is_flag=True, help="measure the core as Python, not compiled")
def main(events: int, repeats: int, seed: int, pure: bool) -> None:
    """Measure what route health costs the correlate worker, stage by stage."""
    notes = Console(stderr=True, highlight=False)
    with notes.status("compiling the core") as status:
        compiled = None if pure else compiled_core(status.update)
        status.update(f"measuring, {repeats} times (half a minute)")
        try:
            found = run_module(compiled, "benchmarks.health_run", events, repeats, seed)
        except MeasurementError as error:
            raise click.ClickException(str(error)) from error
    _show(found, "compiled core" if compiled else "pure Python")


def _show(found: dict[str, Any], code: str) -> None:
    table = Table(title=f"CPU us per event, {found['events']:,} events, {code}")
    for column in ("stage", "without", "with route health", "difference"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    without, with_health = found["without"], found["with"]
    rows = [*zip(STAGES, without, with_health, strict=True), ("all", sum(without), sum(with_health))]
    for name, before, after in rows:
        table.add_row(name, f"{before:.2f}", f"{after:.2f}", f"{after - before:+.2f}")
    console = Console(highlight=False)
    console.print(table)
    each = found["events"] / max(1, found["records"])
    console.print(f"{found['records']:,} records of route health, one for {each:.0f} events")


if __name__ == "__main__":
    main()
