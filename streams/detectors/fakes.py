"""Receipts too good to be true: sent before a phone can have answered, or all after the same time (fake DLR).

A phone that is reached takes one to some seconds, and no two of them the same; a route that makes its receipts up
answers at once, or by a timer. So no baseline is needed: a rule holds from the first minutes on.
"""

from __future__ import annotations

import numpy as np

from streams.detectors.awaited import LONGEST, Floats
from streams.detectors.finding import Finding
from streams.detectors.scopes import Scope
from streams.detectors.stats import wilson
from streams.detectors.window import RECEIPTS, WINDOW_MS, C
from streams.detectors.words import count, latency, name, percent, span
from streams.health.buckets import BOUNDS, bucket_index, quantile_ms

KIND = "fake_receipts"
WINDOWS = (6, 12, 30, 180)
_LEAST = 100
_UNIFORM = 0.95  # of all receipts within a factor of two
_UNIFORM_HOLD = 0.8
_FAST_MS = 400.0
_FAST_BUCKETS = bucket_index(int(_FAST_MS)) + 1
_DELIVERED = 0.97


def look(scope: Scope, rows: dict[int, Floats], opened: bool) -> Finding | None:
    """Judge the sums over some spans (`rows`: by number of windows)."""
    for windows in WINDOWS:
        # What comes hours later (phones that were off) is no measure: at night there may be nothing else.
        receipts = rows[windows][RECEIPTS][: LONGEST + 1]
        messages = float(receipts.sum())
        if messages < _LEAST:
            continue
        if not opened and receipts.max() < 0.4 * messages and receipts[:_FAST_BUCKETS].sum() < 0.5 * messages:
            return None
        finding = _judge(scope, rows[windows], receipts, messages, windows, opened)
        if finding.bad or opened:
            return finding
        return None  # the newest that has enough decides
    return None


def _judge(scope: Scope, row: Floats, receipts: Floats, messages: float, windows: int, opened: bool) -> Finding:
    pairs = receipts[:-1] + receipts[1:]
    fullest = int(np.argmax(pairs))
    share = float(pairs[fullest]) / messages
    middle = quantile_ms(receipts.tolist(), 0.5)
    finals = float(row[C.DELIVERED] + row[C.PARTIAL] + row[C.FAILED])
    delivered = float(row[C.DELIVERED]) / finals if finals else 0.0
    uniform = share >= (_UNIFORM_HOLD if opened else _UNIFORM)
    fast = middle < _FAST_MS and delivered >= _DELIVERED
    low_ms = BOUNDS[fullest - 1] if fullest else 0
    said = (
        f"{percent(share)} of {count(messages)} reports in {span(windows * WINDOW_MS)} came after {latency(low_ms)} to "
    )
    said += f"{latency(BOUNDS[fullest + 1])}, half within {latency(middle)}, and {percent(delivered)} say delivered"
    why = "too fast to be true" if fast else "too uniform to be true" if uniform else "spread like real ones"
    low, high = wilson(share * messages, messages)
    return Finding(
        KIND,
        not opened and (uniform or fast),
        uniform or fast,
        share,
        _UNIFORM,
        low,
        high,
        "share",
        round(messages),
        windows * WINDOW_MS,
        "rule",
        0.0,
        messages,
        0.4,
        f"{name(scope)}: {said}: {why}",
    )
