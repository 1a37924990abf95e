"""What detect tells of itself: to Prometheus, and to whoever runs it in one process."""

from __future__ import annotations

from dataclasses import dataclass, field

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


@dataclass
class Told:
    """What a worker has read and found since it started. `open`: the last sentence of each anomaly, by its id."""

    records: int = 0
    time_ms: int = 0
    found: int = 0
    open: dict[str, str] = field(default_factory=dict)

    def add(self, anomaly: Anomaly) -> None:
        """Note a record that was written."""
        self.found += anomaly.state == "opened"
        if anomaly.state == "resolved":
            self.open.pop(anomaly.anomaly_id, None)
        else:
            self.open[anomaly.anomaly_id] = anomaly.sentence


class Figures:
    """All that one worker counts."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self.metrics = Metrics()
        self.told = Told()
