"""Kinds of values that options take: durations, times, NAME=NUMBER pairs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import click

from streams.settings import SettingsError, duration_ms


class DurationType(click.ParamType):
    """A duration such as ``90s``, as milliseconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        if isinstance(value, int):
            return value
        try:
            return duration_ms(value)
        except SettingsError:
            self.fail(f"{value!r} is not a duration: write 500ms, 90s, 10m, 24h or 7d", param, ctx)


class TimeType(click.ParamType):
    """A moment: epoch milliseconds or ISO 8601 (UTC where no zone is said), as epoch milliseconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        if isinstance(value, int):
            return value
        text = str(value)
        if text.isdigit():
            return int(text)
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{value!r} is not a time: write epoch milliseconds or 2026-03-02T10:00:00Z", param, ctx)
        return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1_000)


DURATION = DurationType()
TIME = TimeType()
SHARE = click.FloatRange(0, 1)


def read_numbers(option: str, items: Iterable[str], default: float | None = None) -> dict[str, float]:
    """Read ``NAME=NUMBER`` options; with a default, NAME alone will do."""
    numbers = {}
    for item in items:
        name, equals, number = item.partition("=")
        try:
            if not name or (not equals and default is None):
                raise ValueError
            numbers[name] = float(number) if equals else float(default or 0.0)
        except ValueError:
            raise SettingsError(f"{option} {item}: write NAME=NUMBER") from None
    return numbers
