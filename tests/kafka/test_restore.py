"""A restart changes no status: wherever it happens, however the last worker ended, wherever its state was kept."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from streams.clock import now_ms
from streams.kafka.client import producer_options
from streams.runtime import worker as worker_module
from streams.runtime.output import CHANGELOG
from streams.runtime.worker import CorrelateWorker
from tests.kafka.helpers import Revisions, Sender, TopicReader, revisions_of
from tests.kafka.helpers_local import (
    Died,
    FaultyProducer,
    LocalWorkers,
    answer,
    local_workers,
    report,
    run_for,
    run_until,
    submit,
)
from tests.kafka.helpers_traffic import CONFIG, Check, interleaved, messages

pytestmark = pytest.mark.kafka
HOUR_MS = 3_600_000
ENDS = ["clean", "killed", "another machine"]


class Restarts:
    """One worker after another under the same name."""

    def __init__(self, local: LocalWorkers, end: str, config: str = "", **correlate: Any) -> None:
        """`end`: how each of them ends, one of `ENDS`."""
        self._local = local
        self._end = end
        self._config = config
        self._correlate = correlate
        self._count = 0

    def start(self) -> CorrelateWorker:
        self._count += 1
        machine = f"machine-{self._count}" if self._end == "another machine" else "here"
        return self._local.start(self._config, static_member=True, machine=machine, **self._correlate)

    def end(self, worker: CorrelateWorker) -> None:
        """End it; where it is killed, it leaves what it had on disk, and nothing that says how far that goes."""
        if self._end != "killed":
            worker.close()
            return
        for partition in worker._partitions.values():
            partition.store._cold._txn.commit()
            partition.store._cold._env.close()
        worker._partitions.clear()
        worker._consumer.close()
        worker._restorer.close()


def open_messages(worker: CorrelateWorker) -> int:
    """How many messages a worker has, in memory and on disk."""
    keys: set[str] = set()
    for partition in worker._partitions.values():
        cold = partition.store._cold
        keys |= set(partition.store.messages)
        with cold._txn.cursor(db=cold._messages) as cursor:
            keys |= {bytes(name).decode() for name in cursor.iternext(keys=True, values=False)}
    return len(keys)


def restored(worker: CorrelateWorker) -> bool:
    return bool(worker._partitions) and all(p.restored for p in worker._partitions.values())


def revised(worker: CorrelateWorker, revisions: int) -> Callable[[], bool]:
    return lambda: worker.stats.revisions >= revisions


@pytest.mark.parametrize("end", ENDS)
def test_restarts_in_the_middle_of_traffic_change_nothing(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path, end: str
) -> None:
    rng = random.Random(8)
    prefix = make_topics(2)
    made = messages(rng, 400, "m")
    events = interleaved(rng, made, open_at_once=100)
    sender = Sender(kafka, prefix)
    with local_workers(kafka, prefix, tmp_path) as local, revisions_of(kafka, prefix) as revisions:
        restarts = Restarts(local, end, CONFIG, hot_messages=20)
        for _ in range(3):
            worker = restarts.start()
            sender.send(islice(events, 700))
            run_until(worker, revised(worker, 200))
            run_for(worker, 0.3)
            restarts.end(worker)
        worker = restarts.start()
        sender.send(events)
        check = Check(made, revisions)
        run_until(worker, check.done)
        check.wait()
        check.every_revision_once()


@pytest.mark.parametrize(
    ("end", "hot_messages"), [("clean", 10), ("killed", 10), ("clean", 300_000), ("another machine", 300_000)]
)
def test_what_comes_after_a_restart_meets_what_was_known_before(
    kafka: str,
    make_topics: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    hot_messages: int,
) -> None:
    """Timeouts of before fire, late reports amend, and duplicates say nothing."""
    prefix = make_topics(1)
    # The store keeps at least a thousand in memory, so there are more.
    count = 2_500 if hot_messages == 10 else 50
    begin = now_ms()
    clock = [begin]
    monkeypatch.setattr(worker_module, "now_ms", lambda: clock[0])
    names = [f"m{number}" for number in range(count)]
    sender = Sender(kafka, prefix)
    with local_workers(kafka, prefix, tmp_path) as local, revisions_of(kafka, prefix) as revisions:
        restarts = Restarts(local, end, '[defaults]\nresponse_timeout = "60s"', hot_messages=hot_messages)
        worker = restarts.start()
        sender.send(submit(name, begin) for name in names)
        run_until(worker, lambda: worker.stats.revisions == count)
        sender.send(answer(name, begin + 10) for name in names[::2])
        run_until(worker, lambda: worker.stats.revisions == count + count // 2)
        known = open_messages(worker)
        restarts.end(worker)

        worker = restarts.start()
        run_until(worker, lambda: restored(worker))
        assert open_messages(worker) == known == count
        clock[0] = begin + 70_000
        run_until(worker, lambda: worker.stats.timeouts == count - count // 2)
        assert _statuses(revisions, names) == {"accepted": count // 2, "failed": count - count // 2}
        restarts.end(worker)

        worker = restarts.start()
        late = [report(name, begin + 71_000) for name in names]
        sender.send(late)
        run_until(worker, lambda: worker.stats.revisions == count)
        assert _statuses(revisions, names) == {"delivered": count}
        assert [revisions.by_message[name][-1].late for name in names[:4]] == [False, True, False, True]
        restarts.end(worker)

        worker = restarts.start()
        sender.send(late)
        sender.send(submit(name, begin) for name in names)
        run_until(worker, lambda: worker.stats.duplicates == 2 * count)
        run_for(worker, 0.5)
        revisions.settle()
        assert worker.stats.revisions == 0
        assert all(len(revisions.by_message[name]) == 3 for name in names)


def _statuses(revisions: Revisions, names: list[str]) -> dict[str, int]:
    revisions.settle()
    last = [revisions.by_message[name][-1].status for name in names]
    return {status: last.count(status) for status in set(last)}


@pytest.mark.parametrize("end", ENDS)
def test_what_was_forgotten_stays_forgotten(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """A copy in the changelog of what is no longer kept is dead, and its segments are deleted in time."""
    prefix = make_topics(1)
    begin = now_ms() - 12 * HOUR_MS
    clock = [begin]
    monkeypatch.setattr(worker_module, "now_ms", lambda: clock[0])
    config = '[defaults]\nreceipt_timeout = "1h"\nkeep_settled = "150m"'
    sender = Sender(kafka, prefix)
    with local_workers(kafka, prefix, tmp_path) as local, revisions_of(kafka, prefix) as revisions:
        restarts = Restarts(local, end, config)
        worker = restarts.start()
        for number in range(5):
            name = f"m{number}"
            sender.send([submit(name, clock[0]), answer(name, clock[0]), report(name, clock[0])])
            run_until(worker, revised(worker, 3 * (number + 1)))
            clock[0] += HOUR_MS
            run_for(worker, 0.3)
        # m0 to m2 settled three hours ago or more; what is still kept is what a new worker finds.
        known = open_messages(worker)
        assert known == 2
        restarts.end(worker)
        worker = restarts.start()
        run_until(worker, lambda: restored(worker))
        assert open_messages(worker) == known
        sender.send([report("m4", begin + 4 * HOUR_MS), report("m0", begin)])
        run_until(worker, lambda: worker.stats.duplicates == 1)
        run_for(worker, 0.5)
        revisions.settle()
        assert all(len(rows) == 3 for rows in revisions.by_message.values())
        assert len(revisions.by_message) == 5
    changelog = TopicReader(kafka, prefix + CHANGELOG)
    newest = {record.key(): record.value() for record in changelog.to_end()}
    changelog.close()
    alive = [key for key, value in newest.items() if value is not None and key != b"m"]
    assert 0 < len(alive) < len(newest) - 1, "the segments of what is forgotten are deleted"


def test_a_restore_waits_until_every_transaction_on_the_changelog_is_closed(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    """A dead worker's last transaction may be closed where the offsets are and not yet where the changelog is."""
    prefix = make_topics(1)
    now = now_ms()
    sender = Sender(kafka, prefix)
    with local_workers(kafka, prefix, tmp_path) as local, revisions_of(kafka, prefix) as revisions:
        worker = local.start()
        sender.send([submit("m1", now)])
        run_until(worker, lambda: worker.stats.revisions == 1)
        worker.close()
        options = {"bootstrap.servers": kafka, "transaction.timeout.ms": 60_000}
        dead = Producer(producer_options(options, transactional_id=f"{prefix}dead"))
        dead.init_transactions(30)
        dead.begin_transaction()
        dead.produce(prefix + CHANGELOG, b"\x00", b"m", 0)  # no changelog record: read, it would end the worker
        dead.flush(30)
        sender.send([answer("m1", now + 10)])
        worker = local.start(machine="another")
        run_for(worker, 4)
        assert not restored(worker)
        assert worker.stats.revisions == 0
        dead.abort_transaction(30)
        run_until(worker, lambda: worker.stats.revisions == 1)
        revisions.settle()
        assert [row.status for row in revisions.by_message["m1"]] == ["submitted", "accepted"]


def test_a_batch_whose_state_is_larger_than_a_record_may_be_is_kept(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    prefix = make_topics(1)
    now = now_ms()
    large = {f"column-{number}": "x" * 1_000 for number in range(10)}
    names = [f"m{number}" for number in range(400)]
    with local_workers(kafka, prefix, tmp_path) as local, revisions_of(kafka, prefix) as revisions:
        worker = local.start(commit_interval="500ms")
        Sender(kafka, prefix).send(submit(name, now, attributes=large) for name in names)
        run_until(worker, lambda: worker.stats.revisions == len(names))
        assert worker.stats.aborts == 0
        worker.close()
        worker = local.start(machine="another")
        run_until(worker, lambda: restored(worker))
        assert open_messages(worker) == len(names)
        revisions.settle()
        assert revisions.by_message["m0"][0].attributes == large


def test_the_disk_of_a_worker_that_was_killed_is_not_believed(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    """It holds what was committed and maybe more; only the changelog says how far that goes."""
    prefix = make_topics(1)
    now = now_ms()
    sender = Sender(kafka, prefix)
    with local_workers(kafka, prefix, tmp_path) as local, revisions_of(kafka, prefix) as revisions:
        restarts = Restarts(local, "killed", hot_messages=10)
        worker = restarts.start()
        sender.send(submit(f"m{number}", now) for number in range(2_000))
        run_until(worker, lambda: worker.stats.revisions == 2_000)
        fault = FaultyProducer(worker, "before commit_transaction", Died())
        sender.send(answer(f"m{number}", now + 10) for number in range(2_000))
        with pytest.raises(Died):
            run_for(worker, 30)
        assert fault.done
        for partition in worker._partitions.values():
            partition.store.spill()  # what was never committed is on disk now
        restarts.end(worker)
        worker = restarts.start()
        done_at = time.monotonic() + 30
        run_until(worker, lambda: worker.stats.revisions == 2_000 or time.monotonic() > done_at)
        revisions.settle()
        assert revisions.count == 4_000
        assert all([row.version for row in rows] == [256, 512] for rows in revisions.by_message.values())
