"""The demo's incident: what the detectors say of it is that, and nothing else, whatever the lot."""

from __future__ import annotations

import pytest

from streams.apps import demo_traffic
from streams.events import Anomaly, ProviderReceipt
from streams.settings import Settings
from tests.detector_worlds import Host
from tests.unit.test_route_health import Counted

END_MS = 1_795_000_000_000
START_MS = END_MS - demo_traffic.BACKLOG_MS
CAUGHT_UP_MS = END_MS + 40_000


def told(messages: int, seed: int) -> list[Anomaly]:
    """Return what detect says of the backlog, which correlate has read in one go some time after its end."""
    settings = Settings()
    watched = demo_traffic.watched(settings.detect)
    counted = Counted(settings.rules())
    arrivals = (one for one in demo_traffic.backlog(START_MS, messages, seed, True) if one.at_ms <= END_MS)
    counted.feed([one.record for one in arrivals if not isinstance(one.record, ProviderReceipt)])
    counted.end(CAUGHT_UP_MS)
    fresh = [r for r in counted.told if r.window_start_ms >= CAUGHT_UP_MS - watched.max_age_ms]
    host = Host(watched.engine)
    host.see(fresh)
    return host.advance(CAUGHT_UP_MS)


@pytest.mark.parametrize("seed", range(1, 7))
@pytest.mark.parametrize("messages", [100, 2_000])
def test_one_provider_fails_in_one_country_and_nothing_else_is_wrong(messages: int, seed: int) -> None:
    found = told(messages, seed)
    assert {(one.kind, one.scope, one.provider, one.country) for one in found} == {
        ("delivery_rate", "provider_country", demo_traffic.FAILS, "FR")
    }, [one.sentence for one in found]
    assert (found[-1].severity, found[-1].part_of) == ("critical", "")
