"""What the cores need of the place where their state is kept, and the plain one in memory."""

from __future__ import annotations

import heapq
from typing import Generic, Protocol, TypeVar

from streams.correlator.message import Message


class Item(Protocol):
    """One piece of state: its key, and when time next has something to do with it (epoch milliseconds UTC)."""

    key: str
    due_ms: int


T = TypeVar("T", bound=Item)


class StateStore(Protocol[T]):
    """Items by key, and a calendar of when they are due."""

    messages: dict[str, T]
    """Those in memory; new ones are put here."""

    horizon_ms: int
    """Up to when items must be noted in the calendar; what is due later is found again without."""

    @property
    def elsewhere(self) -> bool:
        """Whether any are not in memory, so that `get` is worth asking for one that is not."""

    def get(self, key: str) -> T | None:
        """Return the item, wherever it is, or None."""

    def put(self, message: T) -> None:
        """Keep an item."""

    def drop(self, message: T) -> None:
        """Forget an item."""

    def schedule(self, message: T) -> None:
        """Note in the calendar that the item is due at its ``due_ms``; earlier notes stay and do no harm."""

    def due(self, now_ms: int) -> list[str]:
        """Return (and strike out) the keys noted for `now_ms` or before."""


Store = StateStore[Message]
"""The messages of a partition."""


class MemoryStore(Generic[T]):
    """Everything in memory: for tests and small replays."""

    def __init__(self) -> None:
        """Start empty."""
        self.messages: dict[str, T] = {}
        self.horizon_ms = 1 << 62
        self.elsewhere = False
        self._calendar: list[tuple[int, str]] = []

    def get(self, key: str) -> T | None:
        """Return the item, or None."""
        return self.messages.get(key)

    def put(self, message: T) -> None:
        """Keep a new item."""
        self.messages[message.key] = message

    def drop(self, message: T) -> None:
        """Forget an item."""
        self.messages.pop(message.key, None)

    def schedule(self, message: T) -> None:
        """Note when the item is due."""
        heapq.heappush(self._calendar, (message.due_ms, message.key))

    def due(self, now_ms: int) -> list[str]:
        """Return the keys that are due."""
        found = []
        while self._calendar and self._calendar[0][0] <= now_ms:
            found.append(heapq.heappop(self._calendar)[1])
        return found
