"""The figures of all rounds: medians, ratios, and how they are shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

OURS, HEALTH, DEFAULTS = "correlate", "health", "defaults"
CONSUME, FAUST, TUNED = "consume", "faust", "faust tuned"
_TITLES = {
    OURS: "correlate: the join",
    HEALTH: "+ route health",
    DEFAULTS: "+ route health, receipt index",
    CONSUME: "(a) consume, decode alone",
    FAUST: "(b) plain Faust join",
    TUNED: "(c) Faust join, tuned",
}
SPEED, CPU = "events_per_s", "cpu_us_per_event"


@dataclass
class Report:
    """What was measured, and on what."""

    about: dict[str, Any]
    rounds: list[dict[str, dict[str, Any]]] = field(default_factory=list)
    breakdown: dict[str, Any] = field(default_factory=dict)

    def figures(self, who: str, what: str) -> list[float]:
        """Return one figure of all rounds in which it was measured."""
        return [float(found[who][what]) for found in self.rounds if who in found]

    def times(self, what: str, who: str) -> list[float]:
        """Return round by round how many times `who`'s speed, or how small a part of its CPU time, ours is."""
        ratios = []
        for found in self.rounds:
            if who in found:
                ours, theirs = float(found[OURS][what]), float(found[who][what])
                ratios.append(ours / theirs if what == SPEED else theirs / ours)
        return ratios

    def ratios(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return min and median over the rounds of ours to the others."""
        return {
            who: {what: _spread(self.times(what, who)) for what in (SPEED, CPU)}
            for who in (HEALTH, DEFAULTS, CONSUME, FAUST, TUNED)
            if self.times(SPEED, who)
        }

    def reached(self) -> float:
        """Return what `--require-ratio` looks at: the median ratio to the plain Faust join by CPU time.

        That is what one core does where it is not shared; events/s also has the time in which the broker or
        somebody else had it.
        """
        return median(self.times(CPU, FAUST))

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "about": self.about,
            "median": {
                who: {what: round(median(self.figures(who, what)), 2) for what in (SPEED, CPU)}
                for who in _TITLES
                if self.figures(who, SPEED)
            },
            "ratios": self.ratios(),
            "stages_us_per_event": self.breakdown.get("stages", {}),
            "rounds": self.rounds,
            "breakdown_run": self.breakdown,
        }

    def show(self, console: Console) -> None:
        """Print the tables."""
        console.print(self._main())
        if self.breakdown:
            console.print(self._stages())

    def _main(self) -> Table:
        table = Table(
            title=f"On {self.about['broker']}, {_cores(self.about)}, {self.about['code']}", title_justify="left"
        )
        table.add_column("median of the rounds", no_wrap=True)
        for name in ("events/s", "CPU us/event", "correlate to it: events/s", "CPU"):
            table.add_column(name, justify="right")
        for who, title in _TITLES.items():
            speeds, costs = self.figures(who, SPEED), self.figures(who, CPU)
            if speeds:
                table.add_row(title, f"{median(speeds):,.0f}", f"{median(costs):,.2f}", *self._ratio_cells(who))
        table.caption = (
            f"{len(self.rounds)} rounds. To the right: how many times as many events correlate does in the same time, "
            "and in the same CPU time; the median, and in brackets the smallest."
        )
        table.caption_justify = "left"
        return table

    def _ratio_cells(self, who: str) -> list[str]:
        if who == OURS:
            return ["", ""]
        spreads = [_spread(self.times(what, who)) for what in (SPEED, CPU)]
        return [f"{found['median']:.3g} x ({found['min']:.3g})" for found in spreads]

    def _stages(self) -> Table:
        stages: dict[str, float] = self.breakdown["stages"]
        total = sum(stages.values())
        table = Table(title="Correlate by stage, in a run of its own (timing it costs a little)", title_justify="left")
        table.add_column("stage")
        table.add_column("CPU us/event", justify="right")
        table.add_column("share", justify="right")
        for stage, cost in stages.items():
            table.add_row(stage, f"{cost:.2f}", f"{cost / total:.0%}")
        table.add_section()
        table.add_row("all", f"{total:.2f}", "")
        return table


def _spread(values: list[float]) -> dict[str, float]:
    return {"min": round(min(values), 3), "median": round(median(values), 3)}


def _cores(about: dict[str, Any]) -> str:
    return "one core" if about["core"] else "not bound to a core (the system cannot)"
