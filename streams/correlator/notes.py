"""What a step notes of routes, before it is counted: by route in `Lane`, by window in `Notes`, for good in `Change`.

Events come nearly in the order of their times, so a route notes in the same window again and again: a byte for each
thing that happened, at the end of a list that the processor has at hand. Counting waits until the window is told, and
is one pass over all its bytes then (`streams.correlator.window`).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from streams.correlator import measures as m
from streams.correlator.recipients import value_of, values_of
from streams.health import sketch
from streams.health.sketch import UInts

DETAIL_MS: Final = 5_000
"""How long after the end of a window (stream time) its submits still count for recipients and ranges."""

Route = tuple[str, ...]
"""Account, provider, country, traffic type. (Not a tuple of four: compiled, that is copied where it is passed on.)"""


class Change(NamedTuple):
    """What a step noted of a window (number from 1970): entries, each of a route.

    ``routes``, ``logs`` and ``sizes`` are parallel: of each entry its route, a byte for each thing that counts, and
    how many of ``values`` (64 bits little endian each, see `streams.correlator.recipients`) are its recipients.
    ``named`` has what is counted by name: the entry's place, in which of the three maps, and the name. ``now_ms`` is
    the stream time at which the step ended. Changes of a window add up, in any order.
    """

    window: int
    now_ms: int
    routes: list[Route]
    logs: list[bytes]
    sizes: list[int]
    values: bytes
    named: list[tuple[int, int, str]]

    def halves(self) -> list[Change]:
        """Return two changes that add up to this one, or this alone if it is all of one thing."""
        many = len(self.routes)
        if many > 1:
            return [self._entries(0, many // 2), self._entries(many // 2, many)]
        log, size, names = self.logs[0], self.sizes[0], self.named
        if max(len(log), size, len(names)) < 2:
            return [self]
        at, cut, name = len(log) // 2, size // 2, len(names) // 2
        return [
            self._replace(logs=[log[:at]], sizes=[cut], values=self.values[: 8 * cut], named=names[:name]),
            self._replace(logs=[log[at:]], sizes=[size - cut], values=self.values[8 * cut :], named=names[name:]),
        ]

    def _entries(self, start: int, end: int) -> Change:
        """Return the entries from `start` to before `end` alone."""
        return self._replace(
            routes=self.routes[start:end],
            logs=self.logs[start:end],
            sizes=self.sizes[start:end],
            values=self.values[8 * sum(self.sizes[:start]) : 8 * sum(self.sizes[:end])],
            named=[(place - start, kind, name) for place, kind, name in self.named if start <= place < end],
        )


class Notes:
    """What the step that is going on has noted of a window, as in `Change`.

    ``recipients`` are those of the submits that ``sizes`` counts, one after the other; of each entry of a marketing
    route ``campaigns`` has the submits' campaigns.
    """

    __slots__ = ("campaigns", "lanes", "logs", "named", "recipients", "sizes")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.lanes: list[Lane] = []
        self.logs: list[bytes] = []
        self.sizes: list[int] = []
        self.recipients: list[str] = []
        self.campaigns: list[list[str]] = []
        self.named: list[tuple[int, int, str]] = []

    def change(self, window: int, now_ms: int) -> Change:
        """Return all of it: of window `window`, the step having ended at stream time `now_ms`."""
        values = _NOBODY
        if self.recipients:
            values = values_of(self.recipients)
            self._sample(values)
        routes = [lane.route for lane in self.lanes]
        return Change(window, now_ms, routes, self.logs, self.sizes, values.tobytes(), self.named)

    def _sample(self, values: UInts) -> None:
        """Note the marketing submits whose recipients are in the sample."""
        hashes = sketch.mix_many(values)
        sampled = np.flatnonzero(hashes & np.uint64(sketch.SAMPLE - 1) == 0)
        ends = np.cumsum(self.sizes)
        places = np.searchsorted(ends, sampled, side="right")
        from_end = (sampled - ends[places]).tolist()
        for index, place, hash_ in zip(from_end, places.tolist(), hashes[sampled].tolist(), strict=True):
            if self.lanes[place].marketing:
                self.named.append((place, m.SAMPLE, sketch.sample_key(self.campaigns[place][index], hash_)))


_NOBODY: Final = np.empty(0, np.uint64)


class Lane:
    """A route, and what it has noted in this step in one window, of [start_ms, end_ms).

    ``log`` are `measures`, ``named`` what is counted by name. Of submits whose recipients are to be looked at (they are
    not in the log) there are ``recipients``, and where it is marketing ``campaigns``.
    """

    __slots__ = ("campaigns", "end_ms", "log", "marketing", "named", "notes", "recipients", "route", "start_ms")

    def __init__(self, route: Route) -> None:
        """Begin in no window."""
        self.route = route
        self.marketing = route[3] == "marketing"
        self.start_ms = self.end_ms = 0
        self.notes = Notes()
        self.log: list[bytes] = []
        self.named: list[tuple[int, str]] = []
        self.recipients: list[str] = []
        self.campaigns: list[str] = []

    def flush(self) -> None:
        """Turn to another window, or to none: what has been noted becomes an entry."""
        notes, log, submits = self.notes, b"", len(self.recipients)
        if self.log:
            log = b"".join(self.log)
            self.log = []
        elif not submits:
            return
        if submits:
            log = m.SUBMITS * submits + log
            notes.recipients += self.recipients
            self.recipients = []
        if self.named:
            notes.named += [(len(notes.lanes), kind, name) for kind, name in self.named]
            self.named = []
        notes.campaigns.append(self.campaigns)  # an empty one stays ours: it is of no submit, so nobody looks into it
        if self.campaigns:
            self.campaigns = []
        notes.lanes.append(self)
        notes.logs.append(log)
        notes.sizes.append(submits)


def note_submit(lane: Lane, submit: tuple[Any, ...], said_ms: int) -> None:
    """Note a submit that was handed over, and its recipient (fields by position: this is on the hot path)."""
    if said_ms < lane.end_ms + DETAIL_MS:
        lane.recipients.append(submit[8])
        if lane.marketing:
            lane.campaigns.append(submit[6])
        return
    lane.log.append(m.SUBMITS)
    if lane.marketing:  # too late for the sketches; a sample is exact
        key = sketch.sample_key(submit[6], sketch.mix(value_of(submit[8])))
        if key:
            lane.named.append((m.SAMPLE, key))
