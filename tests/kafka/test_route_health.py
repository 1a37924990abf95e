"""Route health on real Kafka: whatever dies, in the end everything has been counted, and once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from streams.codec.avro import Decoder
from streams.events import ROUTE_HEALTH, RouteHealth, Submit
from streams.runtime import partition
from streams.runtime.worker import CorrelateWorker
from tests.kafka.helpers import Sender, TopicReader, revisions_of, wait_until, workers
from tests.kafka.helpers_local import local_workers, run_until
from tests.kafka.helpers_traffic import CONFIG, Check, Message, interleaved, messages
from tests.oracle_facts import distinct_answers

pytestmark = pytest.mark.kafka


class Totals:
    """What a reader of the topic has: of every key the newest record."""

    def __init__(self, kafka: str, prefix: str) -> None:
        self._reader, self._decoder = TopicReader(kafka, prefix + ROUTE_HEALTH), Decoder(ROUTE_HEALTH)
        self.newest: dict[bytes, RouteHealth] = {}

    def read(self) -> tuple[int, int]:
        """Read on; return how many submits and first answers there are by now."""
        fresh = self._reader.to_end()
        rows, _, bad = self._decoder.rows([message.value() for message in fresh])
        assert not bad
        self.newest |= {message.key(): row for message, row in zip(fresh, rows, strict=True) if row.provider}
        records = self.newest.values()
        return sum(r.submits for r in records), sum(
            r.responses_ok + r.responses_temporary + r.responses_permanent + r.responses_unknown for r in records
        )

    def close(self) -> None:
        self._reader.close()


def counted(made: list[Message]) -> tuple[int, int]:
    """How many attempts were handed over, and how many were answered, of messages whose submit is known."""
    submits = answers = 0
    for message in made:
        known = [event for event in message.events if isinstance(event, Submit)]
        submits += len({event.attempt for event in known if event.disposition == "submitted"})
        answers += len({answer.attempt for answer in distinct_answers(message.events)}) if known else 0
    return submits, answers


def test_totals_are_exact_though_workers_are_killed_again_and_again(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    rng = random.Random(11)
    prefix = make_topics(3)
    made = messages(rng, 900, "m")
    events = interleaved(rng, made)
    sender = Sender(kafka, prefix)
    killed = 0
    totals = Totals(kafka, prefix)
    with workers(kafka, prefix, tmp_path, CONFIG) as started, revisions_of(kafka, prefix) as revisions:
        worker = started.start("one", static_member=True)
        kill_at = time.monotonic() + 3
        while some := list(islice(events, 40)):
            sender.send(some)
            revisions.more(0.1)
            if worker.has_partitions and time.monotonic() > kill_at:
                worker.kill()
                killed += 1
                worker = started.start("one", static_member=True, machine=rng.choice(["here", "there"]))
                kill_at = time.monotonic() + rng.uniform(2, 4)
        Check(made, revisions).wait(logs=started.logs)
        expected = counted(made)
        wait_until(lambda: totals.read()[0] >= expected[0], 60, lambda: f"{totals.read()}, not {expected}")
        assert worker.stop() == 0
    assert totals.read() == expected
    totals.close()
    assert killed >= 2, "nothing was tested"


def test_partitions_that_stand_still_say_that_they_are_in_good_hands(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose state takes long to come back, or who has to wait for its turn, is not gone: `detect` waits for it."""
    monkeypatch.setattr(partition, "STILL_S", 0.2)
    monkeypatch.setattr(CorrelateWorker, "_restore", lambda _: None)
    prefix = make_topics(3)
    reader, decoder = TopicReader(kafka, prefix + ROUTE_HEALTH), Decoder(ROUTE_HEALTH)
    beats: list[tuple[int, int]] = []

    def beaten_twice() -> bool:
        beats.extend((row.source_partition, row.stream_time_ms) for row in decoder.rows(_values(reader.more()))[0])
        return all(beats.count((number, 0)) >= 2 for number in range(3))

    with local_workers(kafka, prefix, tmp_path) as local:
        run_until(local.start(), beaten_twice)
    reader.close()
    assert {stream_time_ms for _, stream_time_ms in beats} == {0}, "time stands still"


def _values(read: list[Any]) -> list[bytes]:
    return [message.value() for message in read]
