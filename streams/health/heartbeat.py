"""A heartbeat: a record of ``sms.route-health`` without a route, which tells how far a source partition has got."""

from __future__ import annotations

from typing import Any, Final

from streams.events import RouteHealth

WINDOW_MS: Final = 10_000
"""Length of the windows of route health, milliseconds."""

_NOTHING: dict[str, Any] = {"refusal_reasons": {}, "failure_reasons": {}, "response_latency": {}, "receipt_latency": {}}
_ZEROS: dict[str, Any] = (
    dict.fromkeys(RouteHealth._fields, 0) | _NOTHING | {"recipients": None, "ranges": {}, "campaign_sample": {}}
)


def heartbeat(source_partition: int, stream_time_ms: int) -> RouteHealth:
    """Return the heartbeat of a source partition at a stream time (epoch milliseconds; 0: not known yet)."""
    known = {
        **_ZEROS,
        **{"account": "", "provider": "", "country": "", "traffic_type": "unknown"},
        "window_start_ms": max(stream_time_ms // WINDOW_MS - 1, 0) * WINDOW_MS,
        "window_ms": WINDOW_MS,
        "source_partition": source_partition,
        "stream_time_ms": stream_time_ms,
    }
    return RouteHealth._make(known[name] for name in RouteHealth._fields)
