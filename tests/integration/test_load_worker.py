"""The load worker: each record once, whatever happens. Kafka is imitated, the tables are real."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from streams import events
from streams.apps.load import LoadWorker
from streams.clickhouse.backend import Database, DatabaseDown, DatabaseError, Params, Result
from streams.clickhouse.embedded import EmbeddedDatabase
from streams.clickhouse.loader import Limits
from streams.clickhouse.migrate import migrate
from streams.codec.avro import Encoder

from .fake_kafka import Broker, FakeConsumer
from .records import DAY, T0, count, dead_letter, orphan, report, response, revisions, submit

ENCODERS = {
    topic: Encoder(topic)
    for topic in (
        *(events.SUBMIT, events.SUBMIT_RESPONSE, events.DELIVERY_REPORT),
        *(events.MESSAGE_STATUS, events.ORPHAN_REPORT, events.DEAD_LETTER),
    )
}


class CrashError(BaseException):
    """The process dies here."""


class Faulty:
    """A database that counts its inserts, and can die around one of them or be away."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.step: Callable[[str], None] = lambda _: None
        self.down = False
        self.tokens: list[tuple[str, str]] = []

    @property
    def name(self) -> str:
        return self.inner.name

    def execute(self, sql: str, params: Params | None = None) -> None:
        self.inner.execute(sql, params)

    def query(self, sql: str, params: Params | None = None) -> Result:
        if self.down:
            raise DatabaseDown("connection refused")
        return self.inner.query(sql, params)

    def stream(self, sql: str, params: Params | None = None) -> Iterator[list[tuple[Any, ...]]]:
        return self.inner.stream(sql, params)

    def insert(self, table: str, batch: pa.RecordBatch, token: str) -> None:
        if self.down:
            raise DatabaseDown("connection refused")
        self.step("before insert")
        self.inner.insert(table, batch, token)
        self.tokens.append((table, token))
        self.step("after insert")

    def close(self) -> None:
        self.inner.close()


class CrashingConsumer(FakeConsumer):
    """A consumer that can die around a commit."""

    step: Callable[[str], None] = staticmethod(lambda _: None)

    def commit(self, offsets: Any, asynchronous: bool) -> Any:
        self.step("before commit")
        done = super().commit(offsets, asynchronous)
        self.step("after commit")
        return done


def fill(broker: Broker, messages: int, first: int = 0, run: int = 0) -> None:
    """Put the events and statuses of some messages on the two partitions of a run, on two days.

    Offsets have gaps, as transactions leave them.
    """
    for number in range(first, first + messages):
        partition, message_id, at = run * 2 + number % 2, f"{run}-{number}", T0 + number // 2 % 2 * DAY
        for topic, record in (
            (events.SUBMIT, submit(message_id, submitted_at_ms=at)),
            (events.SUBMIT_RESPONSE, response(message_id, responded_at_ms=at + 200)),
            (events.DELIVERY_REPORT, report(message_id, received_at_ms=at + 5000, done_at_ms=None)),
        ):
            broker.send(topic, partition, number * 2, ENCODERS[topic].encode(record), at)
        for step, revision in enumerate(revisions(message_id, at)):
            value = ENCODERS[events.MESSAGE_STATUS].encode(revision)
            broker.send(events.MESSAGE_STATUS, partition, number * 5 + step, value, at)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


NOW = Limits(seconds=0.0)


def worker(db: Database, broker: Broker, limits: Limits = NOW, consumer: Any = None, clock: Any = None) -> LoadWorker:
    return LoadWorker(db, {}, limits=limits, consumer=consumer or FakeConsumer(broker), clock=clock or Clock())


def work(loader: LoadWorker, rounds: int = 6) -> None:
    for _ in range(rounds):
        loader.run_once(0.0)


def assert_each_once(db: Database, messages: int, run: int = 0) -> None:
    ours = f"startsWith(message_id, '{run}-')"
    events_there = f"SELECT count(), uniqExact(topic, partition, offset) FROM sms.events WHERE {ours}"
    assert db.query(events_there).rows == [(3 * messages, 3 * messages)], "plain count(), no FINAL"
    assert db.query(f"SELECT count() FROM sms.revisions WHERE {ours}").rows == [(3 * messages,)]
    latest = f"SELECT count(), uniqExact(message_id), countIf(status = 'delivered') FROM message_latest WHERE {ours}"
    assert db.query(latest).rows == [(messages, messages, messages)]


def test_everything_arrives_once(db: Database) -> None:
    broker = Broker()
    fill(broker, 20)
    broker.send(events.ORPHAN_REPORT, 0, 0, ENCODERS[events.ORPHAN_REPORT].encode(orphan()))
    broker.send(events.DEAD_LETTER, 0, 0, ENCODERS[events.DEAD_LETTER].encode(dead_letter()))
    loader = worker(db, broker)
    work(loader)
    assert_each_once(db, 20)
    assert (count(db, "orphans"), count(db, "dead_letters")) == (1, 1)
    assert loader.progress.caught_up
    assert loader.progress.rows["sms.events"] == 60
    assert broker.committed[events.SUBMIT, 0] == (37, ""), "behind the last record, no plan left"


def test_a_restart_goes_on_where_the_last_one_stopped(db: Database) -> None:
    broker = Broker()
    fill(broker, 6)
    work(worker(db, broker))
    fill(broker, 6, first=6)
    work(worker(db, broker))
    assert_each_once(db, 12)


def crash_at(db: Database, broker: Broker, step: int, taken: list[str]) -> None:
    """Work until the given step, and die there."""

    def on_step(name: str) -> None:
        taken.append(name)
        if len(taken) - 1 == step:
            raise CrashError

    faulty, consumer = Faulty(db), CrashingConsumer(broker)
    faulty.step = on_step
    consumer.step = on_step
    loader = worker(faulty, broker, Limits(rows=5, seconds=0.0), consumer)
    try:
        work(loader)
    except CrashError:
        broker.owner = None


def test_killed_at_any_step_and_restarted_nothing_is_missing_or_doubled(embedded: EmbeddedDatabase) -> None:
    migrate(embedded)
    steps: list[str] = []
    for run in range(1_000):
        broker = Broker()
        taken: list[str] = []
        fill(broker, 4, run=run)
        crash_at(embedded, broker, run, taken)
        if len(taken) <= run:  # it came to its end before that step
            break
        steps.append(taken[-1])
        fill(broker, 2, first=4, run=run)
        work(worker(embedded, broker, Limits(rows=1_000, seconds=0.0)), rounds=4)
        assert_each_once(embedded, 6, run)
    assert set(steps) == {"before commit", "after commit", "before insert", "after insert"}
    assert len(steps) > 20


@pytest.mark.parametrize("seed", range(2))
def test_killed_again_and_again_while_traffic_comes(db: Database, seed: int) -> None:
    chance, broker, messages = random.Random(seed), Broker(), 0
    for _ in range(8):
        more = chance.randint(1, 8)
        fill(broker, more, first=messages)
        messages += more
        crash_at(db, broker, chance.randint(0, 25), [])
    work(worker(db, broker))
    assert_each_once(db, messages)


def test_one_that_slept_through_a_rebalance_doubles_nothing(db: Database) -> None:
    broker = Broker()
    fill(broker, 4)
    sleeper = Faulty(db)
    late: list[tuple[str, pa.RecordBatch, str]] = []

    def asleep(table: str, batch: pa.RecordBatch, token: str) -> None:
        late.append((table, batch, token))
        raise CrashError

    sleeper.insert = asleep  # type: ignore[method-assign]  # it falls asleep just before the first insert
    with pytest.raises(CrashError):
        work(worker(sleeper, broker))
    work(worker(db, broker))
    assert_each_once(db, 4)
    for table, batch, token in late:
        db.insert(table, batch, token)
    assert_each_once(db, 4)


def test_records_fetched_before_a_rebalance_leave_no_hole(db: Database) -> None:
    broker = Broker()
    fill(broker, 10)
    consumer = FakeConsumer(broker)
    consumer.stale = broker.log[events.SUBMIT, 0][3:]
    work(worker(db, broker, consumer=consumer))
    assert_each_once(db, 10)


def test_the_same_block_is_rebuilt_with_the_same_token(db: Database) -> None:
    broker = Broker()
    fill(broker, 10)
    first = Faulty(db)
    first.step = lambda name: (_ for _ in ()).throw(CrashError()) if name == "after insert" else None
    with pytest.raises(CrashError):
        work(worker(first, broker, Limits(rows=3, seconds=0.0)))
    plan = broker.committed[events.SUBMIT, 0]
    assert plan == (0, "sms-load/1 0-16"), "the offsets of the first and the last record really read"
    second = Faulty(db)
    fill(broker, 10, first=10)
    work(worker(second, broker, Limits(rows=1_000, seconds=0.0)))
    assert second.tokens[0] == first.tokens[0]
    assert_each_once(db, 20)


def test_a_plan_whose_records_are_gone_from_the_topic_is_let_go(db: Database) -> None:
    broker = Broker()
    fill(broker, 4, first=10)
    broker.committed[events.SUBMIT, 0] = (2, "sms-load/1 2-6")
    work(worker(db, broker))
    assert_each_once(db, 4)


def test_while_clickhouse_is_down_it_holds_its_place_and_catches_up(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    broker, clock, faulty = Broker(), Clock(), Faulty(db)
    fill(broker, 4)
    consumer = FakeConsumer(broker)
    loader = worker(faulty, broker, consumer=consumer, clock=clock)
    faulty.down = True
    for _ in range(10):
        work(loader, 3)
        clock.now += 5
    assert consumer.paused
    assert consumer.polls == 30, "it keeps polling, so the group keeps it"
    assert "waiting for ClickHouse, next try in" in loader.progress.state
    fill(broker, 4, first=4)
    faulty.down = False
    clock.now += 60
    work(loader, 8)
    assert_each_once(db, 8)
    assert not consumer.paused
    told = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == 2, "once when it goes, once when it is back"
    assert "next try in 0.5 s" in told[0]
    assert "is back after" in told[1]


def test_down_from_the_start_is_waited_for(db: Database) -> None:
    broker, clock, faulty = Broker(), Clock(), Faulty(db)
    fill(broker, 2)
    faulty.down = True
    loader = worker(faulty, broker, clock=clock)
    work(loader)
    faulty.down = False
    clock.now += 60
    work(loader)
    assert_each_once(db, 2)


def test_down_in_the_middle_of_a_block_repeats_only_what_is_missing(db: Database) -> None:
    broker, clock, faulty = Broker(), Clock(), Faulty(db)
    fill(broker, 4)

    def cut(name: str) -> None:
        if name == "after insert" and len(faulty.tokens) == 5:
            faulty.down = True
            raise DatabaseDown("timed out: it is not known whether this insert was done")

    faulty.step = cut
    loader = worker(faulty, broker, clock=clock)
    work(loader)
    faulty.down = False
    clock.now += 60
    work(loader)
    assert_each_once(db, 4)


def test_partitions_that_come_while_clickhouse_is_down_are_paused_too(db: Database) -> None:
    broker, clock, faulty = Broker(), Clock(), Faulty(db)
    fill(broker, 2)
    faulty.down = True
    consumer = FakeConsumer(broker)
    loader = worker(faulty, broker, consumer=consumer, clock=clock)
    work(loader)
    consumer.paused = False  # a new assignment starts unpaused
    broker.owner = None
    work(loader, 2)
    assert consumer.paused
    faulty.down = False
    clock.now += 60
    work(loader, 8)
    assert_each_once(db, 2)


def test_without_tables_it_stops_and_says_what_to_run(new_db: Database) -> None:
    broker = Broker()
    fill(broker, 1)
    with pytest.raises(DatabaseError, match="sms-streams migrate"):
        work(worker(new_db, broker))


def test_what_cannot_be_decoded_holds_nothing_up(db: Database) -> None:
    broker = Broker()
    broker.send(events.SUBMIT, 0, 100, b"garbage", T0)
    broker.send(events.MESSAGE_STATUS, 0, 100, b"\xc3\x01garbage", T0)
    broker.send(events.MESSAGE_STATUS, 0, 101, None, T0)
    fill(broker, 4, first=60)
    loader = worker(db, broker)
    work(loader)
    assert_each_once(db, 4)
    assert loader.progress.bad == {events.SUBMIT: 1, events.MESSAGE_STATUS: 2}
    letters = db.query("SELECT topic, partition, offset, value, reason, source FROM dead_letters ORDER BY offset").rows
    assert [row[:3] for row in letters] == [(events.MESSAGE_STATUS, 0, 100), (events.MESSAGE_STATUS, 0, 101)]
    assert {row[5] for row in letters} == {"load"}, "a bad submit is dead-lettered by correlate, not twice"


def test_blocks_wait_for_company(db: Database) -> None:
    broker, clock, faulty = Broker(), Clock(), Faulty(db)
    fill(broker, 4)
    loader = worker(faulty, broker, Limits(seconds=1.0), clock=clock)
    work(loader, 4)
    assert faulty.tokens == []
    clock.now += 1.0
    work(loader, 1)
    assert_each_once(db, 4)


def test_a_stop_inserts_what_has_been_read(db: Database) -> None:
    broker = Broker()
    fill(broker, 4)
    loader = worker(db, broker, Limits(seconds=3600.0))
    work(loader, 4)
    loader.finish()
    loader.close()
    assert_each_once(db, 4)


def test_topics_may_have_a_prefix(db: Database) -> None:
    broker = Broker()
    fill(broker, 2)
    broker.log = {(f"eu.{topic}", partition): log for (topic, partition), log in broker.log.items()}
    for place, log in broker.log.items():
        for message in log:
            message.place = place
    loader = LoadWorker(db, {}, limits=NOW, consumer=FakeConsumer(broker), topic_prefix="eu.", clock=Clock())
    work(loader)
    assert_each_once(db, 2)
    assert db.query("SELECT DISTINCT topic FROM sms.events ORDER BY topic").rows[0] == ("sms.delivery-report",)
