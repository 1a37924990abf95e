"""The engine's laws: order, repetition, batches and restarts change nothing; an anomaly has one id and one life."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from streams.detectors.config import DetectConfig
from streams.detectors.engine import Engine
from streams.detectors.quality import Quality
from streams.detectors.rates import ANSWERED
from streams.detectors.registry import DETECTORS
from streams.detectors.silence import Silence
from streams.detectors.state import GroupState
from streams.events import Anomaly, RouteHealth
from streams.simulator.windows import WINDOW_MS
from tests.detector_worlds import BANK, BEGIN_MS, INCIDENT_MS, ROUTES, SHOP, Host, opened, traffic

DROP = traffic(100, "delivery_drop", 0.5, lasts_ms=20 * 60_000)


@pytest.fixture(scope="module")
def told() -> list[Anomaly]:
    return Host().run(DROP)


def test_halved_delivery_is_one_anomaly_that_is_opened_within_a_minute_and_resolved(told: list[Anomaly]) -> None:
    life = [anomaly for anomaly in told if anomaly.kind == "delivery_rate"]
    assert {anomaly.anomaly_id for anomaly in life} == {life[0].anomaly_id}
    assert life[0].state == "opened"
    assert life[-1].state == "resolved"
    assert {anomaly.state for anomaly in life[1:-1]} <= {"updated"}
    assert [anomaly.revision for anomaly in life] == list(range(len(life)))
    assert life[0].stream_time_ms <= INCIDENT_MS + 65_000
    assert life[-1].stream_time_ms <= INCIDENT_MS + 30 * 60_000


def test_the_anomaly_is_about_the_route_and_says_so_with_the_numbers(told: list[Anomaly]) -> None:
    first = opened(told)[0]
    assert (first.scope, first.account, first.provider, first.country, first.traffic_type) == ("route", *BANK[:4])
    assert first.interval_low < first.observed < first.interval_high < first.expected
    assert first.anomaly_id == f"delivery_rate:route|bank|aurora|FR|otp:{first.first_seen_ms}"
    assert first.sentence.startswith("aurora to FR, otp of bank: ")
    assert "final reports" in first.sentence
    assert f"{first.observed * 100:.1f} %" in first.sentence


def test_half_of_the_deliveries_gone_is_critical_within_a_minute_and_a_half(told: list[Anomaly]) -> None:
    critical = next(anomaly for anomaly in told if anomaly.severity == "critical")
    assert critical.stream_time_ms <= INCIDENT_MS + 90_000


def test_nothing_else_is_opened_but_what_is_part_of_it(told: list[Anomaly]) -> None:
    main = opened(told)[0]
    assert all(anomaly.part_of == main.anomaly_id and anomaly.severity == "info" for anomaly in opened(told)[1:])


def test_a_quiet_morning_is_silent() -> None:
    assert Host().run(traffic(120)) == []


def test_restarts_after_any_window_change_nothing(told: list[Anomaly]) -> None:
    assert Host().run(DROP, restart_every=1) == told
    assert Host().run(DROP, restart_every=7) == told


def test_a_crash_before_the_head_was_written_opens_nothing_again(told: list[Anomaly]) -> None:
    """The scopes of the last two windows are in the table and the head is not; those windows are gone through again."""
    host = Host()
    crash_ms = (INCIDENT_MS + 300_000) // WINDOW_MS * WINDOW_MS
    host.run([record for record in DROP if record.window_start_ms < crash_ms])
    host.write()
    heads = {group: table["head"] for group, table in host.tables.items()}
    again = [record for record in DROP if crash_ms <= record.window_start_ms < crash_ms + 2 * WINDOW_MS]
    host.run(again)
    host.write()
    for group, head in heads.items():
        host.tables[group]["head"] = head
    host.states = {group: GroupState.load(group, pieces) for group, pieces in host.tables.items()}
    host.run([*again, *(record for record in DROP if record.window_start_ms >= crash_ms + 2 * WINDOW_MS)])
    assert {(a.anomaly_id, a.revision) for a in opened(host.told)} == {(a.anomaly_id, 0) for a in opened(told)}
    assert {a.anomaly_id for a in host.told if a.state == "resolved"} == {a.anomaly_id for a in opened(told)}


def test_order_and_repetition_of_records_change_nothing(told: list[Anomaly]) -> None:
    host, rng = Host(), Random(3)
    by_window: dict[int, list[RouteHealth]] = {}
    for record in DROP:
        older = record._replace(stream_time_ms=record.stream_time_ms - 4_000, submits=record.submits // 2, delivered=0)
        by_window.setdefault(record.window_start_ms, []).extend([record, older, record])
    for start_ms in sorted(by_window):
        records = by_window[start_ms]
        rng.shuffle(records)
        host.see(records)
        host.advance(start_ms + WINDOW_MS + 5_000)
        host.advance(start_ms + WINDOW_MS + 5_000)
    assert host.told == told


def test_partitions_add_up(told: list[Anomaly]) -> None:
    """Half of every count from another partition: the same totals, the same anomalies."""
    host = Host()
    counts = RouteHealth._fields[8:26]
    halves: list[RouteHealth] = []
    for record in DROP:
        whole: dict[str, Any] = dict(zip(RouteHealth._fields, record, strict=True))
        lower = {name: whole[name] // 2 for name in counts}
        empty: dict[str, Any] = {name: {} for name in RouteHealth._fields if isinstance(whole[name], dict)}
        halves.append(RouteHealth(**{**whole, **lower, **empty, "source_partition": 1}))
        halves.append(RouteHealth(**{**whole, **{name: whole[name] - lower[name] for name in counts}}))
    host.run(halves)
    assert [(a.anomaly_id, a.state, a.observed) for a in host.told] == [
        (a.anomaly_id, a.state, a.observed) for a in told
    ]


def test_a_late_record_corrects_the_totals_and_closes_no_window_again() -> None:
    engine, late = Engine(), DROP[40]
    state, other = GroupState("provider:aurora"), GroupState("provider:aurora")
    for each in (state, other):
        for record in DROP[:60]:
            if each is other or record is not late:
                engine.see(each, record)
        engine.advance(each, DROP[40].window_start_ms + 40_000)
    engine.see(state, late)
    for key, scope in state.scopes.items():
        assert (scope.ring.sums()[5, :20] == other.scopes[key].ring.sums()[5, :20]).all()
    assert state.closed == other.closed


def test_answers_and_reports_that_are_told_late_are_not_missing() -> None:
    engine = Engine(
        DetectConfig(disabled=tuple(one.kind for one in DETECTORS))
    )  # what looks wrong meanwhile would not be learned
    now_ms = BEGIN_MS + 40 * 60_000 + 50_000  # the same minute, the same usual
    known = [record for record in traffic(45) if record.window_start_ms < now_ms]
    late = [record for record in known if now_ms - 40_000 <= record.window_start_ms]
    told = []
    for first in (known, [record for record in known if record not in late]):
        state = GroupState("provider:aurora")
        for record in first:
            engine.see(state, record)
        engine.advance(state, now_ms + 5_000)
        for record in late:
            engine.see(state, record)
        told.append({key: scope.now() for key, scope in state.scopes.items() if isinstance(scope, Quality)})
    in_time, later = told
    assert in_time.keys() == later.keys()
    for key, measured in in_time.items():
        assert measured.trials[3, ANSWERED] > 50
        for figure, same in zip(measured, later[key], strict=True):
            assert same == pytest.approx(figure)


def test_maintenance_is_silent_and_what_goes_on_after_it_is_told() -> None:
    silence = Silence(provider="aurora", from_ms=INCIDENT_MS - 60_000, to_ms=INCIDENT_MS + 600_000)
    told = Host(DetectConfig(silences=(silence,))).run(traffic(90, "delivery_drop", 0.5))
    first = opened(told)[0]
    assert INCIDENT_MS + 600_000 <= first.stream_time_ms <= INCIDENT_MS + 660_000


def test_a_detector_that_is_switched_off_says_nothing() -> None:
    told = Host(DetectConfig(disabled=("delivery_rate", "failure_reason"))).run(DROP)
    assert {anomaly.kind for anomaly in told} & {"delivery_rate", "failure_reason"} == set()


def test_a_provider_that_fails_everywhere_is_one_anomaly_of_the_provider() -> None:
    records = [
        record._replace(
            delivered=record.delivered // 2, failed=record.failed + record.delivered - record.delivered // 2
        )
        if record.window_start_ms >= INCIDENT_MS
        else record
        for record in traffic(80)
    ]
    told = opened(Host().run(records))
    rates = [anomaly for anomaly in told if anomaly.kind == "delivery_rate"]
    assert [(anomaly.scope, anomaly.provider, anomaly.part_of) for anomaly in rates] == [("provider", "aurora", "")]
    assert set(rates[0].contributors) >= {"country=FR", "account=bank"}
    assert sum(v for k, v in rates[0].contributors.items() if k.startswith("country=")) == pytest.approx(1, abs=0.11)


def test_a_pause_of_detect_itself_is_jumped_over() -> None:
    """Three hours without records: nothing is judged by what was never read, and it is quick."""
    host = Host()
    first = [record for record in traffic(60) if record.window_start_ms < BEGIN_MS + 40 * 60_000]
    host.run(first)
    later = [record._replace(window_start_ms=record.window_start_ms + 3 * 3_600_000) for record in first]
    host.see(later)
    host.advance(later[-1].window_start_ms + 15_000)
    assert opened(host.told) == []


def test_a_heartbeat_belongs_to_no_group() -> None:
    assert Engine.groups(DROP[0]._replace(account="", provider="")) == ()
    assert Engine.groups(DROP[0]) == ("provider:aurora", f"account:{DROP[0].account}")


def test_every_kind_that_is_told_is_in_the_list_of_detectors(told: list[Anomaly]) -> None:
    kinds = [detector.kind for detector in DETECTORS]
    assert len(set(kinds)) == len(kinds)
    assert {anomaly.kind for anomaly in told} <= set(kinds)


def test_routes_of_the_world_are_watched_at_every_level(told: list[Anomaly]) -> None:
    host = Host()
    host.run(DROP[:40])
    assert {scope.scope.level for state in host.states.values() for scope in state.scopes.values()} == {
        *("provider", "provider_country", "route", "account", "account_traffic", "account_country")
    }
    assert len(ROUTES) == len({BANK, SHOP})
