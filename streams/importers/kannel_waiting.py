"""Refused messages whose code is told by a line still to come (type 16, right behind in the log)."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from streams.importers.matcher import Sent


class Closing(NamedTuple):
    """A refused message: the line, its event, and what it is."""

    where: str
    event: str
    sent: Sent


class _Slot:
    __slots__ = ("closing", "taken")

    def __init__(self, closing: Closing) -> None:
        self.closing, self.taken = closing, False


class Waiting:
    """First come, first served, between the same numbers of one SMSC."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._by_pair: dict[tuple[str, str, str], deque[_Slot]] = {}
        self._order: deque[_Slot] = deque()

    def add(self, closing: Closing) -> None:
        """A refusal whose code may follow."""
        slot, sent = _Slot(closing), closing.sent
        self._by_pair.setdefault((sent.smsc, sent.recipient, sent.sender), deque()).append(slot)
        self._order.append(slot)

    def take(self, smsc: str, recipient: str, sender: str) -> Closing | None:
        """The oldest refusal that a type 16 line with these fields can be about."""
        queue = self._by_pair.get((smsc, recipient, sender))
        if not queue:
            return None
        slot = queue.popleft()
        if not queue:
            del self._by_pair[smsc, recipient, sender]
        slot.taken = True
        while self._order and self._order[0].taken:
            self._order.popleft()
        return slot.closing

    def overdue(self, until_ms: int | None) -> list[Closing]:
        """Refusals logged at or before a moment, which get no code any more; None: all."""
        out: list[Closing] = []
        while self._order and (until_ms is None or self._order[0].closing.sent.at_ms <= until_ms):
            slot = self._order.popleft()
            sent = slot.closing.sent
            if not slot.taken and self.take(sent.smsc, sent.recipient, sent.sender) is not None:
                out.append(slot.closing)
        return out
