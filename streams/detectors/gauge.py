"""What is measured of one scope of a provider: what happened, what was due, and what is usual of that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from streams.detectors.awaited import HISTORY, LENGTHS, LONGEST, REACH, Due, Floats, due
from streams.detectors.baseline import Baseline
from streams.detectors.mix import Measured, mixed, mixed_share, owed
from streams.detectors.rates import AWAITED, COUNT_OF, COUNTED, DELIVERY, RATES, SLOW, TRIALS_OF
from streams.detectors.ring import MINUTE_WINDOWS, SPANS, Ring
from streams.detectors.window import RECEIPTS, RESPONSES, SCALARS, WIDTH

_AWAITED = WIDTH
"""Behind the row, for answers and for reports: came and due; slow ones that came and were due."""

_PER_KIND = 4
_FRESH = 0.7  # of the usual share of reports that come within five minutes


class Gauge:
    """The windows of a scope, and what is usual there; of a wider scope by its `parts`, the routes."""

    def __init__(self, last: int) -> None:
        """Begin behind window `last`."""
        self.parts: list[Self] = []
        self.ring = Ring(WIDTH + 2 * _PER_KIND, last)
        self.baseline = Baseline()
        self._sums: Floats | None = None
        self._now: Measured | None = None

    def _renew(self) -> None:
        """What was measured is out of date."""
        self._sums = self._now = None

    def add(self, row: Floats | None) -> None:
        """Add the next window."""
        self._renew()
        if row is None and self.ring.quiet():
            self.ring.add(None)
            return
        extended = np.zeros(WIDTH + 2 * _PER_KIND)
        if row is not None:
            extended[:WIDTH] = row
        self._await(extended, self.ring.last + 1)
        self.ring.add(extended)

    def mend(self, number: int, change: Floats) -> None:
        """Add what came late to window `number`, after it was added to the parts; more may be due since."""
        self._renew()
        self.ring.mend(number, change)
        for later in range(number, min(ring.last for ring in (self.ring, *(part.ring for part in self.parts))) + 1):
            row = self.ring.row(later)
            self._await(row, later)
            self.ring.mend(later, row - self.ring.row(later))

    def forget(self, last: int) -> None:
        """Go on behind window `last`, with nothing known of the windows before."""
        self._renew()
        self.ring.skip(last)

    def expect(self, at_ms: int) -> None:
        """Work out what is usual at a time, until the next minute."""
        self._renew()
        self.baseline.expect(at_ms)

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

    def sums(self) -> Floats:
        """Return the sums over `SPANS` that end now."""
        if self._sums is None:
            self._sums = self.ring.sums()
        return self._sums

    def now(self) -> Measured:
        """Measure all `SPANS` that end now."""
        if self._now is None:
            self._now = self._measure(self.sums(), [part.now() for part in self._busy()], SPANS)
        return self._now

    def minute(self, minute: int, ago: int) -> Measured:
        """Measure a whole minute (start // 60 s) that ended so many windows ago."""
        parts = [part.minute(minute, ago) for part in self._busy()]
        return self._measure(self.ring.minute(minute)[None, :], parts, (MINUTE_WINDOWS,), ago)

    def _busy(self) -> list[Self]:
        return [part for part in self.parts if not part.ring.quiet()]

    def _measure(self, sums: Floats, parts: list[Measured], spans: Sequence[int], ago: int = 0) -> Measured:
        """Measure every rate, by sums over `spans` (windows) that ended `ago`, and by what the parts did in them."""
        if not parts:
            return self._own(sums, self._due(sums, spans, ago))
        return mixed(self._own(sums, owed(parts)), parts)

    def _own(self, sums: Floats, awaited_due: Due) -> Measured:
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
        counts[:, AWAITED] = awaited[:, :, 0]
        trials[:, AWAITED], share[:, AWAITED] = awaited_due
        counts[:, SLOW], trials[:, SLOW] = awaited[:, :, 2], awaited[:, :, 0]
        share[:, SLOW] = awaited[:, :, 3] / np.maximum(awaited[:, :, 1], 1e-9)
        return Measured(counts, trials, share, weight, correlation)

    def _due(self, sums: Floats, spans: Sequence[int], ago: int) -> Due:
        """Work out what was due, answers and reports (columns), over some spans (rows)."""
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
        return due(mean, variance)

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
