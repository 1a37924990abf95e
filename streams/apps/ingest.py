"""The ingest endpoint, from the configuration."""

from __future__ import annotations

import threading

from streams.apps.correlate import registry_of
from streams.ingest.server import serve
from streams.settings import Settings


def run_ingest(settings: Settings, stop: threading.Event) -> None:
    """Serve until `stop` is set."""
    serve(settings, stop, registry_of(settings))
