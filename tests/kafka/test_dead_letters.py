"""What cannot be used goes to ``sms.dead-letter``, as it was, once, and holds nothing else up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streams.clock import now_ms
from streams.codec.avro import Encoder
from streams.events import DELIVERY_REPORT, SUBMIT, SUBMIT_RESPONSE, Event
from streams.runtime import worker as worker_module
from streams.runtime.worker import CorrelateWorker, TooManyDeadLettersError
from tests.kafka.helpers import EXIT_BAD_INPUT, Sender, TopicReader, dead_letters, orphans, revisions_of, workers
from tests.kafka.helpers_local import (
    FaultyProducer,
    answer,
    local_workers,
    report,
    run_for,
    run_until,
    submit,
    to_be_aborted,
)

pytestmark = pytest.mark.kafka
YEAR_MS = 365 * 24 * 3_600_000


def test_every_unusable_record_is_kept_with_its_place_and_reason_and_the_rest_flows(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    now = now_ms()
    prefix = make_topics(2)
    sender = Sender(kafka, prefix)
    encode = Encoder(SUBMIT).encode
    unusable: list[tuple[str, bytes | None, str, str]] = [
        (SUBMIT, b"not avro at all", "not_avro", ""),
        (SUBMIT, b"", "not_avro", ""),
        (SUBMIT, None, "not_avro", "no value"),
        (DELIVERY_REPORT, b"\xc3\x01" + bytes(range(8)) + b"?", "unknown_schema", "schemas/versions"),
        (SUBMIT_RESPONSE, b"\x00\x00\x00\x00\x07?", "unknown_schema", "schema_registry"),
        (SUBMIT, encode(submit("m1", now))[:-9], "not_avro", ""),
        (SUBMIT, encode(submit("", now)), "bad_field", "message_id is empty"),
        (SUBMIT, encode(submit("seconds", now // 1_000)), "bad_time", "it looks like seconds"),
        (SUBMIT, encode(submit("parts", now, parts=0)), "bad_field", "parts is 0"),
        (DELIVERY_REPORT, Encoder(DELIVERY_REPORT).encode(report("x", now, part=-1)), "bad_field", "part is -1"),
    ]
    with workers(kafka, prefix, tmp_path) as started, revisions_of(kafka, prefix) as revisions:
        sender.send([submit("m1", now)])
        for number, (topic, value, _, _) in enumerate(unusable):
            sender.raw(topic, value, b"key" if number else None, partition=number % 2)
        sender.send([answer("m1", now + 5), report("m1", now + 9)])
        worker = started.start("one")
        revisions.wait(lambda: revisions.count == 3, 30, started.logs)
        assert [row.status for row in revisions.by_message["m1"]] == ["submitted", "accepted", "delivered"]
        assert worker.stop() == 0
    letters = dead_letters(kafka, prefix)
    places = [(letter.topic, letter.partition, letter.offset) for letter in letters]
    assert len(set(places)) == len(letters) == len(unusable)
    left = list(letters)
    for number, (topic, value, reason, detail) in enumerate(unusable):
        found = [x for x in left if (x.topic, x.partition, x.value) == (topic, number % 2, value)]
        assert found, f"{reason} {value!r}"
        letter = found[0]
        left.remove(letter)
        assert (letter.reason, letter.source, letter.key) == (reason, "correlate", b"key" if number else None)
        assert detail in letter.detail
        assert abs(letter.timestamp_ms - now) < 60_000
        assert sender_offset(kafka, prefix + topic, number % 2, letter.offset) == value


def sender_offset(kafka: str, topic: str, partition: int, offset: int) -> bytes | None:
    """The value that stands at a place."""
    reader = TopicReader(kafka, topic)
    records = reader.to_end()
    reader.close()
    (value,) = [r.value() for r in records if (r.partition(), r.offset()) == (partition, offset)]
    assert value is None or isinstance(value, bytes)
    return value


def test_dead_letters_of_an_aborted_batch_are_written_once(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    prefix = make_topics(1)
    sender = Sender(kafka, prefix)
    with local_workers(kafka, prefix, tmp_path) as local:
        worker = local.start()
        fault = FaultyProducer(worker, "before commit_transaction", to_be_aborted())
        sender.raw(SUBMIT, b"broken", b"k")
        sender.send([submit("m1", now_ms())])
        run_until(worker, lambda: fault.done and worker.stats.revisions == 1)
        run_for(worker, 0.5)
    assert [letter.value for letter in dead_letters(kafka, prefix)] == [b"broken"]


def said(worker: CorrelateWorker, revisions: int) -> Callable[[], bool]:
    """Whether the worker has written so many revisions."""
    return lambda: worker.stats.revisions == revisions


def test_a_record_from_the_future_is_clamped_and_ends_nobody_elses_wait(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    """It counts at most as its arrival plus five minutes, so nothing that waits for longer can be over."""
    prefix = make_topics(1)
    now = now_ms()
    config = '[defaults]\nresponse_timeout = "6m"\nreceipt_timeout = "24h"'
    sender = Sender(kafka, prefix)
    far = now + 30 * YEAR_MS
    with local_workers(kafka, prefix, tmp_path) as local, revisions_of(kafka, prefix) as revisions:
        worker = local.start(config)
        sender.send([submit("waits-for-answer", now), submit("waits-for-report", now), answer("waits-for-report", now)])
        run_until(worker, lambda: worker.stats.revisions == 3)
        # One by one: each is dated by its own arrival, and three topics may take them in another order.
        events: list[Event] = [submit("future", far), answer("future", far + 1), report("future", far + 2)]
        for number, event in enumerate(events):
            sender.send([event])
            run_until(worker, said(worker, 4 + number))
        run_for(worker, 1)
        revisions.settle()
        assert worker.stats.clock_skew == 3
        assert worker.stats.dead_letters == 0
        assert worker.stats.stream_time_ms < now_ms() + 5 * 60_000
    last = {name: rows[-1] for name, rows in revisions.by_message.items()}
    assert (last["waits-for-answer"].status, last["waits-for-report"].status) == ("submitted", "accepted")
    assert last["future"].status == "delivered"
    assert now <= last["future"].submitted_at_ms - 5 * 60_000 <= now_ms()


def test_a_worker_stops_where_too_much_is_unusable_and_loses_none_of_it(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    prefix = make_topics(1)
    now = now_ms()
    sender = Sender(kafka, prefix)
    with workers(kafka, prefix, tmp_path, batch_events=5_000) as started, revisions_of(kafka, prefix) as revisions:
        sender.send(submit(f"m{number}", now) for number in range(700))
        for number in range(400):
            sender.raw(SUBMIT, b"broken %d" % number, b"k", flush=False)
        sender.flush()
        worker = started.start("one")
        assert worker.exit_code(40) == EXIT_BAD_INPUT
        assert "400 of 1100 records could not be used" in worker.text()
        assert "offset 1099 of sms.submit, partition 0: not_avro" in worker.text()
        with workers(kafka, prefix, tmp_path, batch_events=5_000, dead_letter_share="0.5") as again:
            again.start("one")
            revisions.wait(lambda: revisions.count >= 700, 40, again.logs)
    assert revisions.count == 700
    letters = dead_letters(kafka, prefix)
    assert [letter.value for letter in letters] == [b"broken %d" % number for number in range(400)]


def test_the_share_of_unusable_records_is_that_of_late_not_of_all_time(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "_MANY_RECORDS", 2_000)
    prefix = make_topics(1)
    now = now_ms()
    sender = Sender(kafka, prefix)
    with local_workers(kafka, prefix, tmp_path) as local:
        worker = local.start()
        sender.send(submit(f"m{number % 50}", now) for number in range(12_000))
        run_until(worker, lambda: worker.stats.records == 12_000)
        for number in range(2_000):
            sender.raw(SUBMIT, b"broken %d" % number, b"k", flush=False)
        sender.flush()
        with pytest.raises(TooManyDeadLettersError):
            run_for(worker, 20)
        assert worker.stats.dead_letters < 0.2 * worker.stats.records


def test_an_answer_that_never_finds_its_submit_becomes_an_orphan_once(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    prefix = make_topics(1)
    now = now_ms()
    sender = Sender(kafka, prefix)
    with local_workers(kafka, prefix, tmp_path) as local:
        config = '[defaults]\nkeep_unmatched = "3s"'
        worker = local.start(config, machine="first")
        sender.send([answer("nobody", now), report("nobody", now + 1), report("nobody", now + 1)])
        run_until(worker, lambda: worker.stats.duplicates == 1)
        worker.close()
        worker = local.start(config, machine="second")
        run_until(worker, lambda: worker.stats.orphans == 2)
        worker.close()
        worker = local.start(config, machine="third")
        run_for(worker, 2)
        assert worker.stats.orphans == 0
    found = orphans(kafka, prefix)
    assert [(o.kind, o.message_id, o.reason) for o in found] == [
        ("submit_response", "nobody", "no_submit"),
        ("delivery_report", "nobody", "no_submit"),
    ]
