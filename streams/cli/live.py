"""`up` and `demo`: everything in one terminal."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from streams.cli.context import Context, stop_flag
from streams.cli.values import DURATION

INTERRUPTED = 130
_DATA = Path("sms-data")


def own_command() -> str:
    """Return how this program was called, so that what we tell people to type works as it stands."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{_short(Path(sys.executable))} -m streams"
    found = shutil.which(called.name)
    if found is not None and Path(found).absolute() == called.absolute():
        return called.name
    return _short(called)


def _short(path: Path) -> str:
    """Write a path as it is from here, where it is below here."""
    path = path.absolute()
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _as_given(folder: Path) -> Path:
    return Path(_short(folder))


@click.command()
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), default=_DATA, show_default=True)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=9092, show_default=True, help="Kafka's. 0: any free one."
)
@click.option("--workers", type=click.IntRange(1, 4), default=1, show_default=True, help="Correlate workers.")
@click.pass_obj
def up(context: Context, data: Path, port: int, workers: int) -> None:
    """Run everything in this terminal: embedded broker and database, correlate, resolve, detect, load.

    Ctrl-C stops it. Meanwhile other terminals can send (simulate, or any Kafka client) and ask (query, message, verify
    with --db DATA/db). Started again, it goes on where it was.
    """
    stop = stop_flag()  # before what takes a second to import
    from streams.apps.display import console
    from streams.apps.up import run_up

    run_up(context.settings(), _as_given(data), stop, console(), port=port, workers=workers, command=own_command())


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=_DATA / "demo",
    show_default=True,
    help="Where to leave the data; a folder of an earlier demo is replaced.",
)
@click.option("--messages", type=click.IntRange(min=100), default=2_000, show_default=True, help="Of the three days.")
@click.option("--live", type=DURATION, default="10s", show_default=True, help="How long traffic then goes on.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, other traffic.")
@click.option("--incident/--no-incident", default=True, show_default=True, help="A provider fails in the last minutes.")
@click.pass_obj
def demo(context: Context, data: Path, messages: int, live: int, seed: int, incident: bool) -> None:
    """Show the main job in a minute: traffic through an embedded Kafka, the processors, and what the tables say then.

    Three days of traffic with lost, late, doubled and reordered reports, refusals, throttling and long messages, and in
    the last minutes a provider that fails, which the detectors find. Needs nothing but this package; it ends by itself.
    """
    stop = stop_flag()  # before what takes a second to import
    from streams.apps.demo import Demo, InterruptedDemoError, Size
    from streams.apps.display import console

    folder = _as_given(data)
    try:
        Demo(context.settings(), folder, stop, console(), Size(messages, live, seed, incident)).run(own_command())
    except InterruptedDemoError:
        click.echo(f"stopped; what there was by then is in {folder}", err=True)
        sys.exit(INTERRUPTED)


COMMANDS = (up, demo)
