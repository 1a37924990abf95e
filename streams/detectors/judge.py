"""Judges the shares of a scope: whether one is so far from the usual that chance does not explain it."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import NamedTuple

import numpy as np

from streams.detectors import rates
from streams.detectors.awaited import LONGEST, Floats
from streams.detectors.config import DetectConfig
from streams.detectors.finding import Finding
from streams.detectors.mix import Measured
from streams.detectors.quality import Quality
from streams.detectors.rates import FACTOR, LEAST, LOW, MARGIN, RATES, Rate
from streams.detectors.ring import SPANS
from streams.detectors.sentences import reason_sentence, sentence
from streams.detectors.stats import at_least, at_most, effective, wilson
from streams.detectors.window import RECEIPTS, RESPONSES, WINDOW_MS
from streams.health.buckets import quantile_ms

_HOLD = 0.5  # an open anomaly goes on while half the margin is passed
_HOLD_TRIALS, _HOLD_WINDOWS = 30.0, 6
_SPANS = np.array(SPANS)
_REASON = Rate("failure_reason", False, 0.06, 2.5, 30, 0.0, 0)
_LATENCY_FACTOR = 1.6
_LATENCY_MORE_MS = (250.0, 2_500.0)  # answers, reports: what nobody minds
_REASON_SPANS = (6, 12, 30)
_RULE_OF_THREE = 3.0
"""What was never seen in n trials may be as usual as three in n (95 % surely not more): a new route has few."""


class Evidence(NamedTuple):
    """A share over one span, with what is usual."""

    rate: Rate
    hits: float
    trials: float
    share: float
    weight: float
    correlation: float
    windows: int
    basis: str

    @property
    def independent(self) -> float:
        """How many independent trials these are worth, the uncertainty of the baseline counted in."""
        return effective(self.trials, self.correlation + 1.0 / (self.weight + 1.0))

    def chance(self) -> float:
        """Return the probability of a share as far off as this one."""
        trials = self.independent
        count = self.hits * trials / self.trials
        return at_most(count, trials, self.share) if self.rate.low else at_least(count, trials, self.share)

    def interval(self) -> tuple[float, float]:
        """Return the 95 percent interval of the share that was observed."""
        trials = effective(self.trials, self.correlation)
        return wilson(self.hits * trials / self.trials, trials)

    def beyond(self, part: float) -> bool:
        """Tell whether it is off by more than this part of the margin."""
        observed = self.hits / self.trials
        if self.rate.low:
            return observed < self.share * (1 - self.rate.margin * part)
        factor = 1 + (self.rate.factor - 1) * part
        return observed > max(self.share + self.rate.margin * part, self.share * factor)

    def excess(self) -> float:
        """Return by how many messages it is off."""
        more = self.hits - self.trials * self.share
        return -more if self.rate.low else more

    def effect(self) -> float:
        """Return how bad it is, from 0 (as usual) to 1."""
        observed = min(self.hits / self.trials, 1.0)
        if self.rate.low:
            return 1 - observed / max(self.share, 1e-9)
        return (observed - self.share) / max(1 - self.share, 1e-9)


def judge(state: Quality, open_kinds: Set[str], config: DetectConfig) -> Iterator[Finding]:
    """Yield what is not as usual, and how it is with the kinds of which an anomaly is open."""
    sums, measured = state.sums(), state.now()
    for index in np.flatnonzero(_beyond(state, measured).any(axis=0)).tolist():
        if RATES[index].kind not in open_kinds and (found := _worst(state, index, measured, sums, config)):
            yield found
    for index, rate in enumerate(RATES):
        if rate.kind in open_kinds and (found := _follow(state, index, measured, sums)):
            yield found
    yield from _reasons(state, open_kinds, measured, config)


def _beyond(state: Quality, measured: Measured) -> Floats:
    """Tell which rates are beyond their whole margin over which spans, in one go."""
    counts, trials, share = measured[:3]
    fresh = _SPANS[:, None] <= state.ring.last - state.told_until[None, :]
    enough = (trials >= LEAST) & (measured.weight > 0) & fresh
    low = LOW & (counts < trials * (share * (1 - MARGIN)))
    high = ~LOW & (counts > trials * np.maximum(share + MARGIN, share * FACTOR))
    found: Floats = enough & (low | high)
    return found


def _evidence(state: Quality, index: int, measured: Measured, span: int) -> Evidence:
    return Evidence(
        RATES[index],
        float(measured.hits[span, index]),
        float(measured.trials[span, index]),
        float(measured.share[span, index]),
        float(measured.weight[span, index]),
        float(measured.correlation[span, index]),
        SPANS[span],
        state.baseline.basis[index],
    )


def _worst(state: Quality, index: int, measured: Measured, sums: Floats, config: DetectConfig) -> Finding | None:
    """Return the worst of the spans that are improbable enough, with the least probability of them."""
    best: tuple[float, int, Evidence] | None = None
    least = 1.0
    for span, windows in enumerate(SPANS):
        fresh = windows <= state.ring.last - state.told_until[index]
        if measured.trials[span, index] < RATES[index].least or not fresh:
            continue
        evidence = _evidence(state, index, measured, span)
        if evidence.beyond(1.0) and _latency_matters(state, index, sums[span]):
            chance = evidence.chance()
            least = min(least, chance)
            if chance <= config.chance and (best is None or evidence.effect() > best[0]):
                best = (evidence.effect(), span, evidence)
    if best is None:
        return None
    return _finding(state, index, best[2], sums[best[1]], least, sure=True, bad=True)


def _follow(state: Quality, index: int, measured: Measured, sums: Floats) -> Finding | None:
    """Say how it is now with a rate of which an anomaly is open: in the last minute, or as long as it takes."""
    for span, windows in enumerate(SPANS):
        if windows >= _HOLD_WINDOWS and measured.trials[span, index] >= max(RATES[index].least, _HOLD_TRIALS):
            evidence = _evidence(state, index, measured, span)
            bad = evidence.beyond(_HOLD)
            return _finding(state, index, evidence, sums[span], 1.0, sure=False, bad=bad)
    return None


def _finding(
    state: Quality, index: int, evidence: Evidence, row: Floats, chance: float, *, sure: bool, bad: bool
) -> Finding:
    low, high = evidence.interval()
    observed, expected, unit = evidence.hits / evidence.trials, evidence.share, "share"
    if index in (rates.SLOW_ANSWERS, rates.SLOW_REPORTS):
        observed, expected, low, high = _latencies(state, index, row, evidence)
        unit = "ms"
    elif index in (rates.ANSWERED, rates.CONFIRMED):  # of those that were due, wherever the span begins and ends
        scale = float(state.baseline.share[index]) / max(evidence.share, 1e-9)
        observed, expected, low, high = (min(value * scale, 1.0) for value in (observed, expected, low, high))
    found = Finding(
        evidence.rate.kind,
        sure,
        bad,
        observed,
        expected,
        low,
        high,
        unit,
        round(evidence.trials),
        evidence.windows * WINDOW_MS,
        evidence.basis,
        chance,
        evidence.excess(),
        evidence.effect(),
        "",
    )
    return found._replace(says=sentence(state.scope, found))


def _reach(row: Floats, kind: int) -> Floats:
    first = (RESPONSES, RECEIPTS)[kind].start
    return row[first : first + LONGEST + 1]


# ---- latency -----------------------------------------------------------------------------------------------------


def _latencies(state: Quality, index: int, row: Floats, evidence: Evidence) -> tuple[float, float, float, float]:
    """Return the median, the usual one, and the interval of the median (by the order of the values), milliseconds."""
    kind = index - rates.SLOW_ANSWERS
    now = _reach(row, kind)
    reach = 0.98 / max(effective(evidence.trials, evidence.correlation), 1.0) ** 0.5
    return (
        quantile_ms(now, 0.5),
        quantile_ms(state.baseline.usual[kind], 0.5),
        quantile_ms(now, max(0.0, 0.5 - reach)),
        quantile_ms(now, min(1.0, 0.5 + reach)),
    )


def _latency_matters(state: Quality, index: int, row: Floats) -> bool:
    """Tell whether a latency is not only surely, but also noticeably longer; True for other rates."""
    if index < rates.SLOW_ANSWERS:
        return True
    kind = index - rates.SLOW_ANSWERS
    now, usual = quantile_ms(_reach(row, kind), 0.5), quantile_ms(state.baseline.usual[kind], 0.5)
    return now > max(usual * _LATENCY_FACTOR, usual + _LATENCY_MORE_MS[kind])


# ---- reasons -----------------------------------------------------------------------------------------------------


def _reasons(state: Quality, open_kinds: Set[str], measured: Measured, config: DetectConfig) -> Iterator[Finding]:
    trials, hits = measured.trials, measured.hits[:, rates.DELIVERY]
    # One reason in the place of another is looked for once a minute; more failures than usual, every time.
    thorough = state.ring.last % 6 == 5 or state.suspected == state.ring.last - 1
    followed = any(kind.startswith("failure_reason:") for kind in open_kinds)
    for span, windows in enumerate(SPANS):
        total = float(trials[span, rates.DELIVERY])
        fresh = windows <= state.ring.last - state.told.get("failure_reason", 0)
        if windows not in _REASON_SPANS or total < _REASON.least or not (fresh or followed):
            continue
        least = _REASON.margin * total
        failed, usual = total - float(hits[span]), 1.0 - float(measured.share[span, rates.DELIVERY])
        if not followed and (failed <= least or not (thorough or failed > total * usual + least / 2)):
            continue
        found = state.failures_within(windows)
        for reason in {*found, *(kind.partition(":")[2] for kind in open_kinds if kind.startswith("failure_reason:"))}:
            kind = f"failure_reason:{reason}"
            if kind in open_kinds and windows != 30:
                continue
            if kind not in open_kinds and found[reason] <= least:
                continue
            if finding := _reason(state, kind, found.get(reason, 0), span, measured, kind in open_kinds, config):
                state.suspected = state.ring.last
                yield finding


def _reason(
    state: Quality, kind: str, count: int, span: int, measured: Measured, opened: bool, config: DetectConfig
) -> Finding | None:
    reason, windows = kind.partition(":")[2], SPANS[span]
    share, weight = state.reason(reason, span)
    if weight < 200.0:
        return None
    total = float(measured.trials[span, rates.DELIVERY])
    correlation = max(float(measured.correlation[span, rates.DELIVERY]), 0.01)
    usual = max(share, min(_RULE_OF_THREE / max(float(state.baseline.recent[1, rates.DELIVERY]), 1.0), 1.0))
    evidence = Evidence(_REASON, min(float(count), total), total, usual, weight, correlation, windows, "recent")
    chance = evidence.chance() if not opened and evidence.beyond(1.0) else 1.0
    if not opened and chance > config.chance:
        return None
    low, high = evidence.interval()
    return Finding(
        kind,
        not opened,
        not opened or evidence.beyond(_HOLD),
        count / total,
        share,
        low,
        high,
        "share",
        round(total),
        windows * WINDOW_MS,
        "recent",
        chance,
        evidence.excess(),
        evidence.effect(),
        reason_sentence(state.scope, reason, count / total, share, (low, high), round(total), windows * WINDOW_MS),
        {f"reason={reason}": 1.0},
    )
