"""The table of the evaluation, and incidents in simulated events."""

from __future__ import annotations

from collections import Counter

import pytest
from click.testing import CliRunner

from streams.apps.evaluate import Plan, Result, lines, markdown
from streams.apps.simulate_plan import read_trouble
from streams.cli.detect import evaluate
from streams.events import DeliveryReport, Submit, SubmitResponse
from streams.settings import SettingsError
from streams.simulator import TROUBLES, Arrival, Traffic, TrafficConfig
from streams.simulator.incidents import KINDS
from streams.simulator.trial import ROUTES, Quiet, Trial

CONFIG = TrafficConfig(messages=4_000, messages_per_s=20.0)
FROM_MS, TO_MS = CONFIG.start_ms + 60_000, CONFIG.start_ms + 120_000


def events(incident: str) -> list[Arrival]:
    return [*Traffic(CONFIG, 3, troubles=[read_trouble(incident, CONFIG.start_ms)])]


def submits(arrivals: list[Arrival]) -> dict[str, Submit]:
    return {a.record.message_id: a.record for a in arrivals if isinstance(a.record, Submit)}


def during(submit: Submit) -> bool:
    return FROM_MS <= (submit.created_at_ms or 0) < TO_MS


def test_silence_takes_away_only_what_it_names() -> None:
    kept = submits(events("silence@1m+1m,account=bank")).values()
    assert [s for s in kept if during(s) and s.account == "bank"] == []
    assert [s for s in kept if during(s) and s.account != "bank"]
    assert [s for s in kept if not during(s) and s.account == "bank"]


def test_a_drop_halves_the_deliveries_of_one_provider_for_its_time() -> None:
    arrivals = events("delivery_drop@1m+1m,provider=aurora,size=0.5")
    sent = submits(arrivals)
    final = {a.record.message_id: a.record for a in arrivals if isinstance(a.record, DeliveryReport)}

    def delivered(provider: str, inside: bool) -> float:
        codes = [
            report.code == "DELIVRD"
            for id_, report in final.items()
            if sent[id_].provider == provider and during(sent[id_]) == inside
        ]
        return sum(codes) / len(codes)

    assert delivered("aurora", True) == pytest.approx(delivered("aurora", False) / 2, abs=0.12)
    assert delivered("borealis", True) == pytest.approx(delivered("borealis", False), abs=0.1)


def test_a_provider_that_does_not_answer_has_no_answers() -> None:
    arrivals = events("unanswered@1m+1m,size=1")
    sent = submits(arrivals)
    answered = {a.record.message_id for a in arrivals if isinstance(a.record, SubmitResponse)}
    inside = [s for s in sent.values() if during(s) and s.disposition == "submitted" and s.attempt == 1]
    assert len(answered & {s.message_id for s in inside}) < len(inside) * 0.1


def test_pumping_goes_into_few_ranges_of_numbers() -> None:
    arrivals = events("pumping@1m+1m,account=bank,country=FR,size=3")
    ranges = Counter(s.recipient[:-3] for s in submits(arrivals).values() if during(s) and s.account == "bank")
    assert ranges.most_common(1)[0][1] > 20


def test_without_incidents_the_traffic_is_what_it_was() -> None:
    assert [*Traffic(CONFIG, 3)] == [*Traffic(CONFIG, 3, troubles=[])]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("silence", "write KIND@START"),
        ("nonsense@1m+1m", "no incident is called nonsense"),
        ("silence@1m+x", "is not a duration"),
        ("silence@1m+1m,share=2", "share=2 is not NAME=VALUE"),
        ("silence@1m+1m,size=much", "size is a number"),
    ],
)
def test_an_incident_that_cannot_be_read_says_how_to_write_it(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        read_trouble(text, 0)


def test_incidents_in_events_are_those_in_route_health() -> None:
    assert set(TROUBLES) <= set(KINDS)


def trial(kind: str, per_minute: float, after_ms: int | None) -> Trial:
    return Trial(kind, 0.5, ROUTES[0], per_minute, after_ms is not None, after_ms, ())


TRIALS = [
    trial("delivery_drop", 150, 30_000),
    trial("delivery_drop", 150, 70_000),
    trial("delivery_drop", 30, 50_000),
    trial("delivery_drop", 30, None),
]


def test_the_table_counts_what_was_found_and_how_soon() -> None:
    (line,) = lines(TRIALS)
    assert (line.tried, line.found, line.median_s, line.slowest_s) == (4, 3, 50.0, 70.0)
    assert (line.busy, line.busy_in_time) == (2, 1)


def test_the_tables_say_how_many_false_alarms_a_route_has_in_a_month() -> None:
    text = markdown(Result(Plan((1,), 5, 0, ("delivery_drop",), 1), [Quiet(30.0, (), ())], TRIALS))
    assert "| delivery_drop | 0.5 share of the deliveries that fail | 4 | 75 % | 50 s | 70 s | 1 of 2 |" in text
    assert "30 quiet days of routes (1.0 route-months) from a cold start: 0 false alarms (none)" in text


@pytest.mark.parametrize(("option", "says"), [("--seeds=x", "1,2,5-8"), ("--kind=nonsense", "delivery_drop")])
def test_wrong_options_of_evaluate_name_the_right_ones(option: str, says: str) -> None:
    done = CliRunner().invoke(evaluate, [option])
    assert isinstance(done.exception, SettingsError)
    assert says in str(done.exception)
