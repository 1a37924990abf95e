"""What `replay` has done in a database: which files, so that running it again changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec


class File(msgspec.Struct, kw_only=True):
    """A file that was replayed: what it held, and where its events stand in ``sms.events``."""

    path: str
    sha256: str
    size: int
    lines: int = 0
    first_offset: int
    events: int = 0
    state: Literal["begun", "done"] = "begun"


class AsOf(msgspec.Struct, kw_only=True):
    """Stream time was moved when the events before `offset` had been read; that gave ``events`` more, from there."""

    as_of_ms: int
    offset: int
    events: int = 0


class Content(msgspec.Struct):
    """The journal's content."""

    files: list[File] = []
    moves: list[AsOf] = []


class InterruptedReplayError(RuntimeError):
    """A replay was cut off and has to be finished first."""


class Journal:
    """The journal of one database, in a JSON file that is written anew as a whole."""

    def __init__(self, folder: Path) -> None:
        """Read the journal of the database in `folder`."""
        self._path = folder / "replay-journal.json"
        data = self._path.read_bytes() if self._path.is_file() else b"{}"
        self.content = msgspec.json.decode(data, type=Content)

    @property
    def next_offset(self) -> int:
        """Where the next file's events begin."""
        files = [f.first_offset + f.events for f in self.content.files if f.state == "done"]
        return max([0, *files, *(move.offset + move.events for move in self.content.moves)])

    def interrupted(self) -> File | None:
        """Return the file whose replay was cut off, if any."""
        return next((f for f in self.content.files if f.state == "begun"), None)

    def same(self, sha256: str) -> File | None:
        """Return the file with this content, if it was replayed."""
        return next((f for f in self.content.files if f.sha256 == sha256 and f.state == "done"), None)

    def done(self) -> list[File]:
        """Return the files that were replayed, in order."""
        return [f for f in self.content.files if f.state == "done"]

    def write(self) -> None:
        """Write the journal; a crash leaves either the old or the new one."""
        text = msgspec.json.format(msgspec.json.encode(self.content), indent=1)
        beside = self._path.with_suffix(".new")
        beside.write_bytes(text)
        beside.replace(self._path)
