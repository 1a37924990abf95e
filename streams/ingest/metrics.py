"""What the endpoint counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "(other)"
"""The provider label of requests that are nobody's: their names are not ours, and there is no end of them."""


class Metrics:
    """The endpoint's own registry, so that two in one process do not meet."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "sms_ingest_requests", "Requests, by what became of them", ["provider", "result"], registry=self.registry
        )
        self.events = Counter(
            "sms_ingest_events",
            "Delivery reports acknowledged by Kafka",
            ["provider", "status"],
            registry=self.registry,
        )
        self.dead_letters = Counter(
            "sms_ingest_dead_letters", "Bodies and records put aside", ["provider", "reason"], registry=self.registry
        )
        self.not_kept = Counter(
            "sms_ingest_not_kept", "Refused bodies beyond the bound of what is put aside", registry=self.registry
        )
        self.seconds = Histogram(
            "sms_ingest_seconds",
            "Time from a request's arrival to its answer",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
            registry=self.registry,
        )
        self.under_way = Gauge("sms_ingest_records_under_way", "Records that wait for Kafka", registry=self.registry)
        self.kafka_up = Gauge("sms_ingest_kafka_up", "1 if the last records were acknowledged", registry=self.registry)

    def text(self) -> bytes:
        """Return what Prometheus reads."""
        return generate_latest(self.registry)
