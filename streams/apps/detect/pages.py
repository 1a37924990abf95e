"""The pages of detect: /health and /metrics, on Faust's own server."""

from __future__ import annotations

from typing import Any

from streams.apps.detect.figures import Metrics
from streams.apps.detect.watch import Watch


def add_pages(app: Any, watch: Watch, counted: Metrics) -> None:
    """Add them to the application."""

    async def health(view: Any, request: Any) -> Any:
        working = app.tables.recovery.completed.is_set() and not app.rebalancing
        answer = {
            "status": "working" if working else "starting",
            "partitions": sorted(watch.hosts),
            "stream_time_ms": min((held.host.progress.time_ms for held in watch.hosts.values()), default=0),
        }
        return view.json(answer, status=200 if working else 503)

    async def metrics(view: Any, request: Any) -> Any:
        return view.bytes(counted.text(), content_type="text/plain")

    app.page("/health")(health)
    app.page("/metrics")(metrics)
