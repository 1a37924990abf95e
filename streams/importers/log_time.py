"""The time of a log line: local time without a zone, to epoch milliseconds."""

from __future__ import annotations

from calendar import timegm
from datetime import datetime, timedelta, tzinfo

_MINUTE_MS = 60_000
_SLACK_MS = 5 * _MINUTE_MS
_REMEMBERED = 4096


class LogTime:
    """Turns "YYYY-MM-DD HH:MM:SS" in one zone into epoch milliseconds; None for what is no time.

    In the hour that a clock going back shows twice, a line counts as the first pass unless the lines before it
    were already later. ``ambiguous`` counts the lines of such hours.
    """

    def __init__(self, zone: tzinfo) -> None:
        """``zone``: that of the process which wrote the log."""
        self.zone = zone
        self.ambiguous = 0
        self._minutes: dict[str, tuple[int, int] | None] = {}
        self._last_ms = 0

    def read(self, text: str) -> int | None:
        """Epoch milliseconds of a time of the log."""
        minute = text[:16]
        try:
            both = self._minutes[minute]
        except KeyError:
            both = self._remember(minute)
        seconds = text[17:19]
        if both is None or not (seconds.isascii() and seconds.isdigit()) or len(text) < 19:
            return None
        first, second = both
        at_ms = first + int(seconds) * 1000
        if second != first:
            self.ambiguous += 1
            if at_ms < self._last_ms - _SLACK_MS:
                at_ms += second - first
        if at_ms > self._last_ms:
            self._last_ms = at_ms
        return at_ms

    def _remember(self, minute: str) -> tuple[int, int] | None:
        if len(self._minutes) >= _REMEMBERED:
            self._minutes.clear()
        self._minutes[minute] = both = self._both(minute)
        return both

    def _both(self, minute: str) -> tuple[int, int] | None:
        """The minute in the first and in the second pass of a doubled hour; mostly the same."""
        try:
            local = datetime.strptime(minute, "%Y-%m-%d %H:%M")
            first = _epoch_ms(local, self.zone.utcoffset(local.replace(tzinfo=self.zone, fold=0)))
            second = _epoch_ms(local, self.zone.utcoffset(local.replace(tzinfo=self.zone, fold=1)))
        except (ValueError, OverflowError):
            return None
        return first, max(first, second)


def _epoch_ms(local: datetime, offset: timedelta | None) -> int:
    seconds = int(offset.total_seconds()) if offset is not None else 0
    return (timegm(local.timetuple()) - seconds) * 1000
