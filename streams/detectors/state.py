"""The state of a group: what is kept between two calls, in pieces that a table can hold."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from streams.events import RouteHealth


class GroupState:
    """Everything known about one group. Made by its name, or by `load` from the pieces that `changes` gave."""

    def __init__(self, group: str) -> None:
        """Begin a group of which nothing is known."""
        self.group = group
        self._open: dict[tuple[str, str, str, str, int, int], RouteHealth] = {}

    @classmethod
    def load(cls, group: str, pieces: Mapping[str, bytes]) -> GroupState:
        """Make the state from its pieces, by name."""
        state = cls(group)
        if "head" in pieces:
            for record in msgspec.msgpack.decode(pieces["head"], type=list[RouteHealth]):
                state.take(record)
        return state

    def take(self, record: RouteHealth) -> None:
        """Keep a record, unless a newer one of the same key is there."""
        key = (*record[:5], record.source_partition)
        known = self._open.get(key)
        if known is None or known.stream_time_ms <= record.stream_time_ms:
            self._open[key] = record

    def changes(self) -> dict[str, bytes | None]:
        """Return the pieces that are new since the last call; None: the piece is gone."""
        return {"head": msgspec.msgpack.encode(list(self._open.values()))}
