"""Runs a worker of detect until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Any

from streams.apps.detect.worker import Detect
from streams.settings import Settings, SettingsError

log = logging.getLogger("sms-streams.detect")

_LOOK_S = 0.1
_STOP_S = 10.0


def run_detect(settings: Settings, stop: threading.Event, detect: Detect | None = None) -> Detect:
    """Run one worker until `stop` is set; raise what made it fail."""
    for library in ("faust", "mode", "aiokafka", "streams.apps.detect"):  # they tell every step
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLogger().level))
    require_port(settings.detect.web_host, settings.detect.web_port)
    made = detect or Detect(settings, stop.is_set)
    asyncio.run(_run(made.app, stop))
    return made


def require_port(host: str, port: int) -> None:
    """Raise `SettingsError` where nothing can listen there (0: nothing is to): Faust would tell by a traceback."""
    if not port:
        return
    try:
        for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind(address)
    except OSError as error:
        raise SettingsError(
            f"detect.web_port: cannot listen on {host}:{port} ({error.strerror}): another worker on this machine? "
            "Choose another one with --web-port, or 0 for none"
        ) from error


async def _run(app: Any, stop: threading.Event) -> None:
    app.finalize()
    try:
        await app.start()
        while not stop.is_set():
            await asyncio.sleep(_LOOK_S)
            if app.crashed:
                raise app.crash_reason or RuntimeError("the Faust application has stopped")
    finally:
        try:
            await asyncio.wait_for(app.stop(), _STOP_S)
        except TimeoutError:
            log.warning("stopping took longer than %.0f s", _STOP_S)
