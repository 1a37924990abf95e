"""Workers and brokers die at any moment while traffic runs: every revision is there once, and the last are right."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from streams.clock import now_ms
from streams.kafka import topic_admin
from tests.kafka.conftest import KafkaNode, Names
from tests.kafka.helpers import Sender, revisions_of, workers
from tests.kafka.helpers_local import Died, FaultyProducer, local_workers, run_for, run_until, submit, to_be_aborted
from tests.kafka.helpers_traffic import CONFIG, Check, interleaved, messages

pytestmark = pytest.mark.kafka


def random_moment(rng: random.Random) -> float:
    return time.monotonic() + rng.uniform(0.3, 3)


def test_a_worker_killed_at_random_moments_writes_every_revision_once(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    rng = random.Random(1)
    prefix = make_topics(4)
    made = messages(rng, 1_500, "m")
    events = interleaved(rng, made)
    sender = Sender(kafka, prefix)
    with workers(kafka, prefix, tmp_path, CONFIG) as started, revisions_of(kafka, prefix) as revisions:
        written_at_kill = []
        worker = started.start("one", static_member=True)
        kill_at = random_moment(rng)
        while some := list(islice(events, 40)):
            sender.send(some)
            revisions.more(0.1)
            if not worker.has_partitions:
                kill_at = max(kill_at, random_moment(rng))
            elif time.monotonic() > kill_at:
                worker.kill()
                written_at_kill.append(revisions.count)
                worker = started.start("one", static_member=True)
                kill_at = random_moment(rng)
        check = Check(made, revisions)
        check.wait(logs=started.logs)
        check.every_revision_once()
        assert worker.stop() == 0
    assert len(set(written_at_kill)) >= 5, "too few workers got anything done before they were killed"


PLACES = [
    "before begin_transaction",
    "after begin_transaction",
    "after produce",
    "before send_offsets_to_transaction",
    "after send_offsets_to_transaction",
    "before commit_transaction",
    "after commit_transaction",
]


def test_a_worker_that_dies_at_any_step_of_the_commit_protocol_is_replaced_without_loss(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    rng = random.Random(2)
    prefix = make_topics(2)
    made = messages(rng, 30 * len(PLACES), "m")
    events = interleaved(rng, made, open_at_once=60)
    sender = Sender(kafka, prefix)
    with local_workers(kafka, prefix, tmp_path) as local, revisions_of(kafka, prefix) as revisions:
        for number, place in enumerate([*PLACES, ""]):
            worker = local.start(CONFIG, static_member=True, machine=f"machine-{number}")
            sender.send(islice(events, len(made) * 7 // (len(PLACES) + 1)) if place else events)
            if place:
                fault = FaultyProducer(worker, place, Died())
                with pytest.raises(Died):
                    run_for(worker, 30)
                assert fault.done
        check = Check(made, revisions)
        run_until(worker, check.done)
        check.wait()
        check.every_revision_once()


@pytest.mark.parametrize("place", ["after produce", "before send_offsets_to_transaction", "before commit_transaction"])
def test_an_aborted_transaction_is_done_again(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path, place: str
) -> None:
    rng = random.Random(3)
    prefix = make_topics(2)
    made = messages(rng, 200, "m")
    events = interleaved(rng, made)
    sender = Sender(kafka, prefix)
    with local_workers(kafka, prefix, tmp_path) as local, revisions_of(kafka, prefix) as revisions:
        worker = local.start(CONFIG)
        sender.send(islice(events, 500))
        run_until(worker, lambda: worker.stats.revisions > 0)
        fault = FaultyProducer(worker, place, to_be_aborted())
        sender.send(events)
        check = Check(made, revisions)
        run_until(worker, lambda: fault.done and check.done())
        assert worker.stats.aborts == 1
        check.wait()
        check.every_revision_once()


def test_an_idle_worker_goes_on_after_an_aborted_transaction(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    """What was read to its end before the abort is at its end after it too, so that time goes on."""
    prefix = make_topics(1)
    with local_workers(kafka, prefix, tmp_path) as local, revisions_of(kafka, prefix) as revisions:
        worker = local.start('[defaults]\nresponse_timeout = "3s"')
        fault = FaultyProducer(worker, "before commit_transaction", to_be_aborted())
        Sender(kafka, prefix).send([submit("m1", now_ms())])
        run_until(worker, lambda: fault.done)
        run_for(worker, 7)
        revisions.settle()
    assert [row.status for row in revisions.by_message["m1"]] == ["submitted", "failed"]


def test_a_broker_that_goes_away_is_waited_for(kafka_node: KafkaNode, names: Names, tmp_path: Path) -> None:
    rng = random.Random(4)
    kafka, prefix = kafka_node.bootstrap, names.prefix
    assert not topic_admin.exit_code(topic_admin.create({"bootstrap.servers": kafka}, partitions=2, prefix=prefix))
    made = messages(rng, 600, "m")
    events = interleaved(rng, made)
    sender = Sender(kafka, prefix)
    with workers(kafka, prefix, tmp_path, CONFIG) as started, revisions_of(kafka, prefix) as revisions:
        worker = started.start("one")
        worker.wait_for("partitions")
        sender.send(islice(events, 1_500))
        revisions.wait(lambda: revisions.count > 500, 30, worker.text)
        sender.send(islice(events, 500))
        kafka_node.kill()
        time.sleep(2)
        kafka_node.start()
        sender.send(events)
        check = Check(made, revisions)
        check.wait(90, started.logs)
        check.every_revision_once()
        assert worker.stop() == 0
