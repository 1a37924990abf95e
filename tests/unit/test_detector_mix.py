"""A whole is compared with what is usual of its parts: a change of the mix is no incident, one of a part is."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest

from streams.detectors.config import DetectConfig
from streams.detectors.mix import Measured, mixed, mixed_share
from streams.detectors.rates import COUNTED, DELIVERY, PRIOR, RATES
from streams.detectors.repeats import QUIET_MS, Campaign, look
from streams.detectors.scopes import ACCOUNT, Scope
from streams.events import RouteHealth
from streams.simulator.incidents import Incident, inject
from streams.simulator.messages import Route
from streams.simulator.trial import World
from tests.detector_worlds import BEGIN_MS, INCIDENT_MS, Host, opened

CODES = Route("bank", "aurora", "FR", "otp", 120.0, delivered=0.95, wander=0.1)
NEWS = Route("retail", "aurora", "FR", "unknown", 600.0, delivered=0.72, wander=0.1)


def traffic(minutes: int, *blasts: range, drop: float = 0.0) -> list[RouteHealth]:
    """Return codes all the time, and news in some minutes; from the hour on some codes fail that would be delivered."""
    world = World(5, (CODES, NEWS))
    codes, news = world.messages(0)
    minute = (news.at_ms - BEGIN_MS) // 60_000
    news = news.where(np.isin(minute, [*chain(*blasts)]))
    if drop:
        codes = inject(codes, CODES, Incident("delivery_drop", INCIDENT_MS, INCIDENT_MS + 1_800_000, drop), 5)
    return world.records([codes, news], BEGIN_MS, BEGIN_MS + minutes * 60_000)


def heard(records: list[RouteHealth]) -> list[tuple[str, str, str]]:
    return [(a.kind, a.scope, a.account) for a in opened(Host().run(records)) if a.severity != "info"]


def test_a_list_that_delivers_badly_and_is_sent_at_times_is_no_incident_of_its_provider() -> None:
    assert heard(traffic(120, range(20, 40), range(90, 110))) == []


def test_an_incident_of_one_of_them_is_found_while_both_are_sent() -> None:
    assert heard(traffic(90, range(20, 90), drop=0.5)) == [("delivery_rate", "route", "bank")]


def measured(trials: float, share: float, weight: float) -> Measured:
    each = np.ones((1, len(RATES)))
    return Measured(each * 0, each * trials, each * share, each * weight, each * 0.01)


def test_the_usual_share_of_a_whole_is_that_of_its_parts_by_what_each_did() -> None:
    whole = measured(400, 0.9, 5_000)
    found = mixed(whole, [measured(100, 0.96, 1e9), measured(300, 0.72, 1e9)])
    assert found.share[0, DELIVERY] == pytest.approx(0.25 * 0.96 + 0.75 * 0.72)
    assert found.correlation[0, DELIVERY] == pytest.approx(0.01)  # the whole's own: no less
    assert found.weight[0, DELIVERY] == pytest.approx(5_000)


def test_of_a_part_that_is_new_the_whole_stands_in_for_the_prior_and_little_is_sure() -> None:
    whole = measured(100, 0.5, 5_000)
    new = measured(100, float(PRIOR[DELIVERY]), 20)
    found = mixed(whole, [new])
    assert found.share[0, DELIVERY] == pytest.approx(0.5)
    assert found.weight[0, DELIVERY] == pytest.approx(20)


def test_where_nothing_was_done_the_whole_is_as_it_was() -> None:
    whole = measured(0, 0.9, 5_000)
    found = mixed(whole, [measured(0, 0.2, 100)])
    assert (found.share[:, :COUNTED] == whole.share[:, :COUNTED]).all()
    assert (found.weight == whole.weight).all()


def test_the_share_of_a_reason_is_mixed_likewise() -> None:
    share, weight = mixed_share(0.02, 5_000, [(90, 0.1, 1e9), (10, 0.0, 1e9)])
    assert share == pytest.approx(0.09)
    assert weight == pytest.approx(5_000)


def test_a_campaign_that_was_told_of_is_not_told_again_for_one_repetition() -> None:
    campaign, scope = Campaign(0), Scope(ACCOUNT, "retail", "", "", "")
    for number in range(40):
        campaign.add(f"{number:x}", 2, 10_000)
    assert look(scope, "sale", campaign, False, 10_000, DetectConfig())
    later_ms = 10_000 + QUIET_MS
    campaign.add("0", 1, later_ms)
    assert look(scope, "sale", campaign, False, later_ms, DetectConfig()) is None
    for number in range(1, 5):
        campaign.add(f"{number:x}", 1, later_ms)
    assert look(scope, "sale", campaign, False, later_ms, DetectConfig())
