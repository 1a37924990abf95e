"""The cores of `replay`: the resolver before the correlator, and where their state is kept between replays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streams.codec.checks import TIME_FIELD
from streams.correlator.message import Message
from streams.correlator.step import Correlator, Delta
from streams.correlator.streamtime import INPUTS, StreamTime
from streams.events import (
    DELIVERY_REPORT,
    PROVIDER_RECEIPT,
    SUBMIT,
    SUBMIT_RESPONSE,
    DeliveryReport,
    OrphanReport,
    ProviderReceipt,
    Submit,
    SubmitResponse,
)
from streams.resolver.slot import Slot
from streams.resolver.step import Resolver
from streams.runtime.correlate import MESSAGES
from streams.runtime.indexing import answers_with_ids, index_of
from streams.runtime.resolve import SLOTS
from streams.runtime.store import DiskStore
from streams.settings import Settings

_PIECE_MS = 3_600_000
_TIME = {
    Submit: TIME_FIELD[SUBMIT],
    SubmitResponse: TIME_FIELD[SUBMIT_RESPONSE],
    DeliveryReport: TIME_FIELD[DELIVERY_REPORT],
    ProviderReceipt: TIME_FIELD[PROVIDER_RECEIPT],
}


@dataclass
class Joined:
    """What a batch came to: correlate's delta, the reports that receipts became, and the receipts that are nobody's."""

    delta: Delta = field(default_factory=Delta)
    reports: list[DeliveryReport] = field(default_factory=list)
    orphans: list[OrphanReport] = field(default_factory=list)


class Join:
    """Both cores on one partition, with their state on disk. ``waiting``: how many receipts wait for their answer."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Take up the state that an earlier replay left in `folder`."""
        self._settings, self._folder = settings, folder
        self._open(keep=True)

    def _open(self, keep: bool) -> None:
        settings, most = self._settings, self._settings.correlate.hot_messages
        self._messages: DiskStore[Message] = DiskStore(self._folder / "replay-state", most, MESSAGES, keep=keep)
        most = settings.resolve.hot_ids
        self._slots: DiskStore[Slot] = DiskStore(self._folder / "replay-ids", most, SLOTS, keep=keep)
        self.waiting = 0
        self._times = (StreamTime(), StreamTime())
        self._correlator = Correlator(settings.rules(), self._messages, self._times[0])
        self._resolver = Resolver(settings.resolve_rules(), self._slots, self._times[1])

    def recall(self, offset: int) -> bool:
        """Tell whether the state that was left is that of `offset`; where it is not, start with none."""
        notes: list[Any] = [self._messages.checkpoint, self._slots.checkpoint]
        if all(note is not None and note[0] == offset for note in notes):
            for time, note in zip(self._times, notes, strict=True):
                time.now_ms, time.newest, self.waiting = note[1:4]
            return True
        self.close(None)
        self._open(keep=False)
        return False

    @property
    def stream_time_ms(self) -> int:
        """How far correlate's stream time has got."""
        return self._times[0].now_ms

    def ended(self, at_end: bool) -> None:
        """Note whether everything was read."""
        for time in self._times:
            for source in range(INPUTS):
                time.ended(source, at_end)

    def step(self, events: list[Any]) -> Joined:
        """Take in a batch of events, receipts among them, in the order in which they stood.

        Receipts become reports after what stood around them, so a batch with receipts goes in pieces of an hour.
        """
        done = Joined()
        for piece in _pieces(events):
            known = [event for event in piece if not isinstance(event, ProviderReceipt)]
            delta = self._correlator.step(known)
            entries = map(index_of, answers_with_ids(known, delta.revisions, self._messages))
            receipts = [event for event in piece if isinstance(event, ProviderReceipt)]
            found = self._resolver.step([*entries, *receipts])
            delta.merge(self._correlator.step(found.reports))
            done.delta.merge(delta)
            done.reports += found.reports
            done.orphans += found.orphans
            self.waiting += found.waiting
        self.spill()
        return done

    def advance_to(self, stream_time_ms: int) -> Joined:
        """Move stream time."""
        found = self._resolver.advance_to(stream_time_ms)
        delta = self._correlator.step(found.reports)
        delta.merge(self._correlator.advance_to(stream_time_ms))
        self.waiting += found.waiting
        return Joined(delta, found.reports, found.orphans)

    def spill(self) -> None:
        """Move to disk what is too much for memory."""
        self._messages.spill()
        self._slots.spill()

    def close(self, offset: int | None) -> None:
        """Close; with the offset up to which the state holds, leave it for the next replay."""
        notes = [None if offset is None else [offset, t.now_ms, t.newest, self.waiting] for t in self._times]
        self._messages.close(notes[0])
        self._slots.close(notes[1])


def _pieces(events: list[Any]) -> Iterator[list[Any]]:
    """Cut a batch where its event times get an hour apart, if it has receipts."""
    if not any(isinstance(event, ProviderReceipt) for event in events):
        yield events
        return
    times: list[int] = [getattr(event, _TIME[type(event)]) for event in events]
    start, first, last = 0, times[0], times[0]
    for place, at in enumerate(times):
        first, last = min(first, at), max(last, at)
        if last - first > _PIECE_MS:
            yield events[start:place]
            start, first, last = place, at, at
    yield events[start:]
