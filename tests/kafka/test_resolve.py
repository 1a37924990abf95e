"""Reports with the provider's id only, on real Kafka: exactly once, whoever is killed, wherever the partitions are."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from streams.clock import now_ms
from streams.codec.avro import Encoder
from streams.events import (
    DELIVERY_REPORT,
    MESSAGE_STATUS,
    PROVIDER_RECEIPT,
    RECEIPT_INDEX,
    Event,
    ProviderReceipt,
)
from streams.resolver.ids import kafka_key
from streams.runtime.worker import ResolveWorker
from tests.kafka.helpers import SESSION_TIMEOUT_MS, Sender, TopicReader, orphans, records, wait_until, workers
from tests.kafka.helpers_local import Died, FaultyProducer, answer, local_settings, run_for, run_until, submit
from tests.kafka.test_exactly_once import PLACES
from tests.receipts import index, receipt

pytestmark = pytest.mark.kafka

CONFIG = """
[providers.p9]
id_rules = ["hex_to_decimal"]

[providers.plain]
id_rules = ["as_is"]

[providers.hexer]
id_rules = ["hex_to_decimal"]
"""
Step = tuple[list[Event], list[ProviderReceipt]]
"""What is sent at a time: events with our id, and receipts."""
_RECEIPTS = Encoder(PROVIDER_RECEIPT)
_INDEX = Encoder(RECEIPT_INDEX)


class Gateway(Sender):
    """Writes receipts too, under the keys that gateways know, some of them in any partition."""

    def receipts(self, some: list[ProviderReceipt], rng: random.Random, partitions: int) -> None:
        for one in some:
            key = kafka_key(one.provider, one.provider_message_id)
            anywhere = rng.randrange(partitions) if rng.random() < 0.3 else -1
            self.raw(PROVIDER_RECEIPT, _RECEIPTS.encode(one), key, anywhere, flush=False)
        self.flush()

    def index(self, provider: str, id_: str, message_id: str, at_ms: int) -> None:
        """What correlate would write."""
        key = str(int(id_, 16)) if provider == "hexer" else id_
        entry = index(id_, message_id, at_ms, provider)
        self.raw(RECEIPT_INDEX, _INDEX.encode(entry), kafka_key(provider, key), flush=False)


class Traffic:
    """Messages whose answers bring ids in hex and whose receipts have them in decimal, with zeros before it or not."""

    def __init__(self, rng: random.Random, count: int) -> None:
        self.rng = rng
        self.ids = {f"m{n}": f"{rng.getrandbits(64):X}" for n in range(count)}
        self.at_ms = now_ms() - 60_000
        self.steps = self._steps()

    def _steps(self) -> Iterator[Step]:
        """Few of them at a time: a submit, its answer, its receipt, of which the latter two come in any order."""
        waiting: list[Step] = []
        for number, (name, id_) in enumerate(self.ids.items()):
            at = self.at_ms + number
            waiting.append(([submit(name, at)], []))
            told: Step = ([answer(name, at + 200, provider_message_id=id_)], [])
            came: Step = ([], [receipt("0" * (number % 3) + str(int(id_, 16)), at + 900, "p9", code="DELIVRD")])
            waiting += [came, told] if number % 4 == 0 else [told, came]
            if number % 50 == 0:  # a provider that says it twice
                waiting.append(came)
            if len(waiting) > 100:
                self.rng.shuffle(waiting)
                for _ in range(40):
                    yield waiting.pop()
        yield from waiting

    def send(self, gateway: Gateway, steps: int, partitions: int) -> bool:
        some = list(islice(self.steps, steps))
        gateway.send([event for events, _ in some for event in events])
        gateway.receipts([one for _, receipts in some for one in receipts], self.rng, partitions)
        return bool(some)

    def receipts_by_message(self) -> dict[str, int]:
        return {name: 2 if number % 50 == 0 else 1 for number, name in enumerate(self.ids)}


def delivered(kafka: str, prefix: str) -> Counter[str]:
    """Messages whose latest row says so."""
    last: dict[str, tuple[int, str]] = {}
    for row in records(kafka, prefix, MESSAGE_STATUS):
        last[row.message_id] = max(last.get(row.message_id, (0, "")), (row.version, row.status))
    return Counter(name for name, (_, status) in last.items() if status == "delivered")


def check_each_once(kafka: str, prefix: str, traffic: Traffic, logs: Callable[[], str]) -> None:
    """Wait for the last report; then each receipt must have become exactly one, and every message be delivered."""
    expected = traffic.receipts_by_message()
    reports = TopicReader(kafka, prefix + DELIVERY_REPORT)

    def all_there() -> bool:
        reports.more()
        return len(reports.read) >= sum(expected.values())

    try:
        wait_until(all_there, 60, lambda: f"{len(reports.read)} reports\n{logs()}")
        time.sleep(1.5)  # for those that must not come
    finally:
        reports.close()
    assert Counter(row.message_id for row in records(kafka, prefix, DELIVERY_REPORT)) == expected
    wait_until(lambda: len(delivered(kafka, prefix)) == len(expected), 60, logs)
    assert not orphans(kafka, prefix)


def test_resolve_and_correlate_killed_at_random_moments_give_each_report_once(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    rng = random.Random(21)
    prefix = make_topics(3)
    traffic, gateway = Traffic(rng, 700), Gateway(kafka, prefix)
    kills = 0
    with workers(kafka, prefix, tmp_path, CONFIG) as started:
        running = {
            name: started.start("one", static_member=True, command_name=name) for name in ("correlate", "resolve")
        }
        kill_at = dict.fromkeys(running, time.monotonic() + 4)
        while traffic.send(gateway, 12, 3):
            time.sleep(0.1)
            for name, worker in list(running.items()):
                if worker.has_partitions and time.monotonic() > kill_at[name]:
                    worker.kill()
                    kills += 1
                    running[name] = started.start("one", static_member=True, command_name=name)
                    kill_at[name] = time.monotonic() + rng.uniform(2, 4)
        check_each_once(kafka, prefix, traffic, started.logs)
        assert all(worker.stop() == 0 for worker in running.values())
    assert kills >= 4


def test_two_resolve_workers_share_the_partitions_while_one_comes_dies_and_comes_again(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    rng = random.Random(22)
    prefix = make_topics(4)
    traffic, gateway = Traffic(rng, 600), Gateway(kafka, prefix)

    def flow(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and traffic.send(gateway, 6, 4):
            time.sleep(0.1)

    with workers(kafka, prefix, tmp_path, CONFIG) as started:
        started.start("join")
        first = started.start("first", command_name="resolve")
        first.wait_for("partitions [0, 1, 2, 3]")
        flow(2)
        second = started.start("second", command_name="resolve")
        second.wait_for("partitions [")
        flow(3)
        first.kill()
        flow(SESSION_TIMEOUT_MS / 1_000 + 2)
        first = started.start("first", machine="another", command_name="resolve")
        flow(3)
        assert second.stop() == 0
        while traffic.send(gateway, 50, 4):
            pass
        check_each_once(kafka, prefix, traffic, started.logs)
        assert "partitions [" in first.text()


class Local:
    """Resolve workers inside the test."""

    def __init__(self, kafka: str, prefix: str, folder: Path) -> None:
        self._kafka, self._prefix, self._folder = kafka, prefix, folder
        self.gateway = Gateway(kafka, prefix)

    def start(self, config: str = CONFIG, instance: str = "one", machine: str = "here") -> ResolveWorker:
        settings = local_settings(self._kafka, self._prefix, config)
        worker = ResolveWorker(settings, self._folder / machine, instance, static_member=True)
        worker.start()
        return worker

    def reports(self) -> Counter[str]:
        return Counter(row.message_id for row in records(self._kafka, self._prefix, DELIVERY_REPORT))


def test_a_resolve_worker_that_dies_at_any_step_of_the_commit_protocol_is_replaced_without_loss(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    """Receipts first, answers first, and receipts in foreign partitions, which are handed on: each comes out once."""
    prefix = make_topics(2)
    local = Local(kafka, prefix, tmp_path)
    rng = random.Random(23)
    names: list[str] = []
    for number, place in enumerate([*PLACES, ""]):
        worker = local.start(machine=f"machine-{number}")
        fresh = [f"m{number}-{n}" for n in range(12)]
        names += fresh
        ids = {name: f"{rng.getrandbits(62):X}" for name in fresh}
        at = now_ms() - 30_000
        came = [receipt(f"0{int(id_, 16)}", at, "hexer") for id_ in ids.values()]
        local.gateway.receipts(came[:6], rng, 2)
        for name, id_ in ids.items():
            local.gateway.index("hexer", id_, name, at)
        local.gateway.receipts(came[6:], rng, 2)
        if place:
            fault = FaultyProducer(worker, place, Died())
            with pytest.raises(Died):
                run_for(worker, 30)
            assert fault.done
            worker._consumer.close()
        else:
            run_until(worker, lambda: local.reports().total() == 12 * (len(PLACES) + 1))
            worker.close()
    assert local.reports() == Counter(names)
    assert not orphans(kafka, prefix)


def _seen(local: Local, expected: Counter[str]) -> Callable[[], bool]:
    return lambda: local.reports() == expected


def test_state_is_there_again_after_a_clean_stop_a_crash_and_on_another_machine(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    prefix = make_topics(2)
    local = Local(kafka, prefix, tmp_path)
    rng, at = random.Random(24), now_ms() - 30_000
    worker = local.start()
    for n in range(20):
        local.gateway.index("plain", f"a{n}", f"m{n}", at)
    local.gateway.receipts([receipt(f"b{n}", at) for n in range(20)], rng, 2)
    run_until(worker, lambda: worker.stats.processed >= 40)
    worker.close()
    for step, machine in enumerate(["here", "here", "there"]):
        worker = local.start(machine=machine)
        mine = range(step * 5, step * 5 + 5)
        local.gateway.receipts([receipt(f"a{n}", at + 1) for n in mine], rng, 2)
        for n in mine:
            local.gateway.index("plain", f"b{n}", f"w{n}", at + 2)
        local.gateway.flush()
        run_until(worker, _seen(local, Counter({f"{kind}{n}": 1 for n in range(step * 5 + 5) for kind in "mw"})))
        if step == 0:
            worker.close()
        else:  # a crash: nothing is tidied up
            worker._consumer.close()
    assert not orphans(kafka, prefix)


def test_what_waits_too_long_becomes_an_orphan_at_its_time_once(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    prefix = make_topics(2)
    local = Local(kafka, prefix, tmp_path)
    at = now_ms()
    worker = local.start(CONFIG + '\n[resolve]\npark = "4s"\n')
    local.gateway.receipts([receipt(f"x{n}", at) for n in range(10)], random.Random(25), 2)
    local.gateway.receipts([receipt("late", at)], random.Random(25), 2)
    run_until(worker, lambda: worker.stats.processed >= 11)
    assert not orphans(kafka, prefix)
    local.gateway.index("plain", "late", "m1", at - 500)
    local.gateway.flush()
    run_until(worker, lambda: worker.stats.orphans == 10)
    assert now_ms() - at > 4_000
    run_for(worker, 1)
    worker.close()
    found = orphans(kafka, prefix)
    assert Counter(one.provider_message_id for one in found) == Counter({f"x{n}": 1 for n in range(10)})
    assert {one.reason for one in found} == {"no_response"}
    assert local.reports() == Counter({"m1": 1})


def test_a_backlog_of_receipts_waits_for_the_answers_that_correlate_has_yet_to_read(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    """Two days of it are on Kafka; resolve has read all of them before correlate is even started."""
    prefix = make_topics(2)
    traffic, gateway = Traffic(random.Random(26), 100), Gateway(kafka, prefix)
    traffic.at_ms = now_ms() - 2 * 24 * 3_600_000
    with workers(kafka, prefix, tmp_path, CONFIG) as started:
        resolve = started.start("one", command_name="resolve")
        resolve.wait_for("partitions [")
        traffic.send(gateway, 10_000, 2)
        time.sleep(4)
        started.start("one")
        check_each_once(kafka, prefix, traffic, started.logs)
        assert resolve.stop() == 0
