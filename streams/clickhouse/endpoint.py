"""Lets other commands read an embedded database while one process holds it: the engine takes one process at a time.

The holder answers on the loopback address. Where, and with which word to ask, stands in a file in the database's
folder that only its owner can read (`streams.clickhouse.remote` finds it). A question is one POST; the answer is JSON,
one value a line, the last one `{"end": true}` or `{"error": ...}`, so that a connection that breaks off is noticed.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from streams.clickhouse.backend import Database, DatabaseDown, DatabaseError
from streams.clickhouse.embedded import EmbeddedDatabase
from streams.clickhouse.remote import ENDPOINT_NAME

_HOST = "127.0.0.1"
_LONGEST_QUESTION = 16 << 20

log = logging.getLogger("sms-streams.endpoint")


@contextlib.contextmanager
def serving(db: EmbeddedDatabase) -> Iterator[str]:
    """Answer other processes' queries from a thread, each on a session of its own; yields the address."""
    token = secrets.token_urlsafe(32)
    server = _Server(db.beside, token)
    address = f"{_HOST}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    file = db.directory / ENDPOINT_NAME
    _announce(file, {"address": address, "token": token})
    try:
        yield address
    finally:
        file.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()
        thread.join()


def _announce(file: Path, content: dict[str, str]) -> None:
    """Write the file in one step, readable by its owner only."""
    new = file.with_suffix(f".{os.getpid()}")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump(content, out)
    new.replace(file)


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a long query of somebody else must not keep us from ending

    def __init__(self, session: Callable[[], Database], token: str) -> None:
        super().__init__((_HOST, 0), _Handler)
        self.session = session
        self.token = token


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Say that we are here."""
        if self._allowed():
            self._begin()
            self._line({"end": True})

    def do_POST(self) -> None:
        """Answer one question."""
        if not self._allowed():
            return
        size = int(self.headers.get("Content-Length") or 0)
        if not 0 < size <= _LONGEST_QUESTION:
            self.send_error(413)
            return
        question = json.loads(self.rfile.read(size))
        self._begin()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # who asked has gone
            self._answer(question)

    def _answer(self, question: dict[str, Any]) -> None:
        db = self.server.session()
        try:
            for value in _values(db, question):
                self._line(value)
            self._line({"end": True})
        except DatabaseError as error:
            self._line({"error": str(error), "code": error.code, "down": isinstance(error, DatabaseDown)})
        finally:
            db.close()

    def _allowed(self) -> bool:
        given = self.headers.get("Authorization", "").encode()
        if hmac.compare_digest(given, f"Bearer {self.server.token}".encode()):
            return True
        self.send_error(403)
        return False

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.end_headers()

    def _line(self, value: Any) -> None:
        self.wfile.write(json.dumps(value).encode() + b"\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: queries are not news."""
        log.debug(format, *args)


def _values(db: Database, question: dict[str, Any]) -> Iterator[Any]:
    """Run what is asked and yield the lines of the answer: a result is one line, a stream one line a block."""
    sql, params = question["sql"], question["params"]
    if question["kind"] == "stream":
        yield from db.stream(sql, params)
    elif question["kind"] == "query":
        yield db.query(sql, params)
    else:
        db.execute(sql, params)
