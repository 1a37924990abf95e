"""The shares that are watched on every route: so many of so many, compared with what is usual there.

Three kinds of them. *Counted* ones are counts of one row of columns among those of another. *Awaited* ones compare
what came with what should have come by now, going by what was handed over before and how long things usually take.
*Slow* ones are the share of what took longer than nine in ten usually do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from streams.detectors.window import COLUMNS, C


class Rate(NamedTuple):
    """A share that is watched.

    ``low``: too low is bad, else too high. ``margin``: how far from the usual it must be, for low ones as a part of
    it (0.15: below 85 percent of the usual share), for high ones in shares; high ones must also be ``factor`` times
    the usual. ``least``: trials without which nothing is said. ``prior`` is believed as if ``prior_n`` trials had
    shown it, until the route has a past of its own.
    """

    kind: str
    low: bool
    margin: float
    factor: float
    least: int
    prior: float
    prior_n: float
    hits: tuple[int, ...] = ()
    trials: tuple[int, ...] = ()


_ANSWERS = (C.OK, C.TEMPORARY, C.PERMANENT, C.UNKNOWN)
_FINALS = (C.DELIVERED, C.PARTIAL, C.FAILED)
_SILENT = (C.UNCONFIRMED, C.NO_RECEIPT)
_RECORDS = (*_ANSWERS, *_FINALS, C.INTERMEDIATE)

(
    DELIVERY,
    WITHOUT_SR,
    THROTTLING,
    REFUSALS,
    DUPLICATES,
    ORPHANS,
    UNKNOWN,
    ANSWERED,
    CONFIRMED,
    SLOW_ANSWERS,
    SLOW_REPORTS,
) = range(11)
"""Where each rate stands in `RATES`."""

RATES = (
    Rate("delivery_rate", True, 0.15, 0.0, 12, 0.9, 20, (C.DELIVERED,), _FINALS),
    Rate("sent_without_sr", False, 0.08, 2.0, 30, 0.05, 10, _SILENT, (*_FINALS, *_SILENT)),
    Rate("throttling", False, 0.10, 2.5, 20, 0.02, 20, (C.TEMPORARY,), _ANSWERS),
    Rate("refusals", False, 0.06, 2.5, 20, 0.02, 20, (C.PERMANENT,), _ANSWERS),
    Rate("duplicates", False, 0.08, 3.0, 40, 0.02, 20, (C.DUPLICATES,), (*_RECORDS, C.DUPLICATES)),
    Rate("orphans", False, 0.05, 3.0, 40, 0.01, 20, (C.ORPHANS,), (*_RECORDS, C.ORPHANS)),
    Rate("unknown_codes", False, 0.03, 3.0, 30, 0.005, 20, (C.UNKNOWN_CODES,), _RECORDS),
    Rate("no_response", True, 0.2, 0.0, 12, 0.0, 0),
    Rate("no_receipts", True, 0.25, 0.0, 12, 0.0, 0),
    Rate("response_latency", False, 0.2, 2.5, 30, 0.1, 0),
    Rate("receipt_latency", False, 0.2, 2.5, 30, 0.1, 0),
)

COUNTED = 7
"""So many of `RATES`, the first ones, are counted; then two awaited, then two slow ones."""

AWAITED, SLOW = slice(COUNTED, COUNTED + 2), slice(COUNTED + 2, COUNTED + 4)


def _matrix(rows: list[tuple[int, ...]]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    matrix = np.zeros((len(COLUMNS), len(rows)))
    for index, columns in enumerate(rows):
        matrix[list(columns), index] = 1.0
    return matrix


COUNT_OF = _matrix([rate.hits for rate in RATES[:COUNTED]])
TRIALS_OF = _matrix([rate.trials for rate in RATES[:COUNTED]])
LOW = np.array([rate.low for rate in RATES])
MARGIN = np.array([rate.margin for rate in RATES])
FACTOR = np.array([rate.factor for rate in RATES])
LEAST = np.array([float(rate.least) for rate in RATES])
PRIOR = np.array([rate.prior for rate in RATES[:COUNTED]])
PRIOR_N = np.array([rate.prior_n for rate in RATES[:COUNTED]])
