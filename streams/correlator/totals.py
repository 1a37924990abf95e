"""Totals of one route in one window, as they are told: a record of ``sms.route-health``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from streams.correlator.measures import MEASURES, RECEIPT_LATENCY, RESPONSE_LATENCY
from streams.correlator.notes import Route
from streams.correlator.recipients import Details
from streams.events import RouteHealth
from streams.health import buckets
from streams.health.heartbeat import WINDOW_MS

_new: Final = tuple.__new__
"""Makes a named tuple at half the cost of calling its class."""


class Totals:
    """One route in one window (number from 1970).

    ``measures`` are those of which anything is counted, in order, ``counts`` how much of each; ``named`` are the three
    maps of what is counted by name.
    """

    __slots__ = ("counts", "details", "measures", "named", "route", "window")

    def __init__(
        self,
        window: int,
        route: Route,
        measures: Sequence[int],
        counts: Sequence[int],
        named: Sequence[Mapping[str, int]],
        details: Details,
    ) -> None:
        """Hold what is given."""
        self.window = window
        self.route = route
        self.measures = measures
        self.counts = counts
        self.named = named
        self.details = details

    def record(self, partition: int, stream_time_ms: int) -> RouteHealth:
        """Return the totals as a record."""
        counts = [0] * MEASURES
        for measure, count in zip(self.measures, self.counts, strict=True):
            counts[measure] = count
        refusals, failures, sample = self.named
        told: tuple[Any, ...] = (*self.route, self.window * WINDOW_MS, WINDOW_MS, partition, stream_time_ms)
        told += tuple(counts[:RESPONSE_LATENCY])
        told += (refusals, failures, _histogram(counts, RESPONSE_LATENCY), _histogram(counts, RECEIPT_LATENCY))
        told += (self.details.distinct or None, self.details.fullest(), sample)
        return _new(RouteHealth, told)


def _histogram(counts: Sequence[int], first: int) -> dict[str, int]:
    return {name: counts[first + place] for place, name in enumerate(buckets.NAMES) if counts[first + place]}
