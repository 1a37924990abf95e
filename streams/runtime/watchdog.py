"""Ends the process where the Kafka client hangs, which no exception tells.

Calls of a transaction can block for ever in the client, past the time they were given, when a coordinator goes away
at the wrong moment (librdkafka issues 5456 and 5511). The worker then stands still and nobody knows. What is committed
is safe and the rest is read again, so the cure is the one for every crash: end, and be started again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger("sms-streams.runtime")

EXIT_UNAVAILABLE = 3
_LOOK_EVERY_S = 1.0


def _end(what: str, seconds: float) -> None:
    log.critical("%s did not come back within %.0f s: the Kafka client hangs. Start this worker again", what, seconds)
    logging.shutdown()
    os._exit(EXIT_UNAVAILABLE)


class Watchdog:
    """Watches one thread: what it does under `over` may take `limit_s` seconds, not more."""

    def __init__(self, limit_s: float, bite: Callable[[str, float], None] = _end) -> None:
        """`bite` is called, in a thread of its own, with what takes too long."""
        self._limit_s = limit_s
        self._bite = bite
        self._watched: tuple[str, float] | None = None
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, what: str) -> Iterator[None]:
        """Watch over a call."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, name="watchdog", daemon=True)
            self._thread.start()
        self._watched = (what, time.monotonic())
        try:
            yield
        finally:
            self._watched = None

    def _look(self) -> None:
        while True:
            time.sleep(min(_LOOK_EVERY_S, self._limit_s))
            watched = self._watched
            if watched is not None and time.monotonic() - watched[1] > self._limit_s:
                self._bite(watched[0], self._limit_s)
