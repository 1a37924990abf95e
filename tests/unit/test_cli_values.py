"""Values of options: durations, moments, pairs; and how durations are written for a person."""

from __future__ import annotations

import click
import pytest

from streams.apps.display import duration_text, time_text
from streams.cli.values import DURATION, TIME, read_numbers
from streams.settings import SettingsError


@pytest.mark.parametrize(("text", "ms"), [("500ms", 500), ("90s", 90_000), ("1.5h", 5_400_000), ("7d", 604_800_000)])
def test_durations(text: str, ms: int) -> None:
    assert DURATION.convert(text, None, None) == ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1772445590000", 1_772_445_590_000),
        ("2026-03-02T09:59:50Z", 1_772_445_590_000),
        ("2026-03-02T10:59:50+01:00", 1_772_445_590_000),
        ("2026-03-02T09:59:50", 1_772_445_590_000),
    ],
)
def test_moments(text: str, ms: int) -> None:
    assert TIME.convert(text, None, None) == ms


@pytest.mark.parametrize("text", ["", "soon", "12", "5 minutes"])
def test_what_is_no_duration_is_told(text: str) -> None:
    with pytest.raises(click.UsageError, match="write 500ms"):
        DURATION.convert(text, None, None)


def test_what_is_no_moment_is_told() -> None:
    with pytest.raises(click.UsageError, match="epoch milliseconds"):
        TIME.convert("yesterday", None, None)


def test_pairs() -> None:
    assert read_numbers("--provider", ["a=2", "b"], 1.0) == {"a": 2.0, "b": 1.0}
    for wrong in ("a", "a=", "=1", "a=x"):
        with pytest.raises(SettingsError, match="NAME=NUMBER"):
            read_numbers("--habit", [wrong])


@pytest.mark.parametrize(
    ("ms", "text"),
    [(None, ""), (0, "0 ms"), (85, "85 ms"), (1_234, "1.2 s"), (65_000, "1 min 05 s"), (93_600_000, "26 h 00 min")],
)
def test_durations_for_a_person(ms: float | None, text: str) -> None:
    assert duration_text(ms) == text


def test_times_for_a_person() -> None:
    assert time_text(1_772_445_590_000) == "2026-03-02 09:59:50"
    assert time_text(0) == "-"
