"""Records handed to Kafka by many requests at once, each told when all of its own are acknowledged.

No request waits for another: records of all requests share the client's batches, its callbacks count them down, and
one call into the event loop wakes the request whose last record was acknowledged.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.events import PROVIDER_RECEIPT
from streams.ingest.records import Record
from streams.kafka.client import describe_error, producer_options

log = logging.getLogger(__name__)

_POLL_S = 0.05
_CLOSE_S = 10.0
_PROBE_S = 1.0
_OURS = {"linger.ms": 5, "batch.num.messages": 10_000, "queue.buffering.max.kbytes": 131_072}
_QUEUED = 100_000
"""Records that may be under way; beyond that, requests are told to come again."""


class NotTakenError(RuntimeError):
    """Kafka has not acknowledged everything; the message says why. The sender must send again."""


class TooLargeError(NotTakenError):
    """A record is larger than Kafka takes; sent again it would be the same."""


class _Delivery:
    """The records of one request that are under way. Told of by the client's thread, awaited in the event loop."""

    __slots__ = ("_done", "_left", "_lock", "_loop", "error", "too_large")

    def __init__(self, count: int) -> None:
        self._left = count
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        self.error = ""
        self.too_large = False

    def told(self, error: KafkaError | None, _: Message) -> None:
        with self._lock:
            self._left -= 1
            if error is not None:
                self.fail(error)
            last = self._left == 0
        if last:
            self._wake()

    def fail(self, error: KafkaError) -> None:
        self.error = describe_error(error)
        self.too_large = self.too_large or error.code() == KafkaError.MSG_SIZE_TOO_LARGE

    def forget(self, count: int, why: KafkaError | str) -> None:
        """Count off records that were never handed over."""
        with self._lock:
            self._left -= count
            if isinstance(why, str):
                self.error = why
            else:
                self.fail(why)
            last = self._left == 0
        if last:
            self._wake()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._done.set)
        except RuntimeError:  # the loop has ended meanwhile: nobody waits any more
            log.debug("an acknowledgement came after the end")

    async def wait(self) -> None:
        await self._done.wait()


class AckingProducer:
    """A producer of the event loop. `send` returns when Kafka has acknowledged (acks=all), or raises."""

    def __init__(self, options: Mapping[str, Any], *, prefix: str = "", ack_timeout_ms: int = 5_000) -> None:
        """Connect; records that are not acknowledged within `ack_timeout_ms` are given up."""
        own = {"message.timeout.ms": ack_timeout_ms, "queue.buffering.max.messages": _QUEUED, **_OURS, **options}
        self._timeout_s = ack_timeout_ms / 1_000
        self._prefix = prefix
        self.fatal: str = ""
        self.failing = False
        self._producer = Producer(producer_options(own) | {"error_cb": self._told_of_error})
        self._stop = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="kafka-callbacks", daemon=True)
        self._poller.start()

    async def send(self, records: Sequence[Record]) -> None:
        """Hand over all records and wait until all are acknowledged; raise `NotTakenError`."""
        if not records:
            return
        delivery = _Delivery(len(records))
        for position, record in enumerate(records):
            try:
                self._producer.produce(self._prefix + record.topic, record.value, record.key, on_delivery=delivery.told)
            except BufferError:
                delivery.forget(len(records) - position, "too many records are waiting for Kafka")
                break
            except KafkaException as failure:
                self._told_of_error(failure.args[0])
                delivery.forget(len(records) - position, failure.args[0])
                break
        try:
            async with asyncio.timeout(self._timeout_s + 1.0):
                await delivery.wait()
        except TimeoutError:
            self.failing = True
            raise NotTakenError("Kafka has not acknowledged in time") from None
        if delivery.too_large:
            raise TooLargeError(delivery.error)
        self.failing = bool(delivery.error)
        if delivery.error:
            raise NotTakenError(delivery.error)

    async def probe(self) -> None:
        """After a failure, ask the cluster whether it is there again: without calls nobody else would find out."""
        try:
            await asyncio.to_thread(self._producer.list_topics, self._prefix + PROVIDER_RECEIPT, _PROBE_S)
        except KafkaException:
            return
        self.failing = False

    @property
    def under_way(self) -> int:
        """Records handed over and not acknowledged yet."""
        return len(self._producer)

    def close(self) -> int:
        """Wait for what is under way; return how many records were given up."""
        left = int(self._producer.flush(_CLOSE_S))
        self._stop.set()
        self._poller.join(2 * _POLL_S + 1.0)
        return left

    def _poll(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(_POLL_S)

    def _told_of_error(self, error: KafkaError) -> None:
        if error.fatal():
            self.fatal = describe_error(error)
            log.error("the Kafka client cannot go on: %s", self.fatal)
        else:
            log.warning("%s", describe_error(error))
