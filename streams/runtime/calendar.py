"""When messages are due: a calendar of the near future in memory, by the second."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

HORIZON_MS: Final = 10 * 60 * 1_000
"""How far ahead of stream time the calendar in memory reaches."""
_SLOT_MS: Final = 1_000


class Calendar:
    """Keys by the second in which they are due. A key may stand in it more than once, and wrongly: look again."""

    def __init__(self) -> None:
        """Start empty."""
        self._slots: dict[int, list[tuple[int, str]]] = {}
        self._order: list[int] = []

    def note(self, due_ms: int, key: str) -> None:
        """Note that `key` is due at `due_ms`."""
        slot = due_ms // _SLOT_MS
        noted = self._slots.get(slot)
        if noted is None:
            noted = self._slots[slot] = []
            heapq.heappush(self._order, slot)
        noted.append((due_ms, key))

    def take(self, now_ms: int) -> list[str]:
        """Strike out and return the keys due at `now_ms` or before."""
        found: list[str] = []
        last = now_ms // _SLOT_MS
        while self._order and self._order[0] < last:
            found.extend(key for _, key in self._slots.pop(heapq.heappop(self._order)))
        if self._order and self._order[0] == last:
            noted = self._slots[last]
            found.extend(key for due_ms, key in noted if due_ms <= now_ms)
            noted[:] = [entry for entry in noted if entry[0] > now_ms]
        return found

    def entries(self) -> Iterator[tuple[int, str]]:
        """Yield (due_ms, key) of everything that is noted."""
        for noted in self._slots.values():
            yield from noted
