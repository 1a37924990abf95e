"""`correlate` and `resolve` on one (embedded) broker: reports that know only the provider's id reach their messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer

from streams.codec.avro import Decoder, Encoder
from streams.events import (
    DEAD_LETTER,
    DELIVERY_REPORT,
    MESSAGE_STATUS,
    PROVIDER_RECEIPT,
    RECEIPT_INDEX,
    SUBMIT,
    SUBMIT_RESPONSE,
    ProviderReceipt,
    Submit,
    SubmitResponse,
)
from streams.kafka import topic_admin
from streams.kafka.client import consumer_options, producer_options
from streams.kafka.embedded import EmbeddedBroker
from streams.runtime.worker import CorrelateWorker, ResolveWorker, Worker
from streams.settings import Settings, settings_from
from tests.golden_histories import event

PARTITIONS = 3
T = int(time.time() * 1_000) - 600_000
KEYS: dict[type, Callable[[Any], str]] = {
    Submit: lambda e: e.message_id,
    SubmitResponse: lambda e: e.message_id,
    ProviderReceipt: lambda e: f"{e.provider}:{e.provider_message_id}",
}
TOPICS = {Submit: SUBMIT, SubmitResponse: SUBMIT_RESPONSE, ProviderReceipt: PROVIDER_RECEIPT}


class Bench:
    """A broker, a worker of each kind that are turned by hand, and what they wrote."""

    def __init__(self, folder: Path, bootstrap: str, stack: ExitStack) -> None:
        self._folder, self._bootstrap, self._stack = folder, bootstrap, stack
        self._workers: list[Worker] = []
        self._producer = Producer(producer_options({"bootstrap.servers": bootstrap, "linger.ms": 0}))

    def settings(self, **sections: Any) -> Settings:
        quick = {"commit_interval": "50ms"}
        kafka = {"bootstrap.servers": self._bootstrap, "log_level": "2"}
        return settings_from({"kafka": kafka, "correlate": quick, "resolve": quick, **sections})

    def start(self, **sections: Any) -> None:
        settings = self.settings(**sections)
        for kind in (CorrelateWorker, ResolveWorker):
            worker = kind(settings, self._folder / kind.__name__, f"w{len(self._workers)}", static_member=True)
            self._stack.callback(worker.close)
            worker.start()
            self._workers.append(worker)

    def send(self, *events: Any, keyed: bool = True) -> None:
        for one in events:
            key = KEYS[type(one)](one) if keyed else None
            self._producer.produce(TOPICS[type(one)], Encoder(TOPICS[type(one)]).encode(one), key)
        assert self._producer.flush(20) == 0

    def turn(self, done: Callable[[], bool], timeout_s: float = 30) -> None:
        deadline = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < deadline, [worker.stats.line() for worker in self._workers]
            for worker in self._workers:
                worker.once()

    @property
    def stats(self) -> list[Any]:
        return [worker.stats for worker in self._workers]

    def rows(self, topic: str) -> list[Any]:
        consumer = Consumer(consumer_options({"bootstrap.servers": self._bootstrap}, group_id=f"look-{time.time_ns()}"))
        consumer.subscribe([topic])
        values: list[Any] = []
        ended = 0
        while ended < PARTITIONS:
            for message in consumer.consume(1_000, 0.5):
                if message.error() is None:
                    values.append(message.value())
                else:
                    ended += 1
        consumer.close()
        found, _, bad = Decoder(topic).rows(values)
        assert not bad
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    broker = EmbeddedBroker(tmp_path / "broker")
    broker.start()
    with ExitStack() as stack:
        stack.callback(broker.stop)
        options = {"bootstrap.servers": broker.bootstrap}
        assert not topic_admin.exit_code(topic_admin.create(options, partitions=PARTITIONS, replication=1))
        yield Bench(tmp_path, broker.bootstrap, stack)


def submit(message_id: str, **fields: Any) -> Any:
    plain = {"message_id": message_id, "account": "acme", "submitted_at_ms": T, "provider": "aurora"}
    return event({"topic": SUBMIT, **plain, **fields})


def answer(message_id: str, id_: str, **fields: Any) -> Any:
    plain = {"message_id": message_id, "account": "acme", "responded_at_ms": T + 100, "provider": "aurora", "code": "0"}
    return event({"topic": SUBMIT_RESPONSE, **plain, "provider_message_id": id_, **fields})


def receipt(id_: str, at_ms: int = T + 5_000, code: str = "DELIVRD", provider: str = "aurora") -> ProviderReceipt:
    return ProviderReceipt(provider, id_, None, None, at_ms, at_ms, code, "000", "")


def statuses(bench: Bench) -> dict[str, str]:
    return {row.message_id: row.status for row in sorted(bench.rows(MESSAGE_STATUS), key=lambda row: row.version)}


def test_a_history_with_provider_ids_only_ends_as_one_with_ours(bench: Bench) -> None:
    bench.start()
    names = [f"m{n}" for n in range(30)]
    bench.send(*(submit(name) for name in names))
    bench.send(*(receipt(f"id-{name}") for name in names[:10]))  # before their answers
    bench.send(*(answer(name, f"id-{name}") for name in names))
    bench.send(*(receipt(f"id-{name}", code="UNDELIV") for name in names[10:]))
    bench.turn(lambda: bench.stats[0].revisions >= 90)
    assert statuses(bench) == dict.fromkeys(names[:10], "delivered") | dict.fromkeys(names[10:], "failed")
    assert bench.stats[1].reports == 30


def test_ids_in_two_spellings_meet_wherever_the_gateway_put_the_receipt(bench: Bench) -> None:
    bench.start(providers={"aurora": {"id_rules": ["hex_to_decimal", "as_is"]}})
    ids = [0x10C8F4000 + 7919 * n for n in range(30)]
    bench.send(*(submit(f"m{n}") for n in range(30)), *(answer(f"m{n}", f"{id_:X}") for n, id_ in enumerate(ids)))
    bench.send(*(receipt(str(id_)) for id_ in ids[:10]))
    bench.send(*(receipt(f"00{id_}") for id_ in ids[10:20]))
    bench.send(*(receipt(f"{id_:X}") for id_ in ids[20:]), keyed=False)
    bench.turn(lambda: bench.stats[0].revisions >= 90)
    assert statuses(bench) == {f"m{n}": "delivered" for n in range(30)}
    assert bench.stats[1].rerouted > 3
    assert {report.provider_message_id for report in bench.rows(DELIVERY_REPORT)} == {f"{id_:X}" for id_ in ids}


def test_an_answer_that_names_no_provider_is_known_under_the_submits(bench: Bench) -> None:
    bench.start()
    bench.send(submit("m1"), answer("m1", "a1", provider=""))
    bench.send(answer("m2", "a2", provider=""))
    bench.turn(lambda: bench.stats[0].records >= 3)
    bench.send(submit("m2"), receipt("a1"), receipt("a2"))
    bench.turn(lambda: bench.stats[1].reports == 2 and bench.stats[0].records == 6)
    assert statuses(bench) == {"m1": "delivered", "m2": "delivered"}


def test_attempt_and_part_of_the_answer_are_in_the_report(bench: Bench) -> None:
    bench.start()
    bench.send(submit("m1", parts=2), submit("m1", parts=2, attempt=2, submitted_at_ms=T + 50))
    bench.send(*(answer("m1", f"a{part}", attempt=2, part=part) for part in (1, 2)))
    bench.send(receipt("a2"), receipt("a1"))
    bench.turn(lambda: bench.stats[1].reports == 2)
    assert sorted(r[2:4] for r in bench.rows(DELIVERY_REPORT)) == [(2, 1), (2, 2)]


def test_what_cannot_be_a_receipt_is_a_dead_letter(bench: Bench) -> None:
    bench.start()
    bench.send(receipt(""), receipt("x", at_ms=1))
    bench.turn(lambda: bench.stats[1].dead_letters == 2)
    letters = sorted(bench.rows(DEAD_LETTER), key=lambda letter: letter.reason)
    assert [(one.reason, one.topic, one.source) for one in letters] == [
        ("bad_field", PROVIDER_RECEIPT, "resolve"),
        ("bad_time", PROVIDER_RECEIPT, "resolve"),
    ]
    assert letters[0].detail == "provider_message_id is empty"


def test_a_provider_whose_reports_have_our_id_costs_no_index(bench: Bench) -> None:
    bench.start(providers={"aurora": {"reports_by": "message_id"}})
    bench.send(submit("m1"), answer("m1", "a1"), answer("m2", "b1", provider="borealis"))
    bench.turn(lambda: bench.stats[0].records == 3)
    assert [entry.provider_message_id for entry in bench.rows(RECEIPT_INDEX)] == ["b1"]
