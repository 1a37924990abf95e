"""What is known of one key: the messages its ids mean, and the receipts that wait for one."""

from __future__ import annotations

from typing import Any, NamedTuple

from streams.events import ProviderReceipt, ReceiptIndex

PACKED_FORMAT = 1
MOST_ENTRIES = 50
"""Uses of one key that are remembered; of more the latest. Two in the same time are ambiguous already."""
MOST_PARKED, MOST_PARKED_TEXT = 300, 300_000
"""Receipts (and characters of text in them) that wait under one key; more than a message can bring are nobody's."""


class Entry(NamedTuple):
    """An answer that brought the id (``answer_id``, as written there), and until when it is known."""

    answer_id: str
    account: str
    message_id: str
    attempt: int
    part: int | None
    responded_at_ms: int
    drop_at_ms: int


class Parked(NamedTuple):
    """A receipt that waits, and until when."""

    receipt: ProviderReceipt
    until_ms: int


class Slot:
    """State of one key. ``due_ms`` and ``longest_due_ms`` as in `streams.correlator.message.Message`."""

    __slots__ = ("due_ms", "entries", "key", "longest_due_ms", "parked")

    def __init__(self, key: str) -> None:
        """Start with nothing known."""
        self.key = key
        self.entries: list[Entry] = []
        self.parked: list[Parked] = []
        self.due_ms = 0
        self.longest_due_ms = 0

    def add(self, index: ReceiptIndex, drop_at_ms: int) -> bool:
        """Take in that an answer brought the id; False where that was known. Of copies the earliest answer stands."""
        entry = Entry(*index[1:], drop_at_ms)
        for place, known in enumerate(self.entries):
            if known[:5] == entry[:5]:
                if known.responded_at_ms <= entry.responded_at_ms:
                    return False
                self.entries[place] = known._replace(responded_at_ms=entry.responded_at_ms)
                return True
        self.entries.append(entry)
        if len(self.entries) > MOST_ENTRIES:
            self.entries.remove(min(self.entries, key=age))
        return True

    @property
    def full(self) -> bool:
        """Tell whether no more receipts may wait here: an id like "0" must not grow without end."""
        many, text = len(self.parked), sum(len(parked.receipt.text) for parked in self.parked)
        return many >= MOST_PARKED or text >= MOST_PARKED_TEXT

    def next_due(self) -> int:
        """Return when something of it runs out, or when the empty slot may be forgotten."""
        if len(self.entries) == 1 and not self.parked:
            return self.entries[0].drop_at_ms
        times = [entry.drop_at_ms for entry in self.entries]
        times += [parked.until_ms for parked in self.parked]
        return min(times, default=self.longest_due_ms)

    def pack(self) -> tuple[Any, ...]:
        """Return the state as values that msgpack knows, for the changelog and the disk."""
        parked = [(list(p.receipt), p.until_ms) for p in self.parked]
        return (self.key, [list(e) for e in self.entries], parked, self.due_ms, self.longest_due_ms)

    @classmethod
    def unpack(cls, packed: tuple[Any, ...] | list[Any]) -> Slot:
        """Rebuild a slot from what `pack` gave."""
        slot = cls(packed[0])
        slot.entries = [Entry._make(values) for values in packed[1]]
        slot.parked = [Parked(ProviderReceipt._make(values), until) for values, until in packed[2]]
        slot.due_ms, slot.longest_due_ms = packed[3], packed[4]
        return slot


def slot_key(provider: str, key: str) -> str:
    """Return the key of a slot among all of a partition."""
    return f"{provider}\x00{key}"


def age(entry: Entry) -> tuple[Any, ...]:
    """Order of the uses of an id; the last is the latest."""
    return (entry.responded_at_ms, entry.account, entry.message_id, entry.attempt, entry.part or 0)
