"""Where a partition's state is kept: the recent of it in memory, the rest on disk."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from streams.runtime.calendar import HORIZON_MS, Calendar
from streams.runtime.cold import ColdStore
from streams.runtime.processor import Item, Kind

T = TypeVar("T", bound=Item)


class DiskStore(Generic[T]):
    """A `streams.correlator.store.StateStore` whose memory is bounded: the longest kept go to disk first.

    The calendar in memory reaches `HORIZON_MS` ahead. What is due later is found again when the horizon moves: in
    memory by looking through the messages, on disk by the notes that were written with them.
    """

    def __init__(self, path: Path, most_in_memory: int, kind: Kind[T], keep: bool = False) -> None:
        """Open the store at `path`; `keep` to try for a checkpoint, see `checkpoint`."""
        self.messages: dict[str, T] = {}
        self._most = most_in_memory
        self._calendar = Calendar()
        self.horizon_ms = 0
        self._cold = ColdStore(path, kind, keep)
        self.checkpoint: Any | None = self._cold.checkpoint

    def get(self, key: str) -> T | None:
        """Return the item, or None."""
        message = self.messages.get(key)
        return self.recall(key) if message is None else message

    def recall(self, key: str) -> T | None:
        """Bring a message back from disk, or None."""
        message = self._cold.get(key) if self._cold.count else None
        if message is not None:
            self.messages[key] = message
        return message

    @property
    def elsewhere(self) -> bool:
        """Whether any are on disk."""
        return bool(self._cold.count)

    def put(self, message: T) -> None:
        """Keep a new item."""
        self.messages[message.key] = message

    def drop(self, message: T) -> None:
        """Forget an item."""
        self.messages.pop(message.key, None)
        if self._cold.count:
            self._cold.drop(message.key)

    def schedule(self, message: T) -> None:
        """Note when the item is due."""
        if message.due_ms <= self.horizon_ms:
            self._calendar.note(message.due_ms, message.key)

    def due(self, now_ms: int) -> list[str]:
        """Return (and strike out) the keys that are due."""
        if now_ms + HORIZON_MS // 2 > self.horizon_ms:
            self._move_horizon(now_ms + HORIZON_MS)
        return [key for key in self._calendar.take(now_ms) if self._is_due(key, now_ms)]

    def _is_due(self, key: str, now_ms: int) -> bool:
        """Look whether the note still holds, without bringing an item into memory for nothing."""
        message = self.messages.get(key)
        if message is None and self._cold.count:
            message = self._cold.get(key)
            if message is not None and message.due_ms <= now_ms:
                self.messages[key] = message
        return message is not None and message.due_ms <= now_ms

    def _move_horizon(self, until_ms: int) -> None:
        before, self.horizon_ms = self.horizon_ms, until_ms
        for message in self.messages.values():
            if before < message.due_ms <= until_ms:
                self._calendar.note(message.due_ms, message.key)
        for due_ms, key in self._cold.take_due(until_ms):
            self._calendar.note(due_ms, key)

    def spill(self) -> int:
        """Move the longest kept messages to disk if there are too many in memory; return how many moved."""
        surplus = len(self.messages) - self._most
        if surplus <= 0:
            return 0
        surplus += self._most // 10
        oldest = list(islice(self.messages.values(), surplus))
        self._cold.write(oldest, self.horizon_ms)
        for message in oldest:
            del self.messages[message.key]
        return len(oldest)

    def close(self, checkpoint: Any | None = None) -> None:
        """Close; with a note to come back to, everything is on disk afterwards, else nothing is."""
        if checkpoint is not None:
            self._cold.write(self.messages.values(), 0)
            # Those on disk that are due soon were struck out there when the calendar in memory took them over.
            self._cold.note_due(self._calendar.entries())
        self._cold.close(checkpoint)
