"""The histories worked out by hand, through Kafka and a worker: each gives its row at the very time it is asked for."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from itertools import groupby
from pathlib import Path

import pytest

from streams.runtime import worker as worker_module
from streams.runtime.worker import IDLE_LAG_MS, CorrelateWorker
from tests.golden_histories import GoldenHistory, load
from tests.kafka.helpers import Revisions, Sender, revisions_of
from tests.kafka.helpers_local import local_workers, run_until

pytestmark = pytest.mark.kafka
CONFIGS = sorted({history.config for history in load()})
FOR_EVER = 'keep_settled = "9999d"\nkeep_derived = "9999d"\nkeep_unmatched = "9999d"\n'


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_golden_histories(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str
) -> None:
    """All of one configuration go through one worker, in the order of the times they are asked for.

    The clock is the test's: with all inputs read to their end, stream time follows it and stands exactly at that time.
    Of each history one event is sent twice.
    """
    rng = random.Random(9)
    prefix = make_topics(1)
    clock = [0]
    monkeypatch.setattr(worker_module, "now_ms", lambda: clock[0] + IDLE_LAG_MS)
    of_config = sorted((h for h in load() if h.config == config), key=lambda h: h.as_of_ms)
    sender = Sender(kafka, prefix)
    with local_workers(kafka, prefix, tmp_path) as local, revisions_of(kafka, prefix) as revisions:
        worker = local.start(kept(config), commit_interval="20ms")
        sent = 0
        for as_of_ms, histories in groupby(of_config, lambda h: h.as_of_ms):
            batch = list(histories)
            for history in batch:
                events = [*history.events, rng.choice(history.events)]
                sender.send(events)
                sent += len(events)
            run_until(worker, partial(_all_taken, worker, sent))
            clock[0] = as_of_ms
            run_until(worker, partial(_stands_at, worker, as_of_ms))
            revisions.settle(0.1)
            for history in batch:
                assert_expected(history, revisions)


def kept(config: str) -> str:
    """The configuration with everything kept: a history may be asked for days after the one before."""
    if "[defaults]\n" in config:
        return config.replace("[defaults]\n", f"[defaults]\n{FOR_EVER}")
    return f"{config}\n[defaults]\n{FOR_EVER}"


def _all_taken(worker: CorrelateWorker, sent: int) -> bool:
    inputs = [source for partition in worker._partitions.values() for source in partition.inputs.inputs]
    return worker.stats.records == sent and not any(source.waiting for source in inputs)


def _stands_at(worker: CorrelateWorker, time_ms: int) -> bool:
    return worker._partitions[0].time.now_ms == time_ms


def assert_expected(history: GoldenHistory, revisions: Revisions) -> None:
    last = revisions.last(history.message_id)
    assert last is not None, history.name
    row = last._asdict()
    told = {column: row[column] for column in history.expect}
    assert told == history.expect, history.name
