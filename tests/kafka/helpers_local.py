"""A worker inside the test, driven batch by batch, so that a fault can be put at an exact place."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from streams.events import DeliveryReport, Submit, SubmitResponse
from streams.runtime.errors import FencedError
from streams.runtime.worker import CorrelateWorker, Worker
from streams.settings import Settings, settings_from
from tests.kafka.helpers import SESSION_TIMEOUT_MS, wait_until

CORRELATE = {"commit_interval": "100ms", "batch_events": 500}


def local_settings(kafka: str, prefix: str, config: str = "", **correlate: object) -> Settings:
    """Settings for a worker; `config` is TOML."""
    client = {
        "bootstrap.servers": kafka,
        "consumer.session.timeout.ms": SESSION_TIMEOUT_MS,
        "consumer.heartbeat.interval.ms": 1_000,
        "consumer.max.poll.interval.ms": SESSION_TIMEOUT_MS,
    }
    own: dict[str, Any] = {"kafka": client, "topics": {"prefix": prefix}, "correlate": CORRELATE | correlate}
    given = tomllib.loads(config)
    return settings_from({**given, **own, "resolve": CORRELATE | given.get("resolve", {})})


class LocalWorkers:
    """Workers that are closed at the end, whatever became of them."""

    def __init__(self, kafka: str, prefix: str, folder: Path) -> None:
        self._kafka = kafka
        self._prefix = prefix
        self._folder = folder
        self._stack = ExitStack()

    def start(
        self,
        config: str = "",
        instance: str = "one",
        machine: str = "here",
        static_member: bool = False,
        **correlate: object,
    ) -> CorrelateWorker:
        """Start a worker; `machine` names the folder of its local state."""
        settings = local_settings(self._kafka, self._prefix, config, **correlate)
        worker = CorrelateWorker(settings, self._folder / machine, instance, static_member=static_member)
        self._stack.callback(_close, worker)
        worker.start()
        return worker

    def close(self) -> None:
        self._stack.close()


def _close(worker: CorrelateWorker) -> None:
    with suppress(KafkaException, FencedError, RuntimeError):  # it may have been closed, or be fenced
        worker.close()


@contextmanager
def local_workers(kafka: str, prefix: str, folder: Path) -> Iterator[LocalWorkers]:
    """`LocalWorkers`, cleaned up at the end."""
    made = LocalWorkers(kafka, prefix, folder)
    try:
        yield made
    finally:
        made.close()


def run_until(worker: Worker, done: Callable[[], bool], timeout_s: float = 90) -> None:
    """Do batch after batch until `done`.

    The time is a guard against hanging and no promise: after an abort, one call may wait for the broker three times ten
    seconds, and machines for tests are shared.
    """

    def step() -> bool:
        worker.once()
        return done()

    wait_until(step, timeout_s, lambda: worker.stats.line())


def run_for(worker: Worker, seconds: float) -> None:
    """Do batch after batch for some time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        worker.once()


class Died(BaseException):
    """Thrown through a worker in place of a SIGKILL; no handler of its own may see it."""


class FaultyProducer:
    """The worker's producer with a fault before or after one of its calls, once."""

    def __init__(self, worker: Worker, place: str, error: BaseException) -> None:
        """`place`: "before NAME" or "after NAME" of a method of the client."""
        self._when, self._name = place.split()
        self._error: BaseException | None = error
        transactions: Any = worker._transactions
        self._inner = transactions._producer
        transactions._producer = transactions._output.producer = self

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)
        return self._faulty(call) if name == self._name else call

    def _faulty(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any) -> Any:
            error, self._error = self._error, None
            if error is not None and self._when == "before":
                raise error
            answer = call(*arguments)
            if error is not None:
                raise error
            return answer

        return called

    @property
    def done(self) -> bool:
        """Whether the fault has happened."""
        return self._error is None


def to_be_aborted() -> KafkaException:
    """What the client throws when a transaction must be aborted."""
    return KafkaException(KafkaError(KafkaError.UNKNOWN_MEMBER_ID, "as told by the test", txn_requires_abort=True))


def submit(message_id: str, at_ms: int, **fields: Any) -> Submit:
    """A plain submit through provider p9."""
    plain = Submit(
        account="acme",
        message_id=message_id,
        attempt=1,
        created_at_ms=None,
        submitted_at_ms=at_ms,
        provider="p9",
        campaign="c",
        sender="ACME",
        recipient="+33600000001",
        country="FR",
        traffic_type="otp",
        encoding="gsm7",
        parts=1,
        validity_ms=None,
        disposition="submitted",
        exclusion_reason="",
        price_micros=None,
        currency="EUR",
        attributes={},
    )
    return plain._replace(**fields)


def answer(message_id: str, at_ms: int, code: str = "0", **fields: Any) -> SubmitResponse:
    """The provider's answer to `submit`."""
    plain = SubmitResponse("acme", message_id, 1, None, at_ms, "p9", code, f"id-{message_id}", "")
    return plain._replace(**fields)


def report(message_id: str, at_ms: int, code: str = "DELIVRD", **fields: Any) -> DeliveryReport:
    """A delivery report on `submit`."""
    plain = DeliveryReport("acme", message_id, None, None, at_ms, at_ms, "p9", f"id-{message_id}", code, "000", "")
    return plain._replace(**fields)
