"""Runs a worker of detect until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

from streams.apps.detect.worker import Detect
from streams.settings import Settings

log = logging.getLogger("sms-streams.detect")

_LOOK_S = 0.1
_STOP_S = 10.0


def run_detect(settings: Settings, stop: threading.Event, detect: Detect | None = None) -> Detect:
    """Run one worker until `stop` is set; raise what made it fail."""
    for library in ("faust", "mode", "aiokafka", "streams.apps.detect"):  # they tell every step
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLogger().level))
    made = detect or Detect(settings, stop.is_set)
    asyncio.run(_run(made.app, stop))
    return made


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
