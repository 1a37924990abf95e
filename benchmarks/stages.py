"""Where the time goes: the worker's methods wrapped with the clock of the main thread.

Only for the run that shows the breakdown: the wrappers cost a little, so the headline figures come from other runs.
Every stage's time is its own, without the stages it calls. What is done for single records (encode, produce) is not
timed one by one: the records of a batch are collected and handed to the client in one go, which is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from streams.runtime import reading
from streams.runtime.healthlog import HealthLog
from streams.runtime.inputs import Inputs
from streams.runtime.output import Output
from streams.runtime.partition import Partition
from streams.runtime.transaction import Transactions
from streams.runtime.worker import CorrelateWorker

STAGES = ("consume", "decode", "intake", "align", "join", "health", "encode", "produce", "changelog", "commit", "other")
"""In the order in which an event passes them. `other`: what the loop does besides."""
CLIENT = "client threads"
"""What librdkafka's own threads do meanwhile: fetch, decompress, compress, send."""

HOOKS: list[tuple[str, Any, str]] = [
    ("decode", reading, "decode_events"),
    ("intake", CorrelateWorker, "_intake"),
    ("align", Inputs, "take"),
    ("join", Partition, "work"),
    ("health", HealthLog, "end_step"),
    ("health", Output, "told"),
    ("encode", Output, "delta"),
    ("encode", Output, "dead_letters"),
    ("changelog", Output, "changelog"),
    ("commit", Transactions, "commit"),
]
"""Stage, owner and name of what is timed."""
WRITES = ("delta", "told", "dead_letters", "changelog")
"""The methods of `Output` that produce."""


class Stages:
    """Adds up the time of each stage, in nanoseconds of the main thread."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.spent: dict[str, int] = dict.fromkeys(STAGES, 0)
        self._open: list[str] = ["other"]
        self._since = time.thread_time_ns()

    def _switch(self) -> None:
        now = time.thread_time_ns()
        self.spent[self._open[-1]] += now - self._since
        self._since = now

    def timed(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return `call` with its time counted for `stage`."""

        def wrapped(*arguments: Any, **named: Any) -> Any:
            self._switch()
            self._open.append(stage)
            try:
                return call(*arguments, **named)
            finally:
                self._switch()
                self._open.pop()

        return wrapped

    def reading(self) -> dict[str, int]:
        """Return what was spent so far."""
        self._switch()
        return dict(self.spent)


class TimedConsumer:
    """A consumer whose `consume` is timed; everything else goes through."""

    def __init__(self, consumer: Any, stages: Stages) -> None:
        """Stand for `consumer`."""
        self._consumer = consumer
        self.consume = stages.timed("consume", consumer.consume)

    def __getattr__(self, name: str) -> Any:
        """Hand everything else to the consumer."""
        return getattr(self._consumer, name)


class Collector:
    """Stands for a producer while `Output` writes, and keeps the records."""

    def __init__(self, producer: Any) -> None:
        """Start empty, in place of `producer`."""
        self.records: list[tuple[Any, ...]] = []
        self._producer = producer

    def __getattr__(self, name: str) -> Any:
        """Hand everything else to the producer."""
        return getattr(self._producer, name)

    def produce(self, *record: Any) -> None:
        """Keep a record."""
        self.records.append(record)

    def hand_over(self, producer: Any) -> None:
        """Produce all of them."""
        for record in self.records:
            while True:
                try:
                    producer.produce(*record)
                    break
                except BufferError:
                    producer.poll(0.1)


def collected(stages: Stages, call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of `Output` that collects its records, and then produces them in one go, which is timed."""

    def wrapped(output: Any, *arguments: Any) -> Any:
        producer, collector = output.producer, Collector(output.producer)
        output.producer = collector
        try:
            result = call(output, *arguments)
        finally:
            output.producer = producer
        stages.timed("produce", collector.hand_over)(producer)
        return result

    return wrapped


def install(worker: CorrelateWorker) -> Stages:
    """Time the stages of a worker that has not started yet; once in a process."""
    stages = Stages()
    for stage, owner, name in HOOKS:
        setattr(owner, name, stages.timed(stage, getattr(owner, name)))
    for name in WRITES:
        setattr(Output, name, collected(stages, getattr(Output, name)))
    vars(worker)["_consumer"] = TimedConsumer(vars(worker)["_consumer"], stages)
    return stages
