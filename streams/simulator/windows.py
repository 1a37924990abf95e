"""Counts drawn messages into windows, as correlate counts real ones: each thing when it came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from streams.events import RouteHealth
from streams.health.buckets import BOUNDS, NAMES
from streams.health.sketch import KEPT_RANGES, SAMPLE, mix_many
from streams.simulator.messages import (
    DELIVERED,
    FAILED,
    HOUR_MS,
    NO_ANSWER,
    NO_REPORT,
    OK,
    PERMANENT,
    REASONS,
    TEMPORARY,
    UNCONFIRMED,
    WINDOW_MS,
    Array,
    Messages,
    Route,
    RouteTraffic,
)

__all__ = ["HOUR_MS", "WINDOW_MS", "Route", "RouteTraffic", "count", "in_order"]

_LATEST_MS = 6 * HOUR_MS  # what takes longer is left out

_FIELDS = (
    *("submits", "responses_ok", "responses_temporary", "responses_permanent", "delivered", "failed", "unconfirmed"),
    *("reports_intermediate", "timeouts_no_response", "late", "duplicates", "orphans", "unknown_codes"),
)


def count(route: Route, messages: Messages, from_ms: int, to_ms: int, partition: int = 0) -> list[RouteHealth]:
    """Count messages into the windows from `from_ms` to `to_ms`, as correlate does: each thing when it came."""
    span = (to_ms - from_ms) // WINDOW_MS
    answered, known = messages.answer != NO_ANSWER, ~messages.strange & ~messages.orphan
    final = (messages.report != NO_REPORT) & (messages.report_ms < messages.at_ms + _LATEST_MS)
    sent, answers, reports = (
        (times - from_ms) // WINDOW_MS for times in (messages.at_ms, messages.answer_ms, messages.report_ms)
    )
    columns = {
        "submits": sent,
        "responses_ok": answers[messages.answer == OK],
        "responses_temporary": answers[messages.answer == TEMPORARY],
        "responses_permanent": answers[messages.answer == PERMANENT],
        "delivered": reports[final & known & (messages.report == DELIVERED)],
        "failed": reports[final & known & (messages.report == FAILED)],
        "unconfirmed": reports[final & known & (messages.report == UNCONFIRMED)],
        "reports_intermediate": reports[final & messages.strange],
        "timeouts_no_response": (messages.at_ms[~answered] + 60_000 - from_ms) // WINDOW_MS,
        "late": answers[answered & (messages.answer_ms > messages.at_ms + 60_000)],
        "duplicates": reports[final & messages.doubled],
        "orphans": reports[final & messages.orphan],
        "unknown_codes": reports[final & messages.strange],
    }
    counts = np.stack([_by_window(columns[name], span) for name in _FIELDS])
    response = _histograms(answers[answered], (messages.answer_ms - messages.at_ms)[answered], span)
    settled = final & known & (messages.report != UNCONFIRMED)
    receipt = _histograms(reports[settled], (messages.report_ms - messages.at_ms)[settled], span)
    failures = _names(
        reports[settled & (messages.report == FAILED)], messages.reason[settled & (messages.report == FAILED)], span
    )
    ranges = _ranges(sent, messages.number, span)
    sample = _sample(sent, messages, span)
    return [
        _record(
            route,
            from_ms + window * WINDOW_MS,
            partition,
            counts[:, window],
            window,
            response,
            receipt,
            failures,
            ranges,
            sample,
        )
        for window in np.flatnonzero(counts.any(axis=0)).tolist()
    ]


def _record(
    route: Route,
    start_ms: int,
    partition: int,
    counts: Array,
    window: int,
    response: dict[int, dict[str, int]],
    receipt: dict[int, dict[str, int]],
    failures: dict[int, dict[str, int]],
    ranges: dict[int, dict[str, int]],
    sample: dict[int, dict[str, int]],
) -> RouteHealth:
    of = dict(zip(_FIELDS, counts.tolist(), strict=True))
    none: dict[str, int] = {}
    refusals = {"throttled": of["responses_temporary"], "invalid_recipient": of["responses_permanent"]}
    return RouteHealth(
        *route[:4],
        start_ms,
        WINDOW_MS,
        partition,
        start_ms + WINDOW_MS,
        of["submits"],
        of["responses_ok"],
        of["responses_temporary"],
        of["responses_permanent"],
        0,
        of["delivered"],
        0,
        of["failed"],
        of["unconfirmed"],
        of["reports_intermediate"],
        of["timeouts_no_response"],
        0,
        0,
        of["late"],
        of["duplicates"],
        0,
        of["orphans"],
        of["unknown_codes"],
        {name: n for name, n in refusals.items() if n},
        failures.get(window, none),
        response.get(window, none),
        receipt.get(window, none),
        None,
        ranges.get(window, none),
        sample.get(window, none),
    )


def _by_window(windows: Array, span: int) -> Array:
    return np.bincount(windows[(windows >= 0) & (windows < span)], minlength=span)[:span]


def _named(windows: Array, keys: Array, span: int, names: Sequence[str]) -> dict[int, dict[str, int]]:
    inside = (windows >= 0) & (windows < span)
    cells, counts = np.unique(windows[inside] * len(names) + keys[inside], return_counts=True)
    found: dict[int, dict[str, int]] = {}
    for cell, counted in zip(cells.tolist(), counts.tolist(), strict=True):
        found.setdefault(cell // len(names), {})[names[cell % len(names)]] = counted
    return found


def _histograms(windows: Array, latency_ms: Array, span: int) -> dict[int, dict[str, int]]:
    buckets = np.minimum(np.searchsorted(BOUNDS, latency_ms), len(BOUNDS) - 1)
    return _named(windows, buckets, span, NAMES)


def _names(windows: Array, reasons: Array, span: int) -> dict[int, dict[str, int]]:
    return _named(windows, reasons, span, REASONS)


def _ranges(windows: Array, numbers: Array, span: int) -> dict[int, dict[str, int]]:
    inside = (windows >= 0) & (windows < span)
    pairs = np.stack((windows[inside], numbers[inside] // 100), axis=1)
    cells, counts = np.unique(pairs, axis=0, return_counts=True)
    order = np.lexsort((mix_many(cells[:, 1].astype(np.uint64)), -counts, cells[:, 0]))
    found: dict[int, dict[str, int]] = {}
    for (window, range_), counted in zip(cells[order].tolist(), counts[order].tolist(), strict=True):
        kept = found.setdefault(window, {})
        if len(kept) < KEPT_RANGES:
            kept[str(range_)] = counted
    return found


def _sample(windows: Array, messages: Messages, span: int) -> dict[int, dict[str, int]]:
    hashes = mix_many(messages.number.astype(np.uint64))
    chosen = (hashes % np.uint64(SAMPLE) == 0) & (messages.campaign >= 0) & (windows >= 0) & (windows < span)
    found: dict[int, dict[str, int]] = {}
    short = ((hashes[chosen] >> np.uint64(4)) & np.uint64(0xFF_FFFF_FFFF)).tolist()
    for window, campaign, hash_ in zip(
        windows[chosen].tolist(), messages.campaign[chosen].tolist(), short, strict=True
    ):
        key = f"c{campaign}/{hash_:010x}"
        counts = found.setdefault(window, {})
        counts[key] = counts.get(key, 0) + 1
    return found


def in_order(records: Iterable[RouteHealth]) -> list[RouteHealth]:
    """Return records by window and route."""
    return sorted(records, key=lambda record: (record.window_start_ms, record[:4]))
