"""Times as vendors write them: what they mean, and that none of them can break anything."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.receipts.webhooks.times import EARLIEST_MS, LATEST_MS, ZoneError, read_time, zone_of

TEN = 1_772_445_600_000
"""2026-03-02 10:00:00 UTC."""


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T10:00:00Z",
        "2026-03-02T10:00:00+00:00",
        "2026-03-02T10:00:00.000+0000",
        "2026-03-02T12:00:00+02",
        "2026-03-02T11:00:00.000000000+01:00",
        "2026-03-02T10:00:00.000Z[UTC]",
        "2026-03-02 10:00:00",
        "2026-03-02 10:00:00 UTC",
        "2026-03-02 05:00:00 -0500",
        "2026-03-0210:00:00",
        "2026-03-02T10:00",
        "20260302100000",
        "202603021000",
        "20260302T100000Z",
        "1772445600",
        "1772445600000",
        "1772445600000000",
        "1772445600000000000",
        "1772445600.000",
        "Mon, 02 Mar 2026 10:00:00 GMT",
        "Mon, 02 Mar 2026 18:00:00 +0800",
        "/Date(1772445600000)/",
        " 2026-03-02T10:00:00Z ",
    ],
)
def test_ten_o_clock_in_many_forms(text: str) -> None:
    assert read_time(text) == TEN


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2603021000", "yymmddhhmm"),
        ("260302100000", "yymmddhhmm"),
        ("02/03/2026 10:00:00", "%d/%m/%Y %H:%M:%S"),
        ("02032026-10:00", "%d%m%Y-%H:%M"),
        ("2026.03.02 10:00:00", "%Y.%m.%d %H:%M:%S"),
    ],
)
def test_forms_that_a_description_names(text: str, form: str) -> None:
    assert read_time(text, [form]) == TEN


def test_a_form_that_does_not_fit_leaves_the_usual_ones() -> None:
    assert read_time("2026-03-02T10:00:00Z", ["%d/%m/%Y"]) == TEN


def test_a_time_without_a_zone_is_in_the_vendors() -> None:
    assert read_time("2026-03-02 18:00:00", zone=zone_of("+08:00")) == TEN
    assert read_time("2026-03-02T10:00:00Z", zone=zone_of("+08:00")) == TEN


def test_fractions_are_milliseconds() -> None:
    assert read_time("2026-03-02T10:00:00.1234567Z") == TEN + 123
    assert read_time("1772445600.250") == TEN + 250


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        "yesterday",
        "bananas",
        "0",
        "-1",
        "0000-00-00 00:00:00",
        "2026-13-40T99:99:99Z",
        "9" * 40,
        "1970-01-01",
    ],
)
def test_what_is_no_time_is_none(text: str | None) -> None:
    assert read_time(text) is None


@pytest.mark.parametrize("name", ["Europe/Paris", "+25", "", "Z+1"])
def test_a_zone_is_utc_or_an_offset(name: str) -> None:
    with pytest.raises(ZoneError):
        zone_of(name)


@given(st.text(max_size=70), st.sampled_from([[], ["yymmddhhmm"], ["%d/%m/%Y %H:%M"], ["epoch"]]))
def test_any_text_is_a_sensible_time_or_none(text: str, forms: list[str]) -> None:
    found = read_time(text, forms)
    assert found is None or EARLIEST_MS <= found <= LATEST_MS


@given(st.datetimes(min_value=datetime(2000, 1, 2), max_value=datetime(2099, 12, 30)))
def test_iso_times_keep_their_milliseconds(when: datetime) -> None:
    moment = when.replace(tzinfo=UTC)
    expected = int(moment.timestamp() // 1) * 1_000 + moment.microsecond // 1_000
    assert read_time(moment.isoformat()) == expected
