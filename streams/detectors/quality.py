"""What is kept of one scope of a provider: its newest windows, what is usual there, and which minutes to learn from."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from streams.detectors.awaited import HISTORY, LENGTHS, LONGEST, REACH, Due, Floats, due
from streams.detectors.baseline import WEEK_HOURS, Baseline
from streams.detectors.mix import Measured, mixed, mixed_share
from streams.detectors.rates import COUNT_OF, COUNTED, DELIVERY, RATES, TRIALS_OF
from streams.detectors.ring import MINUTE_WINDOWS, SPANS, Ring
from streams.detectors.scopes import Scope
from streams.detectors.window import RECEIPTS, RESPONSES, SCALARS, WIDTH, WINDOW_MS

MINUTE_MS = 60_000
LAG = 3
"""Minutes before a minute is learned: time for a detector to find out that it should not be."""

_AWAITED = WIDTH
"""Behind the row, for answers and for reports: came and due; slow ones that came and were due."""

_PER_KIND = 4
View = Callable[[Ring], Floats]
"""Gives some sums of a ring, one row for each span."""

_FRESH = 0.7  # of the usual share of reports that come within five minutes


class Quality:
    """One scope of a provider."""

    def __init__(self, scope: Scope, last: int) -> None:
        """Begin behind window `last`."""
        self.scope = scope
        self.parts: list[Quality] = []  # the routes of a wider scope
        self._now: Measured | None = None
        self.ring = Ring(WIDTH + 2 * _PER_KIND, last)
        self.baseline = Baseline()
        self.failures: list[dict[str, int]] = []  # of the newest windows, the newest last
        self.flags: dict[int, Floats] = {}  # by minute: which rates are not to be learned from it
        self.expected_at_ms = -1
        self.suspected = -1  # the newest window after which a reason of failures looked wrong
        self.told: dict[str, int] = {}  # by kind: the newest window that an anomaly which is over was about
        self.told_until = np.zeros(len(RATES))
        self.fresh_hours: set[int] = set()

    def close(self, row: Floats | None, failures: dict[str, int]) -> None:
        """Add the next window."""
        self._now = None
        if row is None and self.ring.quiet():
            self.ring.add(None)
        else:
            extended = np.zeros(WIDTH + 2 * _PER_KIND)
            if row is not None:
                extended[:WIDTH] = row
            self._await(extended, self.ring.last + 1)
            self.ring.add(extended)
        self.failures.append(failures)
        del self.failures[: -REACH - LAG * MINUTE_WINDOWS]
        if (self.ring.last + 1) % MINUTE_WINDOWS == 0:
            self._learn((self.ring.last + 1) // MINUTE_WINDOWS)

    def skip(self, last: int) -> None:
        """Go on behind window `last`, with nothing known of the windows before."""
        self._now = None
        self.ring.skip(last)
        self.failures.clear()
        self.flags.clear()

    def idle(self) -> bool:
        """Tell whether there is nothing to judge."""
        return self.ring.quiet()

    def _await(self, row: Floats, number: int) -> None:
        """Work out what is due in window `number`, the next one or a newest one, and note it beside what came.

        Of a whole it is what is due of its parts, which have that window already.
        """
        if self.parts:
            row[_AWAITED:] = sum(part.ring.row(number)[_AWAITED:] for part in self.parts)
            return
        for kind, columns in enumerate((RESPONSES, RECEIPTS)):
            kernel, handed = self.baseline.kernels[kind], self.baseline.handed[kind]
            at, first = _AWAITED + _PER_KIND * kind, columns.start
            row[at] = row[first : first + LONGEST + 1].sum()
            if kernel.mass:
                over = self.ring.column(handed, REACH, self.ring.last + 1 - number)
                row[at + 1] = row[handed] * kernel.due[0] + over @ kernel.due[1:]
                row[at + 2] = row[first + kernel.slow_from : first + LONGEST + 1].sum()
                row[at + 3] = row[handed] * kernel.slow[0] + over @ kernel.slow[1:]

    def now(self) -> Measured:
        """Measure all `SPANS` that end now."""
        if self._now is None:
            self._now = self.measure(Ring.sums, SPANS)
        return self._now

    def measure(self, view: View, spans: Sequence[int], ago: int = 0) -> Measured:
        """Measure every rate; `view` gives the sums of a ring over `spans` (windows) that ended `ago`."""
        sums = view(self.ring)
        own = self._own(sums, self._owed(sums, view, spans, ago))
        parts = [part.now() if view is Ring.sums else part.measure(view, spans, ago) for part in self._busy()]
        return mixed(own, parts) if parts else own

    def _busy(self) -> list[Quality]:
        return [part for part in self.parts if not part.ring.quiet()]

    def _own(self, sums: Floats, owed: Due) -> Measured:
        """Measure by what is usual of this scope, its parts unseen."""
        base = self.baseline
        counts = np.empty((len(sums), len(RATES)))
        trials = np.empty((len(sums), len(RATES)))
        share, weight, correlation = np.stack([(base.share, base.weight, base.correlation)] * len(sums), axis=1)
        counts[:, :COUNTED] = sums[:, :SCALARS] @ COUNT_OF
        trials[:, :COUNTED] = sums[:, :SCALARS] @ TRIALS_OF
        awaited = sums[:, _AWAITED:].reshape(len(sums), 2, _PER_KIND)
        # When nothing is sent any more, only reports that took long still come, and more of them are failures
        # (phones that were off). Such reports alone say nothing about how the route delivers.
        stale = awaited[:, 1, 0] < _FRESH * base.fresh * sums[:, RECEIPTS].sum(axis=1)
        counts[stale, DELIVERY] = trials[stale, DELIVERY] = 0.0
        awaited_rates, slow_rates = slice(COUNTED, COUNTED + 2), slice(COUNTED + 2, COUNTED + 4)
        counts[:, awaited_rates] = awaited[:, :, 0]
        trials[:, awaited_rates], share[:, awaited_rates] = owed
        counts[:, slow_rates], trials[:, slow_rates] = awaited[:, :, 2], awaited[:, :, 0]
        share[:, slow_rates] = awaited[:, :, 3] / np.maximum(awaited[:, :, 1], 1e-9)
        return Measured(counts, trials, share, weight, correlation)

    def _owed(self, sums: Floats, view: View, spans: Sequence[int], ago: int) -> Due:
        """Work out what was due, answers and reports (columns), over some spans (rows)."""
        if not self.parts:
            return due(*self.expected(sums, spans, ago))
        mean, variance = np.zeros((len(spans), 2)), np.zeros((len(spans), 2))
        for part in self._busy():
            its = part.expected(view(part.ring), spans, ago)
            mean, variance = mean + its[0], variance + its[1]
        return due(mean, variance)

    def expected(self, sums: Floats, spans: Sequence[int], ago: int) -> tuple[Floats, Floats]:
        """Return mean and variance of what was due, answers and reports (columns), over some spans (rows)."""
        mean, variance = np.zeros((len(spans), 2)), np.zeros((len(spans), 2))
        rows = [row for row, span in enumerate(spans) if span in LENGTHS]
        at = [LENGTHS.index(spans[row]) for row in rows]
        longer = [row for row, span in enumerate(spans) if span not in LENGTHS]
        for kind, kernel in enumerate(self.baseline.kernels):
            if not kernel.mass:
                continue
            handed = self.ring.column(self.baseline.handed[kind], HISTORY, ago)
            mean[rows, kind] = (kernel.mean @ handed)[at]
            variance[rows, kind] = (kernel.variance @ handed)[at]
            # What was handed over before a long span, and came a little sooner than usual, is not missing in it.
            within = sums[longer, self.baseline.handed[kind]] * kernel.mass
            mean[longer, kind] = np.minimum(sums[longer, _AWAITED + _PER_KIND * kind + 1], within)
            variance[longer, kind] = mean[longer, kind] * (1.0 - kernel.mass)
        return mean, variance

    def reason(self, name: str, span: int) -> tuple[float, float]:
        """Return the usual share of a reason among the final reports of a span, and the trials behind that."""
        share, weight = self.baseline.reason(name)
        parts = self._busy()
        trials = [float(part.now().trials[span, DELIVERY]) for part in parts]
        if not sum(trials):
            return share, weight
        return mixed_share(
            share, weight, [(n, *part.baseline.reason(name)) for n, part in zip(trials, parts, strict=True)]
        )

    def mend(self, number: int, change: Floats) -> None:
        """Add what came late to window `number`, after it was added to the parts; more may be due since."""
        self._now = None
        self.ring.mend(number, change)
        for later in range(number, min(ring.last for ring in (self.ring, *(part.ring for part in self.parts))) + 1):
            row = self.ring.row(later)
            self._await(row, later)
            self.ring.mend(later, row - self.ring.row(later))

    def flag(self, index: int) -> None:
        """Say that the rate is not as usual now: nothing is learned about it from these minutes."""
        minute = self.ring.last // MINUTE_WINDOWS
        flags = self.flags.get(minute)
        if flags is None:
            flags = self.flags[minute] = np.zeros(len(RATES))
        flags[index] = 1.0

    def over(self, kind: str, number: int) -> None:
        """Say that an anomaly is over that was about windows up to `number`: they are not to be told of again."""
        self.told[kind] = max(number, self.told.get(kind, 0))
        for index, rate in enumerate(RATES):
            self.told_until[index] = self.told.get(rate.kind, 0)

    def _learn(self, minutes: int) -> None:
        """Learn from the minute that ended `LAG` minutes before minute `minutes` begins."""
        minute = minutes - 1 - LAG
        row = self.ring.minute(minute)
        skip = np.zeros(len(RATES))
        for flagged in [*self.flags]:
            if flagged >= minute:
                np.maximum(skip, self.flags[flagged], out=skip)
            else:
                del self.flags[flagged]
        at_ms = minute * MINUTE_WINDOWS * WINDOW_MS
        if row[:SCALARS].any():
            hour_before = self.baseline.hour_at
            measured = self.measure(lambda ring: ring.minute(minute)[None, :], (MINUTE_WINDOWS,), LAG * MINUTE_WINDOWS)
            self.baseline.learn(at_ms, row, measured, skip, self._failures_of(LAG * MINUTE_WINDOWS))
            if self.baseline.hour_at != hour_before >= 0:
                self.fresh_hours.add(hour_before % WEEK_HOURS)
        self.expect((minutes * MINUTE_WINDOWS) * WINDOW_MS)

    def expect(self, at_ms: int) -> None:
        """Work out what is usual at a time, until the next minute."""
        self._now = None
        self.expected_at_ms = at_ms
        self.baseline.expect(at_ms)

    def _failures_of(self, windows_ago: int) -> dict[str, int]:
        end = len(self.failures) - windows_ago
        return _added(self.failures[max(0, end - MINUTE_WINDOWS) : max(0, end)])

    def failures_within(self, windows: int) -> dict[str, int]:
        """Return the failures by reason in the newest windows."""
        return _added(self.failures[-windows:])

    def dump(self) -> dict[str, Any]:
        """Return everything but the season as plain values."""
        return {
            "scope": list(self.scope),
            "ring": self.ring.dump(),
            "baseline": [zlib.compress(array.tobytes(), 1) for array in self._arrays()],
            "reasons": self.baseline.reasons,
            "failures": self.failures,
            "flags": {minute: flags.tolist() for minute, flags in self.flags.items()},
            "expected_at_ms": self.expected_at_ms,
            "hour_at": self.baseline.hour_at,
            "suspected": self.suspected,
            "age": self.baseline.age,
            "told": self.told,
        }

    def _arrays(self) -> tuple[Any, ...]:
        base = self.baseline
        return base.recent, base.slow, base.histograms, base.scatter, base.correlation, base.hour

    def dump_hour(self, hour: int) -> bytes:
        """Return one cell of the season."""
        week, cell = int(self.baseline.season_week[hour]), bytes(self.baseline.season[hour].tobytes())
        return week.to_bytes(8, "big") + cell

    def load_hour(self, hour: int, data: bytes) -> None:
        """Take back one cell of the season."""
        self.baseline.season_week[hour] = int.from_bytes(data[:8], "big")
        self.baseline.season[hour] = np.frombuffer(data[8:]).reshape(2, COUNTED)

    @classmethod
    def load(cls, dumped: dict[str, Any], hours: dict[int, bytes]) -> Quality:
        """Make it again from what `dump` and `dump_hour` gave."""
        state = cls(Scope(*dumped["scope"]), 0)
        state.ring = Ring.load(dumped["ring"])
        for array, packed in zip(state._arrays(), dumped["baseline"], strict=True):
            array[...] = np.frombuffer(zlib.decompress(packed)).reshape(array.shape)
        state.baseline.reasons = {name: list(memory) for name, memory in dumped["reasons"].items()}
        state.failures = [dict(failures) for failures in dumped["failures"]]
        state.flags = {int(minute): np.array(flags) for minute, flags in dumped["flags"].items()}
        state.baseline.age = dumped["age"]
        state.baseline.hour_at, state.suspected = dumped["hour_at"], dumped["suspected"]
        for kind, number in dumped["told"].items():
            state.over(kind, number)
        for hour, data in hours.items():
            state.load_hour(hour, data)
        if dumped["expected_at_ms"] >= 0:
            state.expect(dumped["expected_at_ms"])
        return state


def _added(dicts: list[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in dicts:
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return total
