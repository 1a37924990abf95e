"""Each detector finds its incident, on a route, soon; and what is no incident is none."""

from __future__ import annotations

import pytest

from streams.detectors.config import DetectConfig
from streams.detectors.quality import Quality
from streams.detectors.rates import DELIVERY
from streams.detectors.registry import DETECTORS
from streams.events import Anomaly, RouteHealth
from streams.simulator.incidents import KINDS, Incident, inject
from streams.simulator.messages import DAY_MS, HOUR_MS, Route
from streams.simulator.trial import START_MS, World
from tests.detector_worlds import BEGIN_MS, INCIDENT_MS, Host, opened, traffic

SOON_S = {"fake_receipts": 75, "pumping": 60, "silence": 45, "unknown_codes": 60, "slow_reports": 90, "surge": 45}
WORST = {kind: KINDS[kind].sizes[-1] for kind in KINDS if kind not in ("night_marketing", "repeated_recipients")}


def heard(kind: str, size: float) -> list[Anomaly]:
    return opened(Host().run(traffic(75, kind, size)))


@pytest.mark.parametrize("kind", WORST)
def test_a_bad_incident_after_an_hour_of_traffic_is_found_soon_and_named_rightly(kind: str) -> None:
    found = heard(kind, WORST[kind])
    assert found
    assert found[0].kind in KINDS[kind].anomalies
    assert INCIDENT_MS <= found[0].stream_time_ms <= INCIDENT_MS + 1_000 * SOON_S.get(kind, 60) + 10_000
    assert {(a.provider, a.account) for a in found if a.scope == "route"} <= {("aurora", "bank")}
    assert len([a for a in found if a.severity != "info"]) <= 3


def test_every_kind_of_anomaly_has_an_incident_that_is_to_be_found() -> None:
    tried = {anomaly for kind in KINDS.values() for anomaly in kind.anomalies}
    assert tried == {detector.kind for detector in DETECTORS}


MARKETING = Route("retail", "aurora", "FR", "marketing", 300.0)


def test_marketing_in_the_evening_is_told_with_the_local_time() -> None:
    night_ms = START_MS + 20 * HOUR_MS
    records = [r._replace(window_start_ms=r.window_start_ms - BEGIN_MS + night_ms) for r in _marketing(10)]
    told = opened(Host().run(records))
    assert [a.kind for a in told if a.kind == "marketing_hours"] == ["marketing_hours"]
    assert "at 21:0" in told[0].sentence


def test_marketing_by_day_is_nothing_to_tell() -> None:
    assert [a.kind for a in opened(Host().run(_marketing(10))) if a.kind == "marketing_hours"] == []


def test_marketing_on_a_sunday_is_told() -> None:
    records = [r._replace(window_start_ms=r.window_start_ms + 6 * DAY_MS) for r in _marketing(10)]
    told = [a for a in opened(Host().run(records)) if a.kind == "marketing_hours"]
    assert "on a Sunday" in told[0].sentence


def test_the_same_campaign_sent_twice_is_told_and_once_is_not() -> None:
    once = _marketing(20)
    twice = [record._replace(campaign_sample=dict.fromkeys(record.campaign_sample, 2)) for record in once]
    assert [a for a in opened(Host().run(once)) if a.kind == "repeated_recipients"] == []
    (told,) = [a for a in opened(Host().run(twice)) if a.kind == "repeated_recipients"]
    assert told.scope == "account"
    assert told.observed == pytest.approx(0.5, abs=0.1)
    assert [*told.contributors] == ["campaign=sale"]


def _marketing(minutes: int) -> list[RouteHealth]:
    route = Route("retail", "aurora", "FR", "notification", 300.0)
    records = traffic(minutes, routes=(route,))
    numbered = []
    for number, record in enumerate(records):
        sample = {f"sale/{number * 100 + n:010x}": 1 for n in range(3)}
        numbered.append(record._replace(traffic_type="marketing", campaign_sample=sample))
    return numbered


def test_twice_the_usual_volume_is_no_incident() -> None:
    assert heard("surge", 2.0) == []


def test_a_new_route_is_not_judged_by_what_it_never_had() -> None:
    """Half of its messages are delivered from the first minute on: bad, but usual for all that is known."""
    poor = Route("bank", "aurora", "FR", "otp", 240.0, delivered=0.6)
    assert opened(Host().run(traffic(60, routes=(poor,)))) == []


def test_a_route_that_delivers_nearly_nothing_from_the_start_is_told() -> None:
    dead = Route("bank", "aurora", "FR", "otp", 240.0, delivered=0.05, wander=0.1)
    (told,) = [a for a in opened(Host().run(traffic(30, routes=(dead,)))) if a.kind == "delivery_rate"]
    assert told.baseline == "prior"


def test_a_few_failures_are_too_few_to_tell() -> None:
    thin = Route("bank", "aurora", "FR", "otp", 2.0)
    assert opened(Host().run(traffic(75, "delivery_drop", 0.5, routes=(thin,)))) == []


def test_the_end_of_a_campaign_is_no_slowness_of_its_last_reports() -> None:
    """When nothing is sent any more, only reports that take long still come."""
    route = Route("retail", "aurora", "FR", "notification", 300.0, receipt_sigma=1.4)
    told = opened(Host().run(traffic(75, "silence", 1.0, routes=(route,))))
    assert {a.kind for a in told} <= {"volume_silent"}


def test_what_lasts_for_a_day_is_learned_and_before_that_it_is_not() -> None:
    """The day made ten minutes here; the baseline follows with its half-life of two hours."""
    for adapt_after_ms, learns in ((10 * 60_000, True), (DAY_MS, False)):
        host = Host(DetectConfig(adapt_after_ms=adapt_after_ms))
        told = opened(host.run(traffic(95, "delivery_drop", 0.3)))
        assert [a.scope for a in told] == ["route"]
        state = host.states["provider:aurora"].scopes["route|bank|aurora|FR|otp"]
        assert isinstance(state, Quality)
        assert (state.baseline.share[DELIVERY] < told[0].expected - 0.03) == learns


def test_messages_that_go_to_another_provider_wake_nobody() -> None:
    """From ten on the sender hands its codes to borealis; both routes tell, as information."""
    both = (Route("bank", "aurora", "FR", "otp", 150.0), Route("bank", "borealis", "FR", "otp", 150.0))
    before, after = World(5, both).messages(0)
    moved = Incident("silence", INCIDENT_MS, INCIDENT_MS + DAY_MS, 1.0)
    before = inject(before, both[0], moved, 5)
    after = inject(after, both[1], Incident("surge", INCIDENT_MS, INCIDENT_MS + DAY_MS, 2.0), 5)
    records = World(5, both).records([before, after], BEGIN_MS, BEGIN_MS + 80 * 60_000)
    (told,) = [a for a in opened(Host().run(records)) if a.kind == "volume_silent"]
    assert (told.severity, told.provider) == ("info", "aurora")
    assert told.sentence.endswith("handed to other providers: rerouted")
