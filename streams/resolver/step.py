"""Read this first: one partition's index entries and receipts in, delivery reports and changed state out.

The resolver is to receipts what `streams.correlator.step` is to messages, under the same laws: no I/O, no clock, what
time brings comes before the event that is later, and a `Delta` is what one Kafka transaction holds.

Whose a receipt is, `streams.resolver.decision` says. Here is when: at once, where its id has recent uses; else it is
parked, and the answer that comes decides; and when ``park`` is over, older uses that are still known do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from streams.correlator.store import StateStore
from streams.correlator.streamtime import StreamTime
from streams.events import DeliveryReport, OrphanReport, ProviderReceipt, ReceiptIndex
from streams.resolver.decision import CROWDED, orphan, outcome, possible, recent
from streams.resolver.rules import ResolveRules
from streams.resolver.slot import Entry, Parked, Slot, slot_key

RECEIPTS, INDEX, REROUTED = 0, 1, 2
"""The inputs, for `StreamTime`."""


class ReroutedReceipt(ProviderReceipt):
    """A receipt that another partition's worker has sent here, where its key belongs."""

    __slots__ = ()


_SOURCE: dict[type, int] = {ProviderReceipt: RECEIPTS, ReceiptIndex: INDEX, ReroutedReceipt: REROUTED}
_TIME: dict[type, int] = {
    ProviderReceipt: ProviderReceipt._fields.index("received_at_ms"),
    ReceiptIndex: ReceiptIndex._fields.index("responded_at_ms"),
    ReroutedReceipt: ProviderReceipt._fields.index("received_at_ms"),
}


@dataclass(slots=True)
class Delta:
    """What a step changed. ``changed`` and ``dropped`` are the state changes, the rest is output.

    ``at`` has for each report the position, among the events of the step, of the one that decided it. ``elsewhere``
    has receipts that belong to another partition, with their keys; ``waiting`` is how many more wait than before.
    """

    reports: list[DeliveryReport] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    orphans: list[OrphanReport] = field(default_factory=list)
    elsewhere: list[tuple[str, ProviderReceipt]] = field(default_factory=list)
    changed: dict[str, Slot] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    events: int = 0
    duplicates: int = 0
    timeouts: int = 0
    misplaced: int = 0
    waiting: int = 0

    def merge(self, later: Delta) -> None:
        """Add what a later step of the same partition changed."""
        self.reports += later.reports
        self.at += later.at
        self.orphans += later.orphans
        self.elsewhere += later.elsewhere
        for key in later.dropped:
            self.changed.pop(key, None)
        self.changed |= later.changed
        self.dropped += later.dropped
        self.events += later.events
        self.duplicates += later.duplicates
        self.timeouts += later.timeouts
        self.misplaced += later.misplaced
        self.waiting += later.waiting


def everywhere(_provider: str, _key: str) -> bool:
    """Say of every key that it belongs here: there is one partition."""
    return True


class Resolver:
    """Finds the messages of one partition's receipts."""

    def __init__(
        self,
        rules: ResolveRules,
        store: StateStore[Slot],
        time: StreamTime | None = None,
        is_home: Callable[[str, str], bool] = everywhere,
    ) -> None:
        """Work by `rules`; `is_home` tells of a provider and a key whether they belong to this partition."""
        self.rules = rules
        self.store = store
        self.time = time or StreamTime()
        self._is_home = is_home

    def step(self, events: Iterable[Any], read_at_ms: int = 0) -> Delta:
        """Take in events, in order; then let pass what stream time has reached.

        Keeping counts from the latest of stream time, the event's own time (stream time lags behind it where another
        input is sparse) and `read_at_ms`, the wall clock's: while a backlog is worked off, stream time is in the past,
        and answers may still be on their way through correlate.
        """
        delta = Delta()
        events = list(events)
        sources = [_SOURCE[event.__class__] for event in events]
        before = self.time.now_ms
        owns = [event[_TIME[event.__class__]] for event in events]
        times, bases = self.time.see(sources, owns)
        for position, (event, now, base, own) in enumerate(zip(events, times, bases, owns, strict=True)):
            until = before if now == before else now - 1
            before = now
            delta.events += 1
            taken = len(delta.reports)
            kept_from = max(base, own, read_at_ms)
            if isinstance(event, ReceiptIndex):
                self._index(event, until, kept_from, delta)
            else:
                self._receipt(event, until, kept_from, delta)
            delta.at += [position] * (len(delta.reports) - taken)
        self._timers(delta)
        delta.at += [len(events)] * (len(delta.reports) - len(delta.at))
        return delta

    def advance_to(self, stream_time_ms: int) -> Delta:
        """Move stream time (all inputs are at their end) and let pass what it reaches."""
        delta = Delta()
        self.time.advance(stream_time_ms)
        self._timers(delta)
        delta.at = [0] * len(delta.reports)
        return delta

    def _index(self, index: ReceiptIndex, until_ms: int, base_ms: int, delta: Delta) -> None:
        provider = index.provider
        keys = [
            k for k in self.rules.ids(provider).answer_keys(index.provider_message_id) if self._is_home(provider, k)
        ]
        if not keys:
            delta.misplaced += 1
        for key in keys:
            slot = self._slot(slot_key(provider, key), until_ms, delta)
            if not slot.add(index, base_ms + self.rules.keeping.index_ms):
                delta.duplicates += 1
                continue
            if slot.parked:
                before = len(slot.parked)
                slot.parked = [parked for parked in slot.parked if not self._decided(slot, parked.receipt, delta)]
                delta.waiting += len(slot.parked) - before
            self._keep(slot, delta)

    def _receipt(self, receipt: ProviderReceipt, until_ms: int, base_ms: int, delta: Delta) -> None:
        provider = receipt.provider
        key = self.rules.ids(provider).receipt_key(receipt.provider_message_id)
        if not isinstance(receipt, ReroutedReceipt) and not self._is_home(provider, key):
            delta.elsewhere.append((key, receipt))
            return
        name = slot_key(provider, key)
        slot = self._known(name, until_ms, delta)
        if slot is not None and self._decided(slot, receipt, delta):
            return
        slot = slot or self._new(name)
        if slot.full:
            delta.orphans.append(orphan(receipt, CROWDED))
            return
        delta.waiting += 1
        slot.parked.append(Parked(ProviderReceipt._make(receipt), base_ms + self.rules.keeping.park_ms))
        self._keep(slot, delta)

    def _decided(self, slot: Slot, receipt: ProviderReceipt, delta: Delta) -> bool:
        """Put out a receipt whose id has recent uses; False where it has none."""
        uses = recent(receipt, possible(receipt, slot.entries, self.rules), self.rules)
        if uses:
            self._put_out(receipt, uses, delta)
        return bool(uses)

    def _put_out(self, receipt: ProviderReceipt, uses: list[Entry], delta: Delta) -> None:
        found = outcome(receipt, uses)
        if isinstance(found, DeliveryReport):
            delta.reports.append(found)
        else:
            delta.orphans.append(orphan(receipt, found))

    # ---- slots and their times -------------------------------------------------------------------------------------

    def _known(self, key: str, until_ms: int, delta: Delta) -> Slot | None:
        """Return the slot of a key, after what passed before the event that asks for it."""
        slot = self.store.get(key)
        if slot is not None and slot.due_ms <= until_ms:
            return self._pass_time(slot, until_ms, delta)
        return slot

    def _slot(self, key: str, until_ms: int, delta: Delta) -> Slot:
        return self._known(key, until_ms, delta) or self._new(key)

    def _new(self, key: str) -> Slot:
        slot = Slot(key)
        self.store.put(slot)
        return slot

    def _keep(self, slot: Slot, delta: Delta) -> None:
        """Note that a slot has changed and when it is due."""
        due = slot.next_due()
        slot.longest_due_ms = max(slot.longest_due_ms, due)
        delta.changed[slot.key] = slot
        if due != slot.due_ms:
            slot.due_ms = due
            self.store.schedule(slot)

    def _timers(self, delta: Delta) -> None:
        now = self.time.now_ms
        while keys := self.store.due(now):
            for key in keys:
                slot = self.store.get(key)
                if slot is not None and slot.due_ms <= now:
                    self._pass_time(slot, now, delta)

    def _pass_time(self, slot: Slot, until_ms: int, delta: Delta) -> Slot | None:
        """Let run out what does, in order; return None where nothing is left."""
        while slot.due_ms <= until_ms:
            now = slot.due_ms
            for parked in slot.parked:
                if parked.until_ms <= now:
                    delta.timeouts += 1
                    delta.waiting -= 1
                    self._put_out(parked.receipt, possible(parked.receipt, slot.entries, self.rules), delta)
            slot.parked = [parked for parked in slot.parked if parked.until_ms > now]
            slot.entries = [entry for entry in slot.entries if entry.drop_at_ms > now]
            if not slot.entries and not slot.parked and slot.longest_due_ms <= now:
                self.store.drop(slot)
                delta.changed.pop(slot.key, None)
                delta.dropped.append(slot.key)
                return None
            self._keep(slot, delta)
        return slot
