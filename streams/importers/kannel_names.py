"""The id of a message of the log: the same in every run over the same lines."""

from __future__ import annotations

from collections import Counter
from hashlib import sha1
from typing import NamedTuple

from streams.importers.joining import Joiner
from streams.importers.kannel_fields import SATURATED, Part, number_key, parse_udh, select
from streams.importers.kannel_format import Line
from streams.importers.kannel_options import Options
from streams.importers.summary import Summary

_MANY = 10_000
GroupKey = tuple[str, str, str, int, int]


class Name(NamedTuple):
    """``new``: the first line of this attempt, so its submit is due. ``part`` None: the whole message."""

    message_id: str
    attempt: int
    part: int | None
    parts: int
    new: bool


class _Group:
    """Segments that a sender split itself: lines with the same reference between the same numbers."""

    __slots__ = ("at_ms", "attempt", "message_id", "seen")

    def __init__(self, message_id: str, attempt: int, at_ms: int) -> None:
        self.message_id, self.attempt, self.at_ms = message_id, attempt, at_ms
        self.seen: set[int] = set()


class Names:
    """Names messages: by the operator's field, else by SMSC and FID, else by the line itself."""

    def __init__(self, options: Options, summary: Summary, joiner: Joiner) -> None:
        """``joiner`` knows which ids were used before."""
        self._options, self._summary, self._joiner = options, summary, joiner
        self._groups: dict[GroupKey, _Group] = {}
        self._attempts: Counter[str] = Counter()
        self._lines: Counter[bytes] = Counter()
        self._second = ""

    def name(self, where: str, line: Line, at_ms: int, raw: bytes) -> Name:
        """The name of the message that a line closes."""
        part = parse_udh(line.udh) if line.udh else None
        if part is not None:
            return self._segment(where, line, part, at_ms, raw)
        chosen = self._chosen(where, line)
        if chosen:
            return Name(chosen, self._attempt(line, chosen), None, 1, True)
        return Name(self._own(line, raw), 1, None, 1, True)

    def _chosen(self, where: str, line: Line) -> str:
        if not self._options.message_id:
            return ""
        chosen = select(self._options.message_id, line)
        if not chosen:
            self._summary.no("message_id", where)
        return chosen

    def _attempt(self, line: Line, chosen: str) -> int:
        """With the sender's own ids a second line of one id is the next attempt."""
        key = f"{select(self._options.account, line)}\0{chosen}"
        self._attempts[key] += 1
        return self._attempts[key]

    def _own(self, line: Line, raw: bytes) -> str:
        if not line.fid or line.fid == SATURATED:
            return f"{line.smsc}:{self._digest(line, raw)}"
        if self._joiner.with_id(line.smsc, line.fid):
            return f"{line.smsc}:{line.fid}:{_digits(line)}"  # the SMSC used this id before
        return f"{line.smsc}:{line.fid}"

    def _digest(self, line: Line, raw: bytes) -> str:
        """Of the line itself; lines that are equal to the last byte are counted."""
        if line.time_text and line.time_text != self._second:
            self._second = line.time_text
            self._lines.clear()
        digest = sha1(raw, usedforsecurity=False).digest()
        self._lines[digest] += 1
        again = self._lines[digest]
        return digest.hex()[:16] + (f"-{again}" if again > 1 else "")

    def _segment(self, where: str, line: Line, part: Part, at_ms: int, raw: bytes) -> Name:
        """A line of a message that was split before Kannel saw it: all its lines are one message."""
        key = (line.smsc, number_key(line.sender), number_key(line.recipient), part.ref, part.parts)
        group = self._groups.get(key)
        fresh = group is None or part.part in group.seen or at_ms - group.at_ms > self._options.parts_window_ms
        if group is None or fresh:
            group = self._start(where, line, key, at_ms, raw)
        group.seen.add(part.part)
        if len(group.seen) == part.parts:
            del self._groups[key]
        return Name(group.message_id, group.attempt, part.part, part.parts, fresh)

    def _start(self, where: str, line: Line, key: GroupKey, at_ms: int, raw: bytes) -> _Group:
        if len(self._groups) > _MANY:
            oldest = at_ms - self._options.parts_window_ms
            self._groups = {one: group for one, group in self._groups.items() if group.at_ms >= oldest}
        chosen = self._chosen(where, line)
        attempt = self._attempt(line, chosen) if chosen else 1
        message_id = chosen or f"{line.smsc}:parts-{self._digest(line, raw)}"
        group = self._groups[key] = _Group(message_id, attempt, at_ms)
        return group


def _digits(line: Line) -> str:
    return "".join(one for one in line.time_text or line.created_text if one.isdigit()) or str(line.created_s)
