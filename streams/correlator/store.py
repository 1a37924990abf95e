"""What the correlator needs of the place where messages are kept, and the plain one in memory."""

from __future__ import annotations

import heapq
from typing import Protocol

from streams.correlator.message import Message


class Store(Protocol):
    """Messages by key, and a calendar of when they are due."""

    messages: dict[str, Message]
    """Those in memory; new ones are put here."""

    horizon_ms: int
    """Up to when messages must be noted in the calendar; what is due later is found again without."""

    def get(self, key: str) -> Message | None:
        """Return the message, wherever it is, or None."""

    def put(self, message: Message) -> None:
        """Keep a message."""

    def drop(self, message: Message) -> None:
        """Forget a message."""

    def schedule(self, message: Message) -> None:
        """Note in the calendar that the message is due at its ``due_ms``; earlier notes stay and do no harm."""

    def due(self, now_ms: int) -> list[str]:
        """Return (and strike out) the keys noted for `now_ms` or before."""


class MemoryStore:
    """Everything in memory: for tests and small replays."""

    def __init__(self) -> None:
        """Start empty."""
        self.messages: dict[str, Message] = {}
        self.horizon_ms = 1 << 62
        self._calendar: list[tuple[int, str]] = []

    def get(self, key: str) -> Message | None:
        """Return the message, or None."""
        return self.messages.get(key)

    def put(self, message: Message) -> None:
        """Keep a new message."""
        self.messages[message.key] = message

    def drop(self, message: Message) -> None:
        """Forget a message."""
        self.messages.pop(message.key, None)

    def schedule(self, message: Message) -> None:
        """Note when the message is due."""
        heapq.heappush(self._calendar, (message.due_ms, message.key))

    def due(self, now_ms: int) -> list[str]:
        """Return the keys that are due."""
        found = []
        while self._calendar and self._calendar[0][0] <= now_ms:
            found.append(heapq.heappop(self._calendar)[1])
        return found
