"""Messages on disk: an LMDB file per partition, a local copy of what the changelog holds anyway.

It is never the truth: after a crash it is thrown away and read anew from the changelog. Only a clean close leaves a
checkpoint, with the changelog offset up to which it holds.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import lmdb
import msgspec

from streams.correlator.message import PACKED_FORMAT, Message

_MAP_BYTES = 1 << 40
_LONGEST_KEY = 480
_CHECKPOINT = b"\x00checkpoint"
_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode


class ColdStore:
    """Packed messages by key, and those keys by when they are due."""

    def __init__(self, path: Path, keep: bool) -> None:
        """Open the store at `path`; without `keep` whatever is there is thrown away first."""
        self._path = path
        if not keep:
            shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True, exist_ok=True)
        self._env = lmdb.open(
            str(path), map_size=_MAP_BYTES, max_dbs=3, sync=False, metasync=False, lock=False, writemap=False
        )
        self._messages = self._env.open_db(b"messages")
        self._due = self._env.open_db(b"due")
        self._meta = self._env.open_db(b"meta")
        self._txn = self._env.begin(write=True)
        self.count: int = self._txn.stat(self._messages)["entries"]

    def get(self, key: str) -> Message | None:
        """Read a message."""
        data = self._txn.get(_name(key), db=self._messages)
        return None if data is None else Message.unpack(_decode(data))

    def write(self, messages: Iterable[Message], noted_until_ms: int) -> None:
        """Write messages; those due after `noted_until_ms` are also noted by when they are due."""
        put = self._txn.put
        for name, message in sorted((_name(m.key), m) for m in messages):
            put(name, _encode(message.pack()), db=self._messages)
            if message.due_ms > noted_until_ms:
                put(message.due_ms.to_bytes(8, "big") + name, message.key.encode(), db=self._due)
        self._renew()

    def drop(self, key: str) -> None:
        """Delete a message."""
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

    def take_checkpoint(self) -> Any | None:
        """Return the note a clean close left, once: it does not hold any more when this store is written to."""
        data = self._txn.get(_CHECKPOINT, db=self._meta)
        self._txn.delete(_CHECKPOINT, db=self._meta)
        self._txn.commit()
        self._env.sync(True)
        self._txn = self._env.begin(write=True)
        if data is None:
            return None
        kind, note = _decode(data)
        return note if kind == PACKED_FORMAT else None

    def close(self, checkpoint: Any | None = None) -> None:
        """Close the file; `checkpoint` is the note that makes it usable again."""
        if checkpoint is not None:
            self._txn.put(_CHECKPOINT, _encode((PACKED_FORMAT, checkpoint)), db=self._meta)
        self._txn.commit()
        if checkpoint is not None:
            self._env.sync(True)
        self._env.close()
        if checkpoint is None:
            shutil.rmtree(self._path, ignore_errors=True)


def _name(key: str) -> bytes:
    """Return the key as LMDB takes it: bytes, not too long."""
    name = key.encode()
    if len(name) <= _LONGEST_KEY:
        return name
    return name[:400] + hashlib.blake2b(name, digest_size=32).digest()
