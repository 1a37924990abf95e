"""`evaluate`: the detectors tried on simulated traffic, on several seeds at once, and the table of what came out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.managers import SyncManager
from queue import Empty
from statistics import median
from typing import Any, NamedTuple

from streams.events import Anomaly
from streams.simulator.incidents import KINDS
from streams.simulator.trial import Quiet, Trial, World, quiet, trials

_POLL_S = 0.2
_MONTH_DAYS = 30.0


class Plan(NamedTuple):
    """What to try: ``days`` quiet days on each seed, and the incidents of ``kinds`` after ``warm`` quiet days."""

    seeds: tuple[int, ...]
    days: int
    warm: int
    kinds: tuple[str, ...]
    workers: int

    @property
    def steps(self) -> int:
        """How many steps of progress there will be."""
        incidents = (self.warm + 1 + sum(len(KINDS[kind].sizes) for kind in self.kinds)) if self.kinds else 0
        return len(self.seeds) * (self.days + incidents)


class Result(NamedTuple):
    """What came out."""

    plan: Plan
    quiet: list[Quiet]
    trials: list[Trial]

    @property
    def route_days(self) -> float:
        """Days of quiet traffic, over all routes and seeds."""
        return sum(each.route_days for each in self.quiet)

    @property
    def alarms(self) -> list[Anomaly]:
        """What was opened in quiet days."""
        return [alarm for each in self.quiet for alarm in each.alarms]


def evaluate(plan: Plan, on_step: Callable[[], object]) -> Result:
    """Try everything; `on_step` is called after each day and each kind and size of incident."""
    jobs = [("quiet", seed) for seed in plan.seeds if plan.days]
    jobs += [("incidents", seed) for seed in plan.seeds if plan.kinds]
    done: list[Any] = []
    with get_context("spawn").Manager() as manager, _pool(plan.workers) as pool:
        steps = _queue(manager)
        futures = [pool.submit(_job, what, seed, plan, steps) for what, seed in jobs]
        while not all(future.done() for future in futures):
            _drain(steps, on_step, _POLL_S)
        done = [future.result() for future in futures]
        _drain(steps, on_step, 0.0)
    return Result(
        plan,
        [each for each in done if isinstance(each, Quiet)],
        [trial for each in done if not isinstance(each, Quiet) for trial in each],
    )


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def _queue(manager: SyncManager) -> Any:
    return manager.Queue()


def _drain(steps: Any, on_step: Callable[[], object], wait_s: float) -> None:
    try:
        steps.get(timeout=wait_s) if wait_s else steps.get_nowait()
        on_step()
        while True:
            steps.get_nowait()
            on_step()
    except Empty:
        pass


def _job(what: str, seed: int, plan: Plan, steps: Any) -> Quiet | list[Trial]:
    world = World(seed)
    if what == "quiet":
        return quiet(world, plan.days, steps.put)
    return trials(world, plan.warm, plan.kinds, steps.put)


# ---- the table ---------------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """One line of the table: incidents of one kind and size."""

    kind: str
    size: float
    tried: int
    found: int
    median_s: float | None
    slowest_s: float | None
    busy: int
    busy_in_time: int


BUSY = 100.0
"""Messages a minute from which an incident is to be found within a minute."""


def lines(found: Iterable[Trial]) -> list[Line]:
    """Sum trials up by kind and size."""
    by: dict[tuple[str, float], list[Trial]] = {}
    for trial in found:
        by.setdefault((trial.kind, trial.size), []).append(trial)
    return [_line(kind, size, each) for (kind, size), each in sorted(by.items(), key=lambda item: _order(item[0]))]


def _order(key: tuple[str, float]) -> tuple[int, float]:
    return [*KINDS].index(key[0]), key[1]


def _line(kind: str, size: float, each: Sequence[Trial]) -> Line:
    times = [trial.after_ms / 1_000 for trial in each if trial.after_ms is not None]
    busy = [trial for trial in each if trial.per_minute >= BUSY]
    in_time = [trial for trial in busy if trial.after_ms is not None and trial.after_ms <= 60_000]
    return Line(
        kind,
        size,
        len(each),
        len(times),
        median(times) if times else None,
        max(times) if times else None,
        len(busy),
        len(in_time),
    )


def markdown(result: Result) -> str:
    """Write the result as tables for docs/anomalies.md."""
    said = []
    if result.trials:
        said += [
            "| incident | size | tried | found | median time | slowest | 100 messages a minute and more: within 60 s |",
            "|---|---|---|---|---|---|---|",
        ]
        for line in lines(result.trials):
            said.append(
                f"| {line.kind} | {line.size:g} {KINDS[line.kind].size} | {line.tried} | "
                f"{line.found / line.tried * 100:.0f} % | {_seconds(line.median_s)} | {_seconds(line.slowest_s)} | "
                f"{line.busy_in_time} of {line.busy} |"
            )
    if result.quiet:
        said += ["", *_alarms(result)]
    return "\n".join(said)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} s"


def _alarms(result: Result) -> list[str]:
    by_kind: dict[str, int] = {}
    for alarm in result.alarms:
        by_kind[alarm.kind] = by_kind.get(alarm.kind, 0) + 1
    days, count = result.route_days, len(result.alarms)
    double = sum(len(each.double_day) for each in result.quiet)
    named = ", ".join(f"{kind} {number}" for kind, number in sorted(by_kind.items())) or "none"
    return [
        f"{days:.0f} quiet days of routes ({days / _MONTH_DAYS:.1f} route-months) from a cold start: {count} false "
        f"alarms ({named}), {count / days:.4f} a route and day, {count / days * _MONTH_DAYS:.2f} a route and month.",
        f"{len(result.quiet)} days with campaigns of double size: {double} alarms.",
    ]
