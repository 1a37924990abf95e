"""What is usual for the shares of one scope, learned minute by minute.

Three memories are mixed: *recent* (half-life two hours), *slow* (seven days) and the *season*, one cell for each of
the 168 hours of the week (UTC; half of it forgotten each week). Each counts with the trials it rests on, up to a
limit, and a prior of a few trials stands in until there are any. How much the past scattered around what was
expected gives the correlation by which trials are discounted (`stats.effective`).
"""

from __future__ import annotations

import numpy as np

from streams.detectors import rates
from streams.detectors.awaited import LONGEST, NOTHING, Floats, Kernel, kernel
from streams.detectors.mix import REASON_PRIOR, REASON_PRIOR_N, Measured
from streams.detectors.rates import COUNTED, RATES
from streams.detectors.window import RECEIPTS, RESPONSES, C
from streams.health.buckets import BOUNDS

HOUR_MS = 3_600_000
WEEK_HOURS = 168
_RECENT = 0.5 ** (1 / 120)  # a minute's part of a half-life of two hours
_SLOW = 0.5 ** (1 / (7 * 24 * 60))
_SCATTER = 0.5 ** (1 / (24 * 60))
_WEEK_KEPT = 0.5
_RECENT_LIMIT, _SEASON_LIMIT, _SLOW_LIMIT = 800.0, 800.0, 300.0
_KNOWN = 150.0  # trials from which a memory is called the basis of a comparison
_START_CORRELATION, _START_WEIGHT = 0.01, 1_000.0
_LEAST_CORRELATION, _MOST_CORRELATION = 0.002, 0.1
_WILD = 40.0  # one minute's squared deviation counts at most so much
_BUCKETS = len(BOUNDS)
_YOUNG = 5  # minutes, as far as latencies are looked back
_SUBMITTED, _ACCEPTED = _BUCKETS, _BUCKETS + 1  # the last numbers of a histogram row
_ANSWERING = 0.3  # where fewer submits are answered than this, reports are awaited from the submits on


def hour_of_week(at_ms: int) -> int:
    """Return the hour of the week, UTC; 0 is Thursday midnight, as the epoch began."""
    return at_ms // HOUR_MS % WEEK_HOURS


class Baseline:
    """What is usual. `expect` fills the fields ``share``, ``weight`` (trials behind it), ``basis`` for a time."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self.recent = np.zeros((2, COUNTED))
        self.slow = np.zeros((2, COUNTED))
        self.season = np.zeros((WEEK_HOURS, 2, COUNTED))
        self.season_week = np.zeros(WEEK_HOURS, np.int64)
        self.hour = np.zeros((2, COUNTED))  # of the hour that is not over, and is no season yet
        self.hour_at = -1
        self.histograms = np.zeros((2, 2, _BUCKETS + 2))  # recent and slow; answers and reports; buckets, handed over
        self.handed = [C.SUBMITS, C.OK]  # from what answers and reports are awaited
        self.scatter = np.zeros((2, len(RATES)))
        self.reasons: dict[str, list[float]] = {}  # failures by reason: recent, slow
        self.share = np.zeros(len(RATES))
        self.weight = np.zeros(len(RATES))
        self.correlation = np.full(len(RATES), _START_CORRELATION)
        self.basis = ["prior"] * len(RATES)
        self.age = 0  # minutes with traffic
        self.fresh = 0.0  # share of the reports that come within five minutes
        self.kernels: list[Kernel] = [NOTHING, NOTHING]
        self.usual: list[Floats] = [np.zeros(_BUCKETS), np.zeros(_BUCKETS)]

    def learn(self, at_ms: int, row: Floats, measured: Measured, skip: Floats, reasons: dict[str, int]) -> None:
        """Take in a minute that began at `at_ms`: its row, and what was measured; not the rates in `skip`."""
        counts, trials = measured.hits[0], measured.trials[0]
        self._learn_scatter(counts, trials, measured.share[0], skip)
        kept = 1.0 - skip
        for memory, keep in ((self.recent, _RECENT), (self.slow, _SLOW)):
            memory *= np.where(skip[:COUNTED] > 0, 1.0, keep)
            memory += np.stack((counts[:COUNTED], trials[:COUNTED])) * kept[:COUNTED]
        if at_ms // HOUR_MS != self.hour_at:
            self._end_hour(at_ms)
        self.hour += np.stack((counts[:COUNTED], trials[:COUNTED])) * kept[:COUNTED]
        self._learn_latency(row, kept)
        if kept[rates.DELIVERY]:
            self._learn_reasons(reasons)

    def _end_hour(self, at_ms: int) -> None:
        """Put the hour that is over into its cell of the season."""
        if self.hour_at >= 0:
            cell, week = self.hour_at % WEEK_HOURS, self.hour_at // WEEK_HOURS + 1
            self.season[cell] *= _WEEK_KEPT ** min(week - int(self.season_week[cell]), 60)
            self.season[cell] += self.hour
            self.season_week[cell] = week
        self.hour[:] = 0.0
        self.hour_at = at_ms // HOUR_MS

    def _learn_latency(self, row: Floats, kept: Floats) -> None:
        self.age += 1
        if self.age <= _YOUNG:  # at the beginning only what is quick has come yet
            return
        for kind, columns in enumerate((RESPONSES, RECEIPTS)):
            awaited = COUNTED + kind
            if not (kept[awaited] and kept[awaited + 2]):
                continue
            new = np.append(row[columns], row[[C.SUBMITS, C.OK]])
            self.histograms[0, kind] = self.histograms[0, kind] * _RECENT + new
            self.histograms[1, kind] = self.histograms[1, kind] * _SLOW + new

    def _learn_reasons(self, reasons: dict[str, int]) -> None:
        for name in [*self.reasons]:
            memory = self.reasons[name]
            memory[0] *= _RECENT
            memory[1] *= _SLOW
            if memory[1] < 0.01:
                del self.reasons[name]
        for name, count in reasons.items():
            memory = self.reasons.setdefault(name, [0.0, 0.0])
            memory[0] += count
            memory[1] += count

    def _learn_scatter(self, counts: Floats, trials: Floats, expected: Floats, skip: Floats) -> None:
        share = np.clip(expected, 0.005, 0.995)
        usable = (trials >= 20) & (skip == 0) & (self.weight >= _KNOWN)
        safe = np.maximum(trials, 2.0)
        square = np.minimum((counts - trials * expected) ** 2 / (safe * share * (1 - share)), _WILD)
        # what is expected is itself uncertain, and not the traffic's scatter
        square = square - safe / np.maximum(self.weight, 1.0)
        self.scatter *= np.where(usable, _SCATTER, 1.0)
        self.scatter += np.where(usable, np.stack((square - 1.0, safe - 1.0)), 0.0)
        estimate = (self.scatter[0] + _START_CORRELATION * _START_WEIGHT) / (self.scatter[1] + _START_WEIGHT)
        self.correlation = np.clip(estimate, _LEAST_CORRELATION, _MOST_CORRELATION)

    def expect(self, at_ms: int) -> None:
        """Work out what is to be expected at a time."""
        season = self.season[hour_of_week(at_ms)]
        mixed = np.stack((rates.PRIOR * rates.PRIOR_N, rates.PRIOR_N))
        weights = []
        for memory, limit in ((self.recent, _RECENT_LIMIT), (season, _SEASON_LIMIT), (self.slow, _SLOW_LIMIT)):
            scale = np.minimum(1.0, limit / np.maximum(memory[1], 1e-9))
            mixed = mixed + memory * scale
            weights.append(memory[1] * scale)
        self.share[:COUNTED] = mixed[0] / np.maximum(mixed[1], 1e-9)
        self.weight[:COUNTED] = mixed[1]
        for index in range(COUNTED):
            recent, seasonal, slow = (weight[index] for weight in weights)
            self.basis[index] = "season" if seasonal >= recent / 2 and seasonal >= _KNOWN else "recent"
            if recent + slow + seasonal < _KNOWN:
                self.basis[index] = "prior"
        for kind in (0, 1):
            self._expect_latency(kind)

    def _expect_latency(self, kind: int) -> None:
        recent, slow = self.histograms[0, kind], self.histograms[1, kind]
        both = recent + slow * min(1.0, _SLOW_LIMIT / max(slow[_SUBMITTED], 1e-9))
        seen = both[:_BUCKETS]
        self.usual[kind] = seen[: LONGEST + 1]
        if kind == 1:
            self.fresh = float(seen[: LONGEST + 1].sum()) / max(float(seen.sum()), 1.0)
        total = float(self.usual[kind].sum())
        answering = kind == 1 and both[_ACCEPTED] >= both[_SUBMITTED] * _ANSWERING
        handed = float(both[_ACCEPTED if answering else _SUBMITTED])
        self.handed[kind] = C.OK if answering else C.SUBMITS
        self.kernels[kind] = kernel(seen, handed) if handed >= _KNOWN else NOTHING
        awaited, slower = COUNTED + kind, COUNTED + 2 + kind
        self.share[awaited] = self.kernels[kind].mass
        self.weight[awaited] = min(handed, 1_000.0) if self.kernels[kind].mass > 0.05 else 0.0
        self.weight[slower] = min(total, 1_000.0) if self.kernels[kind].mass else 0.0
        self.basis[awaited] = self.basis[slower] = "recent"

    def reason(self, name: str) -> tuple[float, float]:
        """Return the usual share of a reason among final reports, and the trials behind that."""
        recent, slow = self.reasons.get(name, (0.0, 0.0))
        trials = [float(memory[1, rates.DELIVERY]) for memory in (self.recent, self.slow)]
        scales = [min(1.0, limit / max(n, 1e-9)) for n, limit in zip(trials, (_RECENT_LIMIT, _SLOW_LIMIT), strict=True)]
        weight = REASON_PRIOR_N + trials[0] * scales[0] + trials[1] * scales[1]
        return (REASON_PRIOR * REASON_PRIOR_N + recent * scales[0] + slow * scales[1]) / weight, weight
