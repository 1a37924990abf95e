"""When marketing may be sent in France, and when maintenance keeps anomalies silent."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from streams.detectors.hours import FRENCH_HOURS
from streams.detectors.scopes import Scope
from streams.detectors.silence import Silence

FRANCE = FRENCH_HOURS[0]
REUNION = next(hours for hours in FRENCH_HOURS if hours.country == "RE")
ROUTE = Scope("route", "bank", "aurora", "FR", "otp")


def at(text: str, zone: str = "Europe/Paris") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("2026-03-02T08:00:00", ""),
        ("2026-03-02T19:59:50", ""),
        ("2026-03-07T12:00:00", ""),  # a Saturday
        ("2026-03-02T07:59:50", "at 07:59 local time"),
        ("2026-03-02T20:00:00", "at 20:00 local time"),
        ("2026-03-08T12:00:00", "on a Sunday"),
        ("2026-07-14T12:00:00", "on a public holiday (National Day)"),
        ("2026-04-06T12:00:00", "on a public holiday (Easter Monday)"),
        ("2026-07-01T08:00:00", ""),  # summer time
        ("2026-07-01T20:30:00", "at 20:30 local time"),
    ],
)
def test_marketing_to_france_is_permitted_on_working_days_from_8_to_20(when: str, why: str) -> None:
    assert FRANCE.forbids(at(when)) == why


def test_overseas_departments_have_their_own_time_and_holidays() -> None:
    assert REUNION.forbids(at("2026-03-02T08:00:00", "Indian/Reunion")) == ""
    assert REUNION.forbids(at("2026-03-02T08:00:00", "Europe/Paris")) == ""
    assert REUNION.forbids(at("2026-03-02T18:00:00", "Europe/Paris")) == "at 21:00 local time"
    assert "Abolition" in REUNION.forbids(at("2026-12-20T12:00:00", "Indian/Reunion"))


def test_a_silence_ends_when_it_says() -> None:
    silence = Silence(provider="aurora", from_ms=at("2026-03-02T01:00:00"), to_ms=at("2026-03-02T03:00:00"))
    assert not silence.covers("delivery_rate", ROUTE, at("2026-03-02T00:59:59"))
    assert silence.covers("delivery_rate", ROUTE, at("2026-03-02T01:00:00"))
    assert not silence.covers("delivery_rate", ROUTE, at("2026-03-02T03:00:00"))


def test_a_silence_is_for_what_it_names_only() -> None:
    always = Silence(provider="aurora", kind="throttling")
    assert always.covers("throttling", ROUTE, 0)
    assert not always.covers("refusals", ROUTE, 0)
    assert not always.covers("throttling", ROUTE._replace(provider="borealis"), 0)
    assert not Silence(country="BE").covers("throttling", ROUTE, 0)


def test_a_recurring_silence_goes_over_midnight_in_local_time() -> None:
    sunday_night = Silence(days=(6,), starts=time(22), ends=time(4), zone="Europe/Paris")
    assert not sunday_night.covers("refusals", ROUTE, at("2026-03-08T21:59:00"))
    assert sunday_night.covers("refusals", ROUTE, at("2026-03-08T22:00:00"))
    assert sunday_night.covers("refusals", ROUTE, at("2026-03-09T03:59:00"))
    assert not sunday_night.covers("refusals", ROUTE, at("2026-03-09T04:00:00"))
    assert not sunday_night.covers("refusals", ROUTE, at("2026-03-08T03:00:00"))
