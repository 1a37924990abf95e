"""The dates of receipts: ten to sixteen digits in half a dozen orders, ISO dates, epoch times, zeros."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_ISO = re.compile(
    r"([0-9]{4})[-/.]([0-9]{2})[-/.]([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?",
    re.ASCII | re.IGNORECASE,
)
_SPACED = re.compile(r"([0-9]{8})[T ]([0-9]{4}|[0-9]{6})", re.ASCII)
_MINUTE_MS = 60_000
_QUARTER_MS = 15 * _MINUTE_MS
_NEAR_MS = 400 * 24 * 60 * _MINUTE_MS
_LONGEST = 40


class Moment(NamedTuple):
    """A receipt's date. ``ms``: epoch milliseconds, read as UTC unless ``zoned``: the date named its own zone."""

    ms: int
    zoned: bool


def parse_date(value: str | None, near_ms: int | None = None) -> Moment | None:
    """Read ``done date`` or ``submit date``; None where it says nothing (zeros, empty, not a date).

    10 digits YYMMDDhhmm; 14 YYYYMMDDhhmmss; 16 characters the SMPP absolute time YYMMDDhhmmsstnnp, or YYYYMMDDhhmmss
    and hundredths; 12 are either YYYYMMDDhhmm, taken if that is a date within about a year of ``near_ms``, or
    YYMMDDhhmmss. Also ``2026-11-22 13:59:26``, ``20261122 135926``, and seconds or milliseconds since 1970.
    """
    value = (value or "").strip()
    if not value or len(value) > _LONGEST:
        return None
    if not _DIGITS.fullmatch(value):
        return _absolute(value) if len(value) == 16 and value[15] in "+-" else _written_out(value)
    if not value.strip("0"):
        return None
    if len(value) == 10:
        return _moment("20" + value + "00") or _epoch(int(value) * 1000, near_ms)
    if len(value) == 12:
        return _twelve(value, near_ms)
    if len(value) == 13:
        return _epoch(int(value), near_ms)
    if len(value) == 14:
        return _moment(value)
    if len(value) == 16 and value.startswith("20"):
        moment = _moment(value[:14])
        return None if moment is None else Moment(moment.ms + int(value[14:]) * 10, False)
    return None


def _twelve(value: str, near_ms: int | None) -> Moment | None:
    short = _moment("20" + value)
    long = _moment(value + "00") if value.startswith("20") else None
    if long is None or short is None:
        return long or short
    if near_ms is None:
        return long
    if abs(long.ms - near_ms) <= _NEAR_MS or abs(long.ms - near_ms) <= abs(short.ms - near_ms):
        return long
    return short


def _epoch(ms: int, near_ms: int | None) -> Moment | None:
    """A number that is no date may count from 1970; believed only where that is near."""
    return Moment(ms, True) if near_ms is not None and abs(ms - near_ms) <= _NEAR_MS else None


def _absolute(value: str) -> Moment | None:
    """SMPP absolute time: t tenths, nn quarters of an hour from UTC, p the sign (``R`` would be relative)."""
    if not _DIGITS.fullmatch(value[:15]):
        return None
    moment = _moment("20" + value[:12])
    if moment is None:
        return None
    offset = int(value[13:15]) * _QUARTER_MS
    return Moment(moment.ms + int(value[12]) * 100 - (offset if value[15] == "+" else -offset), True)


def _written_out(value: str) -> Moment | None:
    spaced = _SPACED.fullmatch(value)
    if spaced is not None:
        return _moment((spaced[1] + spaced[2]).ljust(14, "0"))
    iso = _ISO.fullmatch(value)
    if iso is None:
        return None
    moment = _moment("".join((*iso.group(1, 2, 3, 4, 5), iso[6] or "00")))
    if moment is None:
        return None
    ms = moment.ms + int((iso[7] or "0").ljust(3, "0")[:3])
    zone = iso[8]
    if zone is None:
        return Moment(ms, False)
    if zone in "Zz":
        return Moment(ms, True)
    offset = (int(zone[1:3]) * 60 + int(zone[-2:])) * _MINUTE_MS
    return Moment(ms - (offset if zone[0] == "+" else -offset), True)


@lru_cache(maxsize=8192)
def _moment(digits: str) -> Moment | None:
    """YYYYMMDDhhmmss; None where there is no such time."""
    year, month, day, hour, minute, second = (
        int(digits[:4]),
        *(int(digits[at : at + 2]) for at in range(4, 14, 2)),
    )
    try:
        when = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    return Moment(timegm(when.timetuple()) * 1000, False)
