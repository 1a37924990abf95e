"""The totals of one window as a row of numbers, so that windows, partitions and routes are added by adding rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.events import RouteHealth
from streams.health.buckets import BOUNDS, index_of

WINDOW_MS = 10_000

Row = npt.NDArray[np.float64]

_COUNTS = (
    *("submits", "responses_ok", "responses_temporary", "responses_permanent", "responses_unknown"),
    *("delivered", "partially_delivered", "failed", "unconfirmed", "reports_intermediate"),
    *("timeouts_no_response", "timeouts_no_receipt", "timeouts_expired"),
    *("late", "duplicates", "conflicts", "orphans", "unknown_codes"),
)
COLUMNS = (*_COUNTS, "marketing")
"""What the numbers of a row are; behind them stand the two latency histograms. marketing: the submits of that kind."""

SCALARS = len(COLUMNS)
RESPONSES = slice(SCALARS, SCALARS + len(BOUNDS))
RECEIPTS = slice(RESPONSES.stop, RESPONSES.stop + len(BOUNDS))
WIDTH = RECEIPTS.stop

_POSITIONS = [RouteHealth._fields.index(name) for name in _COUNTS]


class C:
    """Where in a row each count stands."""

    SUBMITS = COLUMNS.index("submits")
    OK = COLUMNS.index("responses_ok")
    TEMPORARY = COLUMNS.index("responses_temporary")
    PERMANENT = COLUMNS.index("responses_permanent")
    UNKNOWN = COLUMNS.index("responses_unknown")
    DELIVERED = COLUMNS.index("delivered")
    PARTIAL = COLUMNS.index("partially_delivered")
    FAILED = COLUMNS.index("failed")
    UNCONFIRMED = COLUMNS.index("unconfirmed")
    INTERMEDIATE = COLUMNS.index("reports_intermediate")
    NO_RESPONSE = COLUMNS.index("timeouts_no_response")
    NO_RECEIPT = COLUMNS.index("timeouts_no_receipt")
    EXPIRED = COLUMNS.index("timeouts_expired")
    DUPLICATES = COLUMNS.index("duplicates")
    ORPHANS = COLUMNS.index("orphans")
    UNKNOWN_CODES = COLUMNS.index("unknown_codes")
    MARKETING = COLUMNS.index("marketing")


class Maps(NamedTuple):
    """What of a window is counted by names that are not known beforehand."""

    refusals: dict[str, int]
    failures: dict[str, int]
    ranges: dict[str, int]
    sample: dict[str, int]


def no_maps() -> Maps:
    """Return empty ones."""
    return Maps({}, {}, {}, {})


def row_of(record: RouteHealth) -> Row:
    """Return the numbers of a record."""
    row = np.zeros(WIDTH)
    values: list[Any] = [record[position] for position in _POSITIONS]
    row[: SCALARS - 1] = values
    if record.traffic_type == "marketing":
        row[C.MARKETING] = record.submits
    _add(row, RESPONSES.start, record.response_latency)
    _add(row, RECEIPTS.start, record.receipt_latency)
    return row


def _add(row: Row, start: int, histogram: Mapping[str, int]) -> None:
    for name, count in histogram.items():
        row[start + index_of(name)] += count


def add_maps(maps: Maps, record: RouteHealth, sign: int = 1) -> None:
    """Add the counts by name of a record (or take them away)."""
    for total, counts in zip(
        maps, (record.refusal_reasons, record.failure_reasons, record.ranges, record.campaign_sample), strict=True
    ):
        for name, count in counts.items():
            left = total.get(name, 0) + sign * count
            if left:
                total[name] = left
            else:
                total.pop(name, None)
