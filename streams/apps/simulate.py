"""`simulate`: realistic traffic to Kafka, or as lines of JSON for `replay`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from streams.codec.avro import Encoder
from streams.codec.schemas import Registry
from streams.events import DELIVERY_REPORT, PROVIDER_RECEIPT, SUBMIT, SUBMIT_RESPONSE
from streams.kafka.asking import require_topics
from streams.kafka.client import describe_error, producer_options
from streams.simulator import Arrival

_TOPICS = (SUBMIT, SUBMIT_RESPONSE, DELIVERY_REPORT, PROVIDER_RECEIPT)
_PROGRESS_S = 0.5
_PATIENCE_S = 30.0  # how long records that are on their way are waited for at the end
_LOOK_EVERY = 64  # events between two looks at the clock when sending as fast as possible


@dataclass
class Totals:
    """What was sent so far. `failed` counts records that Kafka did not take, `errors` tells why."""

    by_topic: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    event_time_ms: int = 0  # arrival time of the last record, epoch milliseconds UTC
    seconds: float = 0.0
    stopped: bool = False

    @property
    def events(self) -> int:
        """Records handed over, those that failed included."""
        return self.by_topic.total()


class Sink(Protocol):
    """Where arrivals go."""

    def send(self, arrival: Arrival) -> None:
        """Take one record; may wait while the receiver is slow."""

    def serve(self) -> None:
        """Look after what is under way; called often."""

    def close(self, totals: Totals) -> None:
        """Finish, and note in the totals what did not get through."""


class KafkaSink:
    """Sends to the input topics. Each record is keyed as they say and keeps its order by key."""

    def __init__(self, options: Mapping[str, Any], prefix: str = "", registry: Registry | None = None) -> None:
        """Connect with Kafka client options; `prefix` goes before the topics' names."""
        self._errors: Counter[str] = Counter()
        self._failed = 0
        only_errors = {"delivery.report.only.error": True, "on_delivery": self._delivered}
        own = producer_options(options) | only_errors
        require_topics(options, [prefix + topic for topic in _TOPICS], _PATIENCE_S)
        self._producer = Producer(own)
        self._writers = {topic: (prefix + topic, Encoder(topic, registry).encode) for topic in _TOPICS}

    def send(self, arrival: Arrival) -> None:
        """Queue one record; waits while the queue is full."""
        topic, encode = self._writers[arrival.topic]
        value, key = encode(arrival.record), arrival.key
        while True:
            try:
                self._producer.produce(topic, value, key)
                return
            except BufferError:
                self._producer.poll(0.1)

    def serve(self) -> None:
        """Take delivery errors."""
        self._producer.poll(0)

    def close(self, totals: Totals) -> None:
        """Wait for what is under way."""
        left = self._producer.flush(_PATIENCE_S)
        if left:
            self._errors[f"not taken by Kafka within {_PATIENCE_S:.0f} s"] += left
        totals.failed = self._failed + left
        totals.errors = self._errors

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failed += 1
            self._errors[describe_error(error)] += 1


class NdjsonSink:
    """Writes one JSON object a line, in the order of arrival: what `replay` reads."""

    def __init__(self, file: BinaryIO) -> None:
        """Write to an open file, which stays open."""
        self._file = file
        self._encoder = msgspec.json.Encoder()

    def send(self, arrival: Arrival) -> None:
        """Write one line; fields that are null are left out."""
        fields = {name: value for name, value in arrival.record._asdict().items() if value is not None}
        self._file.write(self._encoder.encode({"topic": arrival.topic, **fields}) + b"\n")

    def serve(self) -> None:
        """Nothing is under way."""

    def close(self, totals: Totals) -> None:
        """Leave nothing in the buffer."""
        self._file.flush()


class Pace:
    """When the next record may go: by event time (`speed` times as fast), by a rate, or at once."""

    def __init__(self, speed: float | None = None, events_per_s: float | None = None) -> None:
        """Set at most one of the two; neither: as fast as possible."""
        if speed is not None and events_per_s is not None:
            raise ValueError("give a speed (of event time) or a rate (events a second), not both")
        if min(speed or 1.0, events_per_s or 1.0) <= 0:
            raise ValueError("a speed or a rate must be more than 0")
        self._speed, self._rate = speed, events_per_s
        self._first_ms: int | None = None

    @property
    def free(self) -> bool:
        """Whether there is nothing to wait for."""
        return self._speed is None and self._rate is None

    def due_s(self, number: int, at_ms: int) -> float:
        """Seconds after the start at which record `number` (from 0), arriving at `at_ms` of event time, is due."""
        if self._rate is not None:
            return number / self._rate
        if self._speed is None:
            return 0.0
        if self._first_ms is None:
            self._first_ms = at_ms
        return (at_ms - self._first_ms) / 1000 / self._speed


def simulate(
    traffic: Iterable[Arrival],
    sink: Sink,
    *,
    pace: Pace | None = None,
    until_ms: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[Totals], object] | None = None,
) -> Totals:
    """Send the traffic until it ends, `stop()` says so, or arrivals are later than `until_ms` (event time).

    `on_progress` is called about twice a second. Whatever ends it, what was sent is waited for.
    """
    pace = pace or Pace()
    totals = Totals()
    clock = _Clock(totals, sink, stop, on_progress)
    try:
        for number, arrival in enumerate(traffic):
            if until_ms is not None and arrival.at_ms > until_ms:
                break
            if not clock.wait_until(0.0 if pace.free else pace.due_s(number, arrival.at_ms), number):
                totals.stopped = True
                break
            sink.send(arrival)
            totals.by_topic[arrival.topic] += 1
            totals.event_time_ms = arrival.at_ms
    finally:
        sink.close(totals)
        clock.report()
    return totals


class _Clock:
    """Waits, and meanwhile serves the sink, reports progress and looks whether to stop."""

    def __init__(
        self, totals: Totals, sink: Sink, stop: Callable[[], bool], on_progress: Callable[[Totals], object] | None
    ) -> None:
        self._totals, self._sink, self._stop, self._on_progress = totals, sink, stop, on_progress
        self._start = time.monotonic()
        self._next_report = self._start + _PROGRESS_S

    def wait_until(self, due_s: float, number: int) -> bool:
        """Return when `due_s` seconds have passed since the start; False: stop."""
        if due_s == 0.0 and number % _LOOK_EVERY:
            return True
        while True:
            self._sink.serve()
            if self._stop():
                return False
            now = time.monotonic()
            if now >= self._next_report:
                self._next_report = now + _PROGRESS_S
                self.report()
            left_s = self._start + due_s - now
            if left_s <= 0:
                return True
            time.sleep(min(left_s, 0.1))

    def report(self) -> None:
        """Tell how far it is."""
        self._totals.seconds = time.monotonic() - self._start
        if self._on_progress is not None:
            self._on_progress(self._totals)
