"""The ingest endpoint, from the configuration."""

from __future__ import annotations

import os
import threading
from collections import Counter

from streams.apps.correlate import registry_of
from streams.ingest.again import READABLE, read_again
from streams.ingest.receivers import receivers_of
from streams.ingest.server import serve
from streams.settings import Settings


def run_ingest(settings: Settings, stop: threading.Event) -> None:
    """Serve until `stop` is set."""
    serve(settings, stop, registry_of(settings))


def ingest_again(settings: Settings, reasons: tuple[str, ...] = ()) -> Counter[str]:
    """Read the bodies that were put aside again; return what became of them."""
    return read_again(
        receivers_of(settings, os.environ),
        settings.catalog,
        settings.kafka,
        prefix=settings.topic_prefix,
        registry=registry_of(settings),
        reasons=reasons or READABLE,
    )
