"""Workers as processes that can be killed, input as records, and what came out of it.

Everything here talks to a real broker; times are epoch milliseconds UTC unless a name says otherwise.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from streams.codec.avro import Decoder, Encoder
from streams.events import (
    DEAD_LETTER,
    DELIVERY_REPORT,
    MESSAGE_STATUS,
    ORPHAN_REPORT,
    SUBMIT,
    SUBMIT_RESPONSE,
    DeadLetter,
    DeliveryReport,
    Event,
    MessageStatus,
    OrphanReport,
    Submit,
    SubmitResponse,
)
from streams.kafka.client import consumer_options, producer_options
from streams.kafka.forgotten import means_nothing

ROOT = Path(__file__).parents[2]
TOPIC_OF = {Submit: SUBMIT, SubmitResponse: SUBMIT_RESPONSE, DeliveryReport: DELIVERY_REPORT}
SESSION_TIMEOUT_MS = 6_000  # the shortest that brokers allow unless told otherwise
EXIT_FENCED = 4
EXIT_BAD_INPUT = 5
_START_S = 30.0
_ENCODERS = {topic: Encoder(topic) for topic in TOPIC_OF.values()}


class WorkerProcess:
    """A worker as a process of its own; its log is in `log`."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **environment}, stdout=out, stderr=out, start_new_session=True
            )

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        self._process.kill()
        self._process.wait()

    def stop(self, timeout_s: float = 30) -> int:
        """SIGTERM, as an orderly shutdown sends; return the exit code."""
        self._process.terminate()
        return self._process.wait(timeout_s)

    def freeze(self) -> None:
        """SIGSTOP: the process stands still and knows nothing of it, as on a machine that is suspended."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def exit_code(self, timeout_s: float) -> int:
        """Wait until it ends by itself; return the exit code."""
        return self._process.wait(timeout_s)

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def has_partitions(self) -> bool:
        return "partitions [" in self.text()

    def wait_for(self, text: str, timeout_s: float = _START_S) -> None:
        """Wait until its log has `text`."""
        wait_until(lambda: text in self.text(), timeout_s, lambda: f"no {text!r} in its log:\n{self.text()[-3000:]}")


class Workers:
    """Starts workers of one test; whatever is left at the end is killed."""

    def __init__(self, kafka: str, prefix: str, folder: Path, config: str = "", **correlate: object) -> None:
        """`config`: TOML; `correlate`: settings of that section, and of that of resolve."""
        self._kafka = kafka
        self._folder = folder
        (folder / "config.toml").write_text(config)
        own = {"commit_interval": "100ms", "batch_events": 500, **correlate}
        self._environment = {"SMS_TOPICS_PREFIX": prefix, "PYTHONUNBUFFERED": "1"}
        for section in ("CORRELATE", "RESOLVE"):
            self._environment |= {f"SMS_{section}_{name.upper()}": str(value) for name, value in own.items()}
        self._started: list[WorkerProcess] = []

    def start(
        self, instance: str, machine: str = "here", static_member: bool = False, command_name: str = "correlate"
    ) -> WorkerProcess:
        """Start a worker; `machine` names the folder of its local state."""
        command = [sys.executable, "-m", "streams", "-c", str(self._folder / "config.toml")]
        command += ["-X", f"bootstrap.servers={self._kafka}"]
        command += ["-X", f"consumer.session.timeout.ms={SESSION_TIMEOUT_MS}"]
        command += ["-X", "consumer.heartbeat.interval.ms=1000"]
        command += [command_name, "--instance", instance, "--state-dir", str(self._folder / machine)]
        command += ["--static-member"] if static_member else []
        log = self._folder / f"{command_name}-{instance}-{len(self._started)}.log"
        worker = WorkerProcess(command, self._environment, log)
        self._started.append(worker)
        return worker

    def logs(self) -> str:
        return "".join(f"--- {worker.log.name}\n{worker.text()[-2_000:]}\n" for worker in self._started)

    def assert_none_crashed(self) -> None:
        """None of them has shown a traceback: they were killed or stopped, or said why they ended."""
        for worker in self._started:
            assert "Traceback" not in worker.text(), worker.text()[-4_000:]

    def close(self) -> None:
        for worker in self._started:
            if worker.running:
                worker.kill()


@contextmanager
def workers(kafka: str, prefix: str, folder: Path, config: str = "", **correlate: object) -> Iterator[Workers]:
    """`Workers`, cleaned up at the end."""
    made = Workers(kafka, prefix, folder, config, **correlate)
    try:
        yield made
        made.assert_none_crashed()
    finally:
        made.close()


class Sender:
    """Writes events as senders and gateways do: keyed by message_id, with Java's partitioner."""

    def __init__(self, kafka: str, prefix: str) -> None:
        self._prefix = prefix
        self._producer = Producer(producer_options({"bootstrap.servers": kafka, "linger.ms": 0}))

    def send(self, events: Iterable[Event]) -> None:
        """Write events, in order, and wait until the broker has them."""
        for event in events:
            topic = TOPIC_OF[type(event)]
            self.raw(topic, _ENCODERS[topic].encode(event), event.message_id.encode(), flush=False)
        self.flush()

    def raw(
        self, topic: str, value: bytes | None, key: bytes | None = None, partition: int = -1, flush: bool = True
    ) -> None:
        """Write any bytes."""
        self._producer.produce(self._prefix + topic, value, key, partition)
        if flush:
            self.flush()

    def flush(self) -> None:
        assert self._producer.flush(60) == 0, "the broker did not take what was sent"


class TopicReader:
    """Reads a topic read_committed, from its beginning, more on every call."""

    def __init__(self, kafka: str, topic: str) -> None:
        options = consumer_options({"bootstrap.servers": kafka}, group_id=f"{topic}-test")
        self._consumer = Consumer(options)
        self._ends = Consumer(options | {"isolation.level": "read_uncommitted"})
        self._partitions: list[TopicPartition] = []
        wait_until(lambda: self._find(topic), 30, lambda: f"no topic {topic}")
        self._consumer.assign(self._partitions)
        self._ended: dict[int | None, int] = {}
        self.read: list[Any] = []

    def _find(self, topic: str) -> bool:
        """Look for the topic; one made a moment ago may not be known yet."""
        known: Any = self._consumer.list_topics(topic, timeout=30).topics[topic]
        self._partitions = [TopicPartition(topic, number, 0) for number in known.partitions]
        return bool(self._partitions)

    def more(self, timeout_s: float = 0.2) -> list[Any]:
        """Return what is new; messages of the client."""
        fresh = []
        for message in self._consumer.consume(10_000, timeout_s):
            error = message.error()
            if error is None:
                if not means_nothing(message.key(), message.value()):
                    fresh.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._ended[message.partition()] = message.offset() or 0
            else:
                assert error.code() in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN), error
        self.read += fresh
        return fresh

    def to_end(self, timeout_s: float = 30) -> list[Any]:
        """Read on to what is now the end of every partition, open transactions included; return what is new."""
        deadline = time.monotonic() + timeout_s
        ends = {tp.partition: self._ends.get_watermark_offsets(tp, timeout=30)[1] for tp in self._partitions}
        fresh = []
        while any(self._ended.get(number, -1) < end for number, end in ends.items()):
            assert time.monotonic() < deadline, f"{self._ended}, not {ends}"
            fresh += self.more()
        return fresh

    def close(self) -> None:
        self._consumer.close()
        self._ends.close()


class Revisions:
    """Everything on ``sms.message-status``, by message, each in the order in which it was written."""

    def __init__(self, kafka: str, prefix: str) -> None:
        self._reader = TopicReader(kafka, prefix + MESSAGE_STATUS)
        self._decoder = Decoder(MESSAGE_STATUS)
        self.by_message: dict[str, list[MessageStatus]] = {}
        self.count = 0

    def more(self, timeout_s: float = 0.2) -> int:
        """Take in what is new; return how much that was."""
        return self._take(self._reader.more(timeout_s))

    def _take(self, fresh: list[Any]) -> int:
        rows, _, bad = self._decoder.rows([message.value() for message in fresh])
        assert not bad
        for row in rows:
            self.by_message.setdefault(row.message_id, []).append(row)
        self.count += len(rows)
        return len(rows)

    def last(self, message_id: str) -> MessageStatus | None:
        revisions = self.by_message.get(message_id)
        return revisions[-1] if revisions else None

    def wait(self, done: Callable[[], bool], timeout_s: float = 60, what: Callable[[], str] = str) -> None:
        """Read on until `done`; then for as long as anything more comes."""

        def ready() -> bool:
            self.more()
            return done()

        wait_until(ready, timeout_s, what)
        self.settle()

    def settle(self, quiet_s: float = 1.0) -> None:
        """Read on to the end, and until nothing has come for a while."""
        self._take(self._reader.to_end())
        quiet = time.monotonic()
        while time.monotonic() - quiet < quiet_s:
            if self.more():
                quiet = time.monotonic()

    def close(self) -> None:
        self._reader.close()


@contextmanager
def revisions_of(kafka: str, prefix: str) -> Iterator[Revisions]:
    """`Revisions`, closed at the end."""
    made = Revisions(kafka, prefix)
    try:
        yield made
    finally:
        made.close()


def wait_until(done: Callable[[], bool], timeout_s: float, what: Callable[[], str] = str) -> None:
    """Wait for `done`; fail with what `what` says."""
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout_s:.0f} s: {what()}")
        time.sleep(0.05)


def records(kafka: str, prefix: str, topic: str) -> list[Any]:
    """Everything on a topic, decoded (read_committed)."""
    reader = TopicReader(kafka, prefix + topic)
    rows, _, bad = Decoder(topic).rows([message.value() for message in reader.to_end()])
    reader.close()
    assert not bad
    return rows


def dead_letters(kafka: str, prefix: str) -> list[DeadLetter]:
    return records(kafka, prefix, DEAD_LETTER)


def orphans(kafka: str, prefix: str) -> list[OrphanReport]:
    return records(kafka, prefix, ORPHAN_REPORT)
