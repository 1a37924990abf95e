"""`make bench`: how fast the correlate worker is, beside consuming alone and beside a plain Faust join.

    python -m benchmarks.bench [--events N] [--rounds N] [--json FILE] [--require-ratio 25]

Everything in one run on one broker, each measured process on one and the same core. See benchmarks/README.md.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks import brokers, traffic
from benchmarks.checks import NotDoneError
from benchmarks.report import CPU, SPEED, Report
from benchmarks.rounds import MeasurementError, Rounds
from benchmarks.usage import available_cores, bind, measured_core

MISSED = 1
"""Exit code where `--require-ratio` was not reached."""
FAILED = 2
"""Exit code where something could not be measured."""

_ROOT = Path(__file__).parents[1]
_notes = Console(stderr=True, highlight=False)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--events", default=200_000, type=click.IntRange(5_000), help="events measured in a round")
@click.option("--faust-events", default=20_000, type=click.IntRange(1_000), help="events for the Faust join")
@click.option("--rounds", default=3, type=click.IntRange(1), help="how often everything is measured")
@click.option("--partitions", default=4, type=click.IntRange(1), help="partitions of every topic")
@click.option("--rate", default=2_000.0, help="messages a second of event time")
@click.option("--mix", default="typical", type=click.Choice(list(traffic.MIXES)), help="what the traffic consists of")
@click.option("--seed", default=1, help="of the traffic")
@click.option("--bootstrap", envvar="KAFKA_BOOTSTRAP", default="", help="broker; default: one is started")
@click.option("--skip-faust", is_flag=True, help="leave the Faust join out")
@click.option("--pure", is_flag=True, help="measure the core as Python, not compiled")
@click.option("--skip-breakdown", is_flag=True, help="leave the breakdown by stage out")
@click.option("--require-ratio", type=float, help="exit with 1 unless the worker is so many times as fast as Faust")
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="write all figures here ('-': print)")
@click.option("--profile", type=click.Path(dir_okay=False), help="profile one more run of the worker, for `pstats`")
def main(**options: Any) -> None:
    """Measure the correlate worker beside consuming alone and beside a plain Faust join."""
    if options["skip_faust"] and options["require_ratio"]:
        raise click.UsageError("--require-ratio needs the Faust join: leave --skip-faust out")
    try:
        report = measure(options)
    except (MeasurementError, NotDoneError) as error:
        _notes.print(f"bench: {error}", style="red", markup=False)
        sys.exit(FAILED)
    show(report, options)
    if options["require_ratio"]:
        sys.exit(judge(report, options["require_ratio"]))


def measure(options: dict[str, Any]) -> Report:
    """Measure everything that the options ask for."""
    core = measured_core()
    bind(available_cores()[:-1])  # this process and the broker that it starts, if any, leave that core alone
    with progress() as tell:
        tell("making the records")
        data = traffic.make(options["events"], options["mix"], options["rate"], options["seed"])
        _notes.print(f"{len(data.records):,} records of {data.messages:,} messages")
        tell("starting a broker")
        with brokers.broker(options["bootstrap"]) as broker:
            _notes.print(f"on {broker.kind}")
            compiled = None if options["pure"] else compiled_core(tell)
            report = Report(about(options, broker.kind, core, data, compiled))
            rounds = Rounds(broker.bootstrap, core, options["partitions"], data, tell, compiled)
            for number in range(1, options["rounds"] + 1):
                report.rounds.append(one_round(rounds, options, number))
            if not options["skip_breakdown"]:
                report.breakdown = rounds.correlate("stages", "defaults")
            if options["profile"]:
                rounds.correlate(f"profile={Path(options['profile']).absolute()}")
    return report


def one_round(rounds: Rounds, options: dict[str, Any], number: int) -> dict[str, dict[str, Any]]:
    """Measure all of them once and say what was found."""
    found = rounds.correlate_and_consume()
    if not options["skip_faust"]:
        found |= rounds.faust(options["faust_events"])
    for who, figures in found.items():
        _notes.print(
            f"round {number} of {options['rounds']}: {who} {figures[SPEED]:,.0f} events/s, "
            f"{figures[CPU]:,.2f} us CPU per event"
        )
    return found


def compiled_core(tell: Callable[[str], None]) -> Path | None:
    """Compile the core as it is now and return where; None, and say why, where that is not possible here."""
    tell("compiling the core")
    folder = _ROOT / "build" / "compiled"
    command = [sys.executable, str(_ROOT / "deploy" / "compile" / "build.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        _notes.print(f"the core is measured as Python: {done.stderr.strip()}", style="yellow", markup=False)
        return None
    return folder


def about(
    options: dict[str, Any], broker: str, core: str, data: traffic.DataSet, compiled: Path | None
) -> dict[str, Any]:
    """Say what was measured on."""
    return {
        "broker": broker,
        "code": "compiled core" if compiled else "pure Python",
        "core": core,
        "partitions": options["partitions"],
        "mix": options["mix"],
        "traffic": data.mix(),
        "messages_per_s_of_event_time": options["rate"],
        "faust_events": 0 if options["skip_faust"] else options["faust_events"],
        "python": platform.python_version(),
        "machine": platform.machine(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def show(report: Report, options: dict[str, Any]) -> None:
    """Print the figures, and write them where they are asked for."""
    text = json.dumps(report.as_json(), indent=2)
    if options["json_file"] == "-":
        click.echo(text)
        return
    report.show(Console(highlight=False))
    if options["json_file"]:
        Path(options["json_file"]).write_text(text + "\n", encoding="utf-8")


def judge(report: Report, wanted: float) -> int:
    """Say whether the ratio was reached; return the exit code."""
    reached = report.reached()
    fine = reached >= wanted
    _notes.print(
        f"{reached:.1f} times the Faust join, {wanted:g} wanted: {'reached' if fine else 'missed'}",
        style="green" if fine else "red",
    )
    return 0 if fine else MISSED


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show what is done at the moment and for how long the benchmark has run; give the function that is told."""
    began = time.monotonic()
    with _notes.status("") as status:

        def tell(what: str) -> None:
            status.update(f"{what} ({time.monotonic() - began:.0f} s since the start)")

        yield tell


if __name__ == "__main__":
    main()
