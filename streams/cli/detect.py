"""`evaluate`: how good the detectors are, by figures that anybody can have again."""

from __future__ import annotations

import os
from pathlib import Path

import click

from streams.settings import SettingsError


@click.command()
@click.option("--seeds", default="1", show_default=True, metavar="N,N,...", help="Worlds to try; 3-6 means 3,4,5,6.")
@click.option("--days", type=click.IntRange(min=0), default=7, show_default=True, help="Quiet days on each seed.")
@click.option(
    "--warm",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="Whole quiet days before that of the incidents.",
)
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind of incident; may be repeated.")
@click.option("--no-incidents", is_flag=True, help="Only quiet days.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes. Default: one for each processor.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the tables (Markdown) here too.")
def evaluate(
    seeds: str, days: int, warm: int, kinds: tuple[str, ...], no_incidents: bool, workers: int | None, out: Path | None
) -> None:
    """Try the detectors on simulated traffic: labelled incidents, and quiet days of which nobody should hear.

    Prints for each kind and size of incident how many were found and how soon, counted from when they could be seen,
    and the false alarms. The same options give the same figures. A quiet day takes about half a minute of a processor.
    """
    from streams.apps.display import Progress, console
    from streams.apps.evaluate import Plan, markdown
    from streams.apps.evaluate import evaluate as run
    from streams.simulator.incidents import KINDS

    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise SettingsError(f"no incident is called {', '.join(unknown)}: there are {', '.join(KINDS)}")
    chosen = () if no_incidents else kinds or tuple(KINDS)
    plan = Plan(_seeds(seeds), days, warm, chosen, workers or os.cpu_count() or 1)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress.show()

    def said() -> str:
        return f"{done} of {plan.steps} days and incidents"

    with Progress(console(stderr=True), said, said) as progress:
        result = run(plan, step)
    text = markdown(result)
    click.echo(text)
    for alarm in result.alarms:
        click.echo(f"false alarm: {alarm.anomaly_id}: {alarm.sentence}", err=True)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")


def _seeds(text: str) -> tuple[int, ...]:
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise SettingsError(f"--seeds {text}: write numbers such as 1,2,5-8")
        found += range(int(first), int(last if dash else first) + 1)
    return tuple(found)


COMMANDS = (evaluate,)
