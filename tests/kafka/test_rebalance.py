"""Partitions move between workers, also away from one that does not know it yet: nothing is lost, nothing doubled."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from streams.clock import now_ms
from streams.events import Event
from streams.kafka.client import OptionRefused, producer_options
from streams.runtime import worker as worker_module
from streams.runtime.errors import FencedError
from streams.runtime.worker import CorrelateWorker
from streams.settings import settings_from
from tests.kafka.helpers import EXIT_FENCED, SESSION_TIMEOUT_MS, Revisions, Sender, Workers, revisions_of, workers
from tests.kafka.helpers_local import answer, local_workers, run_for, run_until, submit
from tests.kafka.helpers_traffic import CONFIG, Check, interleaved, messages

pytestmark = pytest.mark.kafka
SESSION_S = SESSION_TIMEOUT_MS / 1_000


class Traffic:
    """Sends a little and reads what came out, again and again."""

    def __init__(self, sender: Sender, events: Iterator[Event], revisions: Revisions) -> None:
        self._sender = sender
        self._events = events
        self._revisions = revisions

    def flow(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._sender.send(islice(self._events, 40))
            self._revisions.more(0.1)

    def rest(self) -> None:
        self._sender.send(self._events)


def test_two_workers_share_the_partitions_while_workers_come_go_and_die(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    rng = random.Random(5)
    prefix = make_topics(4)
    made = messages(rng, 3_000, "m")
    sender = Sender(kafka, prefix)
    with workers(kafka, prefix, tmp_path, CONFIG) as started, revisions_of(kafka, prefix) as revisions:
        traffic = Traffic(sender, interleaved(rng, made), revisions)
        first = started.start("first")
        first.wait_for("partitions [0, 1, 2, 3]")
        traffic.flow(2)
        second = started.start("second")
        second.wait_for("partitions [")
        traffic.flow(4)
        first.kill()
        traffic.flow(SESSION_S + 3)
        first = started.start("first", machine="another")
        traffic.flow(5)
        assert second.stop() == 0
        traffic.flow(4)
        third = started.start("third")
        traffic.flow(4)
        first.kill()
        third.kill()
        started.start("second")
        started.start("third")
        traffic.rest()
        check = Check(made, revisions)
        check.wait(logs=started.logs)
        check.every_revision_once()
        for worker in (first, second, third):
            assert "partitions [" in worker.text(), "it never had any: the test has not tested it"


def test_a_worker_that_wakes_up_after_its_partitions_have_moved_doubles_nothing(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    rng = random.Random(6)
    prefix = make_topics(4)
    made = messages(rng, 1_500, "m")
    sender = Sender(kafka, prefix)
    with workers(kafka, prefix, tmp_path, CONFIG) as started, revisions_of(kafka, prefix) as revisions:
        traffic = Traffic(sender, interleaved(rng, made), revisions)
        sleeper = started.start("sleeper")
        sleeper.wait_for("partitions [0, 1, 2, 3]")
        other = started.start("other")
        other.wait_for("partitions [")
        traffic.flow(3)
        sleeper.freeze()
        traffic.flow(SESSION_S + 4)
        other.wait_for("partitions [0, 1, 2, 3]")
        sleeper.thaw()
        traffic.flow(4)
        traffic.rest()
        check = Check(made, revisions)
        check.wait(logs=started.logs)
        check.every_revision_once()
        assert sleeper.running or sleeper.exit_code(1) == EXIT_FENCED


def test_the_broker_refuses_the_timeouts_of_a_worker_that_has_lost_its_partitions(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was read since the restart, so nothing but the offsets sent along can tell that it is not its turn."""
    prefix = make_topics(1)
    clock = [now_ms()]
    monkeypatch.setattr(worker_module, "now_ms", lambda: clock[0])
    with local_workers(kafka, prefix, tmp_path) as local, revisions_of(kafka, prefix) as revisions:
        before = local.start(instance="sleeper")
        Sender(kafka, prefix).send([submit("m1", clock[0]), answer("m1", clock[0] + 10)])
        run_until(before, lambda: before.stats.revisions == 2)
        before.close()
        sleeper = local.start(instance="sleeper")
        run_until(sleeper, lambda: any(p.restored for p in sleeper._partitions.values()))
        run_for(sleeper, 1)
        other = local.start(instance="other")
        run_until(other, lambda: any(p.restored for p in other._partitions.values()))  # longer than max.poll.interval
        clock[0] += 3 * 24 * 3_600_000
        sleeper._batch()
        assert sleeper.stats.aborts == 1
        revisions.settle()
        assert revisions.count == 2
        run_until(other, lambda: other.stats.timeouts == 1)
        revisions.settle()
        assert [row.status for row in revisions.by_message["m1"]] == ["submitted", "accepted", "sent_without_sr"]


@pytest.mark.parametrize("static_member", [False, True])
def test_of_two_workers_with_one_name_the_older_ends(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path, static_member: bool
) -> None:
    rng = random.Random(7)
    prefix = make_topics(2)
    made = messages(rng, 1_500, "m")
    sender = Sender(kafka, prefix)
    with workers(kafka, prefix, tmp_path, CONFIG) as started, revisions_of(kafka, prefix) as revisions:
        traffic = Traffic(sender, interleaved(rng, made), revisions)
        older = started.start("twin", static_member=static_member)
        older.wait_for("partitions [0, 1]")
        traffic.flow(2)
        newer = started.start("twin", machine="another", static_member=static_member)
        deadline = time.monotonic() + 30
        while older.running and time.monotonic() < deadline:  # it learns of it when it writes
            traffic.flow(0.5)
        assert older.exit_code(1) == EXIT_FENCED, older.text()
        assert "another worker has taken this one's place" in older.text()
        traffic.rest()
        check = Check(made, revisions)
        check.wait(logs=started.logs)
        check.every_revision_once()
        assert newer.running


class SlowProducer:
    """A producer whose client has time, after the first record of a transaction, to learn that it is fenced."""

    def __init__(self, worker: CorrelateWorker) -> None:
        transactions: Any = worker._transactions
        self._inner = transactions._producer
        self.produced = 0
        transactions._producer = transactions._output.producer = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def produce(self, *arguments: Any) -> None:
        self._inner.produce(*arguments)
        self.produced += 1
        if self.produced == 1:
            time.sleep(2)


def test_a_worker_that_is_fenced_between_two_records_ends_and_does_not_fence_the_newer_one(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    prefix = make_topics(1)
    now = now_ms()
    with local_workers(kafka, prefix, tmp_path) as local:
        worker = local.start()
        run_until(worker, lambda: bool(worker._partitions) and all(p.restored for p in worker._partitions.values()))
        slow = SlowProducer(worker)
        newer = Producer(producer_options({"bootstrap.servers": kafka}, transactional_id=f"{prefix}sms-correlate-one"))
        newer.init_transactions(30)
        Sender(kafka, prefix).send([submit("m1", now), submit("m2", now)])
        with pytest.raises(FencedError):
            run_for(worker, 20)
        assert slow.produced == 1
        newer.begin_transaction()  # it is still the one with the name
        newer.produce(prefix + "sms.dead-letter", b"x")
        newer.commit_transaction(30)


def test_two_workers_of_one_name_are_refused_on_one_machine(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    prefix = make_topics(1)
    with workers(kafka, prefix, tmp_path) as started:
        started.start("twin").wait_for("worker twin")
        second = _second_twin(started)
        assert second == 2


def test_the_group_protocol_that_moves_single_partitions_is_refused(tmp_path: Path) -> None:
    settings = settings_from({"kafka": {"bootstrap.servers": "127.0.0.1:1", "group.protocol": "consumer"}})
    with pytest.raises(OptionRefused, match="not for correlate"):
        CorrelateWorker(settings, tmp_path, "one")


def _second_twin(started: Workers) -> int:
    worker = started.start("twin")
    code = worker.exit_code(30)
    assert "give this one another name with --instance" in worker.text()
    return code
