"""Where the time goes: the worker's methods wrapped with the clock of the main thread.

Only for the run that shows the breakdown: the wrappers cost a little, so the headline figures come from other runs.
Every stage's time is its own, without the stages it calls. What is done for single records (encode, produce) is not
timed one by one: the records of a batch are collected and handed to the client in one go, which is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from streams.correlator.step import Correlator
from streams.runtime import reading
from streams.runtime.inputs import Inputs
from streams.runtime.output import Output
from streams.runtime.transaction import Transactions
from streams.runtime.worker import CorrelateWorker

STAGES = ("consume", "decode", "intake", "align", "join", "encode", "produce", "changelog", "commit", "other")
"""In the order in which an event passes them. `other`: what the loop does besides."""
CLIENT = "client threads"
"""What librdkafka's own threads do meanwhile: fetch, decompress, compress, send."""

HOOKS: list[tuple[str, Any, str]] = [
    ("decode", reading, "decode_events"),
    ("intake", CorrelateWorker, "_intake"),
    ("align", Inputs, "take"),
    ("join", Correlator, "step"),
    ("join", Correlator, "advance_to"),
    ("encode", Output, "delta"),
    ("encode", Output, "dead_letters"),
    ("changelog", Output, "changelog"),
    ("commit", Transactions, "commit"),
]
"""Stage, owner and name of what is timed."""


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


class TimedProducer:
    """A producer that collects the records of a call of `Output` and produces them in one go, which is timed."""

    def __init__(self, producer: Any, stages: Stages) -> None:
        """Stand for `producer`."""
        self._producer = producer
        self._waiting: list[tuple[Any, ...]] = []
        self._hand_over = stages.timed("produce", self._produce_all)
        self.produce = self._collect

    def _collect(self, *record: Any) -> None:
        self._waiting.append(record)

    def _produce_all(self) -> None:
        produce = self._producer.produce
        for record in self._waiting:
            while True:
                try:
                    produce(*record)
                    break
                except BufferError:
                    self._producer.poll(0.1)
        self._waiting.clear()

    def then_produce(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return `call`, after which what it wrote is handed to the client."""

        def wrapped(*arguments: Any) -> Any:
            result = call(*arguments)
            self._hand_over()
            return result

        return wrapped

    def __getattr__(self, name: str) -> Any:
        """Hand everything else to the producer."""
        return getattr(self._producer, name)


def install(worker: CorrelateWorker) -> Stages:
    """Time the stages of a worker that has not started yet; once in a process."""
    stages = Stages()
    for stage, owner, name in HOOKS:
        setattr(owner, name, stages.timed(stage, getattr(owner, name)))
    vars(worker)["_consumer"] = TimedConsumer(vars(worker)["_consumer"], stages)
    output = vars(vars(worker)["_transactions"])["_output"]
    producer = TimedProducer(vars(output)["_producer"], stages)
    vars(output)["_producer"] = producer
    for name in ("delta", "dead_letters", "changelog"):
        setattr(Output, name, producer.then_produce(getattr(Output, name)))
    return stages
