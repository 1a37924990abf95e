"""State on disk: an LMDB file per partition, a local copy of what the changelog holds anyway.

It is never the truth: after a crash it is thrown away and read anew from the changelog. Only a clean close leaves a
checkpoint beside it, with the changelog offset up to which it holds. Opening the store takes the checkpoint away, so
that it never stands beside what was written after it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Any, Generic, TypeVar

import lmdb
import msgspec

from streams.runtime.processor import Item, Kind

_MAP_BYTES = 1 << 40
_LONGEST_KEY = 480
_CHECKPOINT = "checkpoint"
_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode


T = TypeVar("T", bound=Item)


class ColdStore(Generic[T]):
    """Packed items by key, and those keys by when they are due."""

    def __init__(self, path: Path, kind: Kind[T], keep: bool) -> None:
        """Open the store at `path`; without `keep`, or without a checkpoint, what is there is thrown away first."""
        self._path = path
        self._kind = kind
        self.checkpoint: Any | None = _take_checkpoint(path, kind.format) if keep else None
        if self.checkpoint is None:
            shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True, exist_ok=True)
        self._env = lmdb.open(
            str(path), map_size=_MAP_BYTES, max_dbs=2, sync=False, metasync=False, lock=False, writemap=False
        )
        self._messages = self._env.open_db(b"messages")
        self._due = self._env.open_db(b"due")
        self._txn = self._env.begin(write=True)
        self.count: int = self._txn.stat(self._messages)["entries"]

    def get(self, key: str) -> T | None:
        """Read an item."""
        data = self._txn.get(_name(key), db=self._messages)
        return None if data is None else self._kind.unpack(_decode(data))

    def write(self, items: Iterable[T], noted_until_ms: int) -> None:
        """Write items; those due after `noted_until_ms` are also noted by when they are due."""
        put = self._txn.put
        for name, item in sorted(((_name(item.key), item) for item in items), key=itemgetter(0)):
            put(name, _encode(item.pack()), db=self._messages)
            if item.due_ms > noted_until_ms:
                put(item.due_ms.to_bytes(8, "big") + name, item.key.encode(), db=self._due)
        self._renew()

    def drop(self, key: str) -> None:
        """Delete an item."""
        self._txn.delete(_name(key), db=self._messages)

    def take_due(self, until_ms: int) -> list[tuple[int, str]]:
        """Strike out and return (due_ms, key) of what is noted for `until_ms` or before."""
        found = []
        with self._txn.cursor(db=self._due) as cursor:
            while cursor.first() and int.from_bytes(cursor.key()[:8], "big") <= until_ms:
                found.append((int.from_bytes(cursor.key()[:8], "big"), cursor.value().decode()))
                cursor.delete()
        return found

    def _renew(self) -> None:
        self._txn.commit()
        self._txn = self._env.begin(write=True)
        self.count = self._txn.stat(self._messages)["entries"]

    def note_due(self, entries: Iterable[tuple[int, str]]) -> None:
        """Note keys by when they are due; a note that does not hold any more does no harm."""
        for due_ms, key in entries:
            self._txn.put(due_ms.to_bytes(8, "big") + _name(key), key.encode(), db=self._due)

    def close(self, checkpoint: Any | None = None) -> None:
        """Close the file; `checkpoint` is the note that makes it usable again."""
        self._txn.commit()
        if checkpoint is not None:
            self._env.sync(True)
        self._env.close()
        if checkpoint is None:
            shutil.rmtree(self._path, ignore_errors=True)
        else:
            _leave_checkpoint(self._path, self._kind.format, checkpoint)


def _take_checkpoint(path: Path, format_: int) -> Any | None:
    """Return the note that a clean close left, once; None where there is none that this version can use."""
    file = path / _CHECKPOINT
    try:
        kind, note = _decode(file.read_bytes())
    except (OSError, ValueError, msgspec.DecodeError):
        return None
    file.unlink()
    _sync_folder(path)
    return note if kind == format_ else None


def _leave_checkpoint(path: Path, format_: int, note: Any) -> None:
    """Write the note as a whole or not at all."""
    fresh = path / f"{_CHECKPOINT}.new"
    with fresh.open("wb") as file:
        file.write(_encode((format_, note)))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path / _CHECKPOINT)
    _sync_folder(path)


def _sync_folder(path: Path) -> None:
    """Make sure that the folder's entries are on disk, on systems that can."""
    with suppress(OSError):
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _name(key: str) -> bytes:
    """Return the key as LMDB takes it: bytes, not too long."""
    name = key.encode()
    if len(name) <= _LONGEST_KEY:
        return name
    return name[:400] + hashlib.blake2b(name, digest_size=32).digest()
