"""What detect tells Prometheus, and what it says of its health."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from streams.events import Anomaly


class Metrics:
    """Counters and gauges of one worker."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        own = self._registry = CollectorRegistry()
        self.records = Counter("sms_detect_records", "Records of sms.route-health read", registry=own)
        self.unreadable = Counter("sms_detect_unreadable", "Records that could not be decoded", registry=own)
        self.windows = Counter("sms_detect_rounds", "Rounds in which windows were closed", registry=own)
        self.written = Counter(
            "sms_detect_anomalies", "Records written to sms.anomaly", ["kind", "state"], registry=own
        )
        self.open = Gauge("sms_detect_open_anomalies", "Anomalies open now", ["kind", "severity"], registry=own)
        self.groups = Gauge("sms_detect_groups", "Groups (providers, accounts) held by this worker", registry=own)
        self.stalled = Gauge("sms_detect_stalled_sources", "Sources that are not waited for any more", registry=own)
        self.time = Gauge(
            "sms_detect_stream_time_seconds", "Stream time, seconds since 1970, lowest partition", registry=own
        )
        self._open: dict[str, tuple[str, str]] = {}

    def anomaly(self, anomaly: Anomaly) -> None:
        """Count a record that was written."""
        self.written.labels(anomaly.kind, anomaly.state).inc()
        before = self._open.pop(anomaly.anomaly_id, None)
        if before is not None:
            self.open.labels(*before).dec()
        if anomaly.state != "resolved":
            self._open[anomaly.anomaly_id] = (anomaly.kind, anomaly.severity)
            self.open.labels(anomaly.kind, anomaly.severity).inc()

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)
