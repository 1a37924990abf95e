"""The benchmark measures what it says: the right part of a run, stages without overlap, ratios the right way round."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from benchmarks import health_cost, health_run, stages, traffic, usage
from benchmarks.report import CONSUME, CPU, FAUST, OURS, SPEED, Report
from streams.events import DELIVERY_REPORT, DeliveryReport
from streams.runtime.output import Output
from streams.simulator import Traffic


def test_a_window_reaches_from_the_first_record_to_the_mark_after_the_last_wanted_one() -> None:
    window = usage.Window(last=300)
    start = usage.usage()
    window.begin(start)
    window.begin(usage.Usage(0, 0, 0))
    assert [window.mark(records) for records in (50, 120, 320, 400)] == [False, False, True, False]
    result = window.result()
    assert result["events"] == 320
    assert result["seconds"] < 60


def test_a_window_that_did_not_see_its_end_gives_no_figures() -> None:
    window = usage.Window(last=300)
    window.begin(usage.usage())
    window.mark(150)
    with pytest.raises(RuntimeError, match="300"):
        window.result()


def test_the_same_seed_gives_the_same_records() -> None:
    one, other = traffic.make(6_000, "typical", 2_000, 1), traffic.make(6_000, "typical", 2_000, 1)
    assert one.records == other.records
    assert traffic.make(6_000, "typical", 2_000, 2).records != one.records


def test_no_message_of_the_data_set_is_there_twice() -> None:
    data = traffic.make(6_000, "typical", 2_000, 1)
    assert len({key for _, _, key in data.records}) == data.messages


def test_what_is_measured_lies_inside_the_data_set() -> None:
    data = traffic.make(6_000, "typical", 2_000, 1)
    assert data.until == pytest.approx(6_000, rel=0.25)
    assert 1.05 * data.until < len(data.records) < 1.25 * data.until


def test_the_typical_mix_has_some_of_everything_and_most_of_the_usual() -> None:
    mix = traffic.make(20_000, "typical", 2_000, 1).mix()
    assert {"sms.submit submitted", "sms.submit pending", "sms.submit excluded"} < mix["events"].keys()
    assert 0.05 < mix["events_of_multipart_messages"] < 0.2
    assert 0.25 < mix["events"]["sms.delivery-report"] < 0.4


def test_the_time_of_a_stage_is_its_own_without_the_stages_it_calls() -> None:
    timer = stages.Stages()
    decode = timer.timed("decode", lambda: _burn(0.02))

    def intake() -> None:
        _burn(0.01)
        decode()

    timer.timed("intake", intake)()
    spent = timer.reading()
    assert spent["decode"] == pytest.approx(20e6, rel=0.3)
    assert spent["intake"] == pytest.approx(10e6, rel=0.3)


def test_a_stage_that_fails_is_closed() -> None:
    timer = stages.Stages()

    def fail() -> None:
        raise BufferError

    with pytest.raises(BufferError):
        timer.timed("join", fail)()
    before = timer.reading()["other"]
    _burn(0.01)
    assert timer.reading()["other"] - before >= 10e6


def test_every_method_that_is_timed_is_there() -> None:
    assert all(callable(getattr(owner, name)) for _, owner, name in stages.HOOKS)
    assert all(callable(getattr(Output, name)) for name in stages.WRITES)
    assert {stage for stage, _, _ in stages.HOOKS} < set(stages.STAGES)


def test_collected_records_are_produced_in_order_and_a_full_queue_is_waited_for() -> None:
    output = _Output(_Client(full_at=2))
    stages.collected(stages.Stages(), _Output.write)(output, 1, 2, 3)
    assert output.producer.got == [("topic", b"1"), ("topic", b"2"), ("topic", b"3")]
    assert output.producer.polls == 1


def test_ratios_are_by_round_and_say_how_many_times_ours_is() -> None:
    report = Report({}, [_round(100_000, 10, 2_000, 500), _round(80_000, 12.5, 1_000, 250)])
    assert report.ratios()[FAUST] == {SPEED: {"min": 50, "median": 65}, CPU: {"min": 20, "median": 35}}
    assert report.ratios()[CONSUME][CPU] == {"min": 0.16, "median": 0.18}


def test_what_is_required_is_compared_with_the_median_ratio_of_the_cpu_times() -> None:
    rounds = [_round(100_000, 10, 2_000, cost) for cost in (250, 300, 900)]
    assert Report({}, rounds).reached() == 30


def test_a_run_without_faust_has_no_ratio_to_it() -> None:
    figures = _round(100_000, 10, 2_000, 300)
    del figures[FAUST]
    assert FAUST not in Report({}, [figures]).ratios()


def _round(ours: float, ours_us: float, faust: float, faust_us: float) -> dict[str, dict[str, float]]:
    return {
        OURS: {SPEED: ours, CPU: ours_us},
        CONSUME: {SPEED: 400_000, CPU: 2},
        FAUST: {SPEED: faust, CPU: faust_us},
    }


def _burn(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


class _Client:
    """Stands for a producer whose queue is full once."""

    def __init__(self, full_at: int) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.polls = 0
        self._full_at = full_at

    def produce(self, topic: str, value: bytes) -> None:
        if len(self.got) + 1 == self._full_at and not self.polls:
            raise BufferError
        self.got.append((topic, value))

    def poll(self, _: float) -> None:
        self.polls += 1


class _Output:
    """Stands for what writes through a producer."""

    def __init__(self, producer: _Client) -> None:
        self.producer = producer

    def write(self, *numbers: int) -> None:
        for number in numbers:
            self.producer.produce("topic", b"%d" % number)


def test_the_cost_of_route_health_is_told_by_stage_beside_the_same_work_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[object] = []  # and each takes a nanosecond; nothing else takes any time
    monkeypatch.setattr(health_run._Nowhere, "produce", lambda _, *what: sent.append(what))
    monkeypatch.setattr(time, "process_time_ns", lambda: len(sent))
    monkeypatch.setattr(health_run, "BATCH", 1_000)
    records = traffic.make_steady(3_000, "typical", 2_000.0, 1).records
    found = health_run.measure(records, 1)
    assert len(found["times"]["with"]) == -(-len(records) // 1_000) > 1
    without, with_health = ([sum(stage) for stage in zip(*found["times"][way], strict=True)] for way in health_run.WAYS)
    assert sum(without) + sum(with_health) == len(sent)
    statuses, told = with_health[2], with_health[3]
    assert without == [0, 0, statuses, 0, 0]
    assert with_health == [0, 0, statuses, told, 0]
    assert statuses > 2_500
    assert len(found["told"]) == len(found["times"]["with"])
    assert told > sum(found["told"]) > 100  # heartbeats are no totals


def test_of_each_batch_and_stage_the_shortest_time_counts() -> None:
    first = {"without": [[3, 9], [5, 5]], "with": [[1, 1], [1, 1]]}
    assert health_run.shortest({}, first) == first
    second = {"without": [[4, 2], [6, 1]], "with": [[2, 0], [1, 1]]}
    assert health_run.shortest(first, second) == {"without": [[3, 2], [5, 1]], "with": [[1, 0], [1, 1]]}


def test_of_steady_traffic_the_full_batches_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_cost, "BATCH", 10)
    record = ("sms.submit", b"", "")
    assert health_cost.measured_batches(traffic.Steady([record] * 59, 21)) == range(3, 5)
    assert health_cost.measured_batches(traffic.Steady([record] * 60, 20)) == range(2, 6)


def test_steady_traffic_has_every_event_once_within_the_time_in_which_messages_are_sent() -> None:
    """And what its messages did before that."""
    records, warm = traffic.make_steady(6_000, "typical", 2_000.0, 1)
    once = list(Traffic(traffic.config("typical", int(6_000 / 3.3) + 1, 2_000.0, traffic._start_ms(), True), 1))
    kinds = Counter(topic for topic, _, _ in records[warm:])
    assert kinds == Counter(topic for _, topic, _ in once)
    before, within = ({key for _, _, key in part} for part in (records[:warm], records[warm:]))
    assert before < within
    assert {key.partition("~")[0] for key in within} == {arrival.key for arrival in once}


def test_what_happens_in_a_later_period_is_that_of_a_message_sent_as_much_earlier() -> None:
    report = next(a for a in Traffic(traffic.config("typical", 99, 9.0, 10**12, True), 1) if a.topic == DELIVERY_REPORT)
    moved = traffic._earlier(report, 3, 7_000)
    assert moved.at_ms == report.at_ms - 7_000
    assert moved.key == f"{report.key}~3"
    assert isinstance(moved.record, DeliveryReport)
    assert isinstance(report.record, DeliveryReport)
    assert moved.record.received_at_ms == report.record.received_at_ms - 7_000
    assert moved.record.code == report.record.code
    assert traffic._earlier(report, 0, 0) == report


def test_costs_are_per_event_and_shares_per_process() -> None:
    assert health_cost.costs([[1_000, 3_000], [2_000, 4_000]], 2) == [1.5, 3.5, 5.0]
    measured = [
        {"without": [[50, 50], [7, 8]], "with": [[55, 55], [9, 9]]},
        {"without": [[10, 90], [7, 8]], "with": [[10, 95], [9, 9]]},
    ]
    assert health_cost.shares(measured, range(1)) == pytest.approx([0.05, 0.1])
