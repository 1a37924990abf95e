"""HTTP/1.1 with bounds that the server has not by itself: how long headers may take, and how large they may be.

Without them, whoever opens connections and says nothing, or headers without end, uses them up.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEADERS = 65_536
"""Bytes; vendors' are a few hundred, those with a JWT a few thousand."""


def bounded(headers_s: float) -> type[asyncio.Protocol]:
    """Return a protocol whose headers must be there `headers_s` after the connection or the request began."""

    class Bounded(HttpToolsProtocol):
        _timer: asyncio.TimerHandle | None = None
        _waiting = True
        _size = 0

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            super().connection_made(transport)
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._arrived()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            self._size += len(data)
            super().data_received(data)
            if self._waiting and self._size > LARGEST_HEADERS and not self.transport.is_closing():
                self.send_400_response("the headers are too large")

        def on_message_begin(self) -> None:
            super().on_message_begin()
            if not self._waiting:  # not the first of the connection, which began with it
                self._wait()

        def on_headers_complete(self) -> None:
            self._arrived()
            super().on_headers_complete()

        def _wait(self) -> None:
            self._arrived()
            self._waiting, self._size = True, 0
            self._timer = self.loop.call_later(headers_s, self._late)

        def _arrived(self) -> None:
            self._waiting = False
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _late(self) -> None:
            transport: Any = self.transport
            if self._waiting and not transport.is_closing():
                transport.close()

    return Bounded
