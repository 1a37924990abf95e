"""The simulator: reproducible, in order of arrival, and as troublesome as real traffic."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice

import msgspec
import pytest

from streams.events import DeliveryReport, ProviderReceipt, Submit, SubmitResponse
from streams.simulator import Arrival, Campaign, Provider, Traffic, TrafficConfig, Truth

SMALL = TrafficConfig(messages=3_000)
HABITS = (
    "no_response",
    "late_response",
    "throttled",
    "refused",
    "no_report",
    "late_report",
    "absent",
    "failed",
    "early_report",
    "duplicate",
    "contradicted",
    "unknown_code",
    "lagging",
)


def _calm() -> TrafficConfig:
    """Traffic in which nothing ever goes wrong."""
    return SMALL.everywhere(**dict.fromkeys(HABITS, 0.0))


def _run(config: TrafficConfig, seed: int = 1) -> tuple[list[Arrival], list[Truth]]:
    truths: list[Truth] = []
    return list(Traffic(config, seed, truths.append)), truths


def _by_message(arrivals: list[Arrival]) -> dict[str, list[Arrival]]:
    found: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        found[arrival.key].append(arrival)
    return found


def test_the_same_seed_gives_the_same_traffic_and_another_seed_another() -> None:
    assert _run(SMALL, 7) == _run(SMALL, 7)
    assert _run(SMALL, 7) != _run(SMALL, 8)


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    short = list(islice(Traffic(SMALL, 3), 500))
    endless = list(islice(Traffic(TrafficConfig(messages=0), 3), 500))
    assert short == endless


def test_arrivals_come_in_order_and_never_before_their_event_time() -> None:
    arrivals, _ = _run(SMALL)
    times = [arrival.at_ms for arrival in arrivals]
    assert times == sorted(times)
    for arrival in arrivals:
        record = arrival.record
        if isinstance(record, Submit):
            assert arrival.at_ms >= record.submitted_at_ms
        elif isinstance(record, SubmitResponse):
            assert arrival.at_ms >= record.responded_at_ms
        else:
            assert arrival.at_ms >= record.received_at_ms


def test_records_go_to_the_topic_of_their_kind() -> None:
    kinds = {(arrival.topic, type(arrival.record)) for arrival in _run(SMALL)[0]}
    assert kinds == {
        ("sms.submit", Submit),
        ("sms.submit-response", SubmitResponse),
        ("sms.delivery-report", DeliveryReport),
    }


def test_where_nothing_goes_wrong_every_sent_message_is_answered_and_delivered() -> None:
    arrivals, truths = _run(_calm())
    stories = _by_message(arrivals)
    assert {truth.fate for truth in truths} == {"delivered", "excluded"}
    for truth in truths:
        records = [arrival.record for arrival in stories[truth.message_id]]
        answers = [record for record in records if isinstance(record, SubmitResponse)]
        reports = [record for record in records if isinstance(record, DeliveryReport)]
        if truth.fate == "excluded":
            assert len(records) == 1
        else:
            assert len(answers) == len(reports) in (1, truth.parts)
            assert {report.code for report in reports} == {"DELIVRD"}
            assert {report.part for report in reports} in ({None}, set(range(1, truth.parts + 1)))


@pytest.mark.parametrize(
    ("habit", "seen"),
    [
        ("no_report", lambda kinds: kinds[DeliveryReport] == 0),
        ("throttled", lambda kinds: kinds[DeliveryReport] == 0),
        ("refused", lambda kinds: kinds[DeliveryReport] == 0),
        ("duplicate", lambda kinds: kinds[Submit] > 2 * 3_000),
    ],
)
def test_a_habit_of_one_rules_everything(habit: str, seen: object) -> None:
    arrivals, _ = _run(_calm().everywhere(**{habit: 1.0}))
    assert callable(seen)
    assert seen(Counter(type(arrival.record) for arrival in arrivals))


def test_throttled_messages_get_another_attempt_at_a_later_time() -> None:
    arrivals, truths = _run(_calm().everywhere(throttled=0.5))
    again = [truth for truth in truths if truth.attempts > 1]
    assert len(again) > 500
    stories = _by_message(arrivals)
    for truth in again:
        submits = [a.record for a in stories[truth.message_id] if isinstance(a.record, Submit)]
        handed_over = sorted(s for s in submits if s.disposition == "submitted")
        times = [submit.submitted_at_ms for submit in sorted(handed_over, key=lambda s: s.attempt)]
        assert [submit.attempt for submit in sorted(handed_over, key=lambda s: s.attempt)] == list(
            range(1, truth.attempts + 1)
        )
        assert times == sorted(set(times))
        assert len({submit.created_at_ms for submit in submits}) == 1


def test_default_traffic_has_all_the_trouble_of_real_traffic() -> None:
    arrivals, truths = _run(TrafficConfig(messages=20_000))
    stories = _by_message(arrivals)
    assert {truth.fate for truth in truths} == {"delivered", "undelivered", "excluded", "refused", "unanswered"}
    troubles: Counter[str] = Counter()
    for story in stories.values():
        _count_troubles([arrival.record for arrival in story], troubles)
    expected = ("early report", "duplicate answer", "pending first", "parts", "late report", "no answer", "enroute")
    assert {name: troubles[name] > 0 for name in expected} == dict.fromkeys(expected, True)
    submits = [arrival.record for arrival in arrivals if isinstance(arrival.record, Submit)]
    assert {submit.traffic_type for submit in submits} == {"marketing", "notification", "otp", "unknown"}
    assert len({submit.country for submit in submits}) == 7
    assert len({submit.account for submit in submits}) == 3
    assert all(submit.recipient.startswith("+") and submit.recipient[1:].isdigit() for submit in submits)


def _count_troubles(records: list[object], troubles: Counter[str]) -> None:
    submits = [record for record in records if isinstance(record, Submit)]
    answers = [record for record in records if isinstance(record, SubmitResponse)]
    reports = [record for record in records if isinstance(record, DeliveryReport)]
    first = next(index for index, record in enumerate(records) if isinstance(record, Submit))
    kinds = [type(record) for record in records]
    troubles["early report"] += DeliveryReport in kinds and kinds.index(DeliveryReport) < max(
        (index for index, kind in enumerate(kinds) if kind is SubmitResponse), default=first
    )
    troubles["duplicate answer"] += len(set(answers)) < len(answers)
    troubles["pending first"] += {submit.disposition for submit in submits} == {"pending", "submitted"}
    troubles["parts"] += any(report.part and report.part > 1 for report in reports)
    troubles["no answer"] += bool(not answers and submits[0].disposition == "submitted")
    troubles["enroute"] += any(report.code == "ENROUTE" for report in reports)
    troubles["late report"] += any(
        report.received_at_ms - min(answer.responded_at_ms for answer in answers) > 86_400_000
        for report in reports
        if answers
    )


def test_a_blast_runs_only_in_its_window() -> None:
    blast = Campaign(name="b", traffic_type="marketing", every_ms=3_600_000, open_ms=600_000)
    assert [blast.runs_at(at_ms) for at_ms in (0, 599_999, 600_000, 3_600_000)] == [True, True, False, True]


def test_what_cannot_be_simulated_is_refused() -> None:
    with pytest.raises(ValueError, match="one provider"):
        TrafficConfig(providers=[])
    with pytest.raises(ValueError, match="no habit lose"):
        SMALL.everywhere(lose=0.1)


def test_a_provider_may_report_by_its_own_id_only_and_write_it_otherwise() -> None:
    provider = Provider(name="own", reports_by="provider_id", receipt_id_form="decimal", lagging=0, duplicate=0)
    arrivals, _ = _run(msgspec.structs.replace(SMALL, providers=[provider]), 1)
    answers = {a.record.provider_message_id for a in arrivals if isinstance(a.record, SubmitResponse)}
    receipts = {a.record.provider_message_id for a in arrivals if isinstance(a.record, ProviderReceipt)}
    assert not any(isinstance(arrival.record, DeliveryReport) for arrival in arrivals)
    assert receipts
    known = {str(int(id_, 16)) for id_ in answers if id_}
    assert len(receipts - known) < len(receipts) / 20, "all but those whose answer was lost"
