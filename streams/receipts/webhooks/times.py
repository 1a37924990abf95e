"""Times as vendors write them, as epoch milliseconds UTC.

Nothing here fails: a time that cannot be read is None, and the report it came with is as good without it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime

_LONGEST = 64
EARLIEST_MS, LATEST_MS = 946_684_800_000, 4_102_444_800_000
"""2000 to 2100: what lies outside was not read as it was meant."""

_ISO = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ,]*(\d\d):?(\d\d)(?::?(\d\d)(?:[.,:](\d{1,9}))?)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d\d:?(?:\d\d)?)?(?:\s*\[[\w/+-]+\])?",
    re.ASCII | re.IGNORECASE,
)
_NUMBER = re.compile(r"-?\d{9,20}(?:\.\d{1,9})?", re.ASCII)
_DOTNET = re.compile(r"\\?/Date\((\d{9,16})(?:[+-]\d{4})?\)\\?/", re.ASCII)
_SHORT = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?", re.ASCII)
_FIXED_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)

EPOCH, SHORT = "epoch", "yymmddhhmm"
"""Names of formats that `strptime` has not: seconds, milliseconds, ... by their size; YYMMDDhhmm[ss]."""


class ZoneError(ValueError):
    """A zone that is neither UTC nor an offset."""


def zone_of(name: str) -> tzinfo:
    """Return the zone ``UTC`` or an offset such as ``+02:00``, for times that say none."""
    if name == "UTC":
        return UTC
    fixed = _FIXED_ZONE.fullmatch(name)
    if fixed is None:
        raise ZoneError(f"zone is {name!r}, must be UTC or an offset such as +02:00")
    offset = timedelta(hours=int(fixed[2]), minutes=int(fixed[3]))
    return timezone(-offset if fixed[1] == "-" else offset)


def read_time(text: str | None, formats: Sequence[str] = (), zone: tzinfo = UTC) -> int | None:
    """Read a time; `formats` are tried first, then ISO 8601 and its relatives, epochs, RFC 5322."""
    if not text or len(text) > _LONGEST:
        return None
    text = text.strip()
    for form in formats:
        found = _sensible(_as(text, form, zone))
        if found is not None:
            return found
    for reader in (_iso, _epoch, _dotnet, _mail):
        found = _sensible(reader(text, zone))
        if found is not None:
            return found
    return None


def _sensible(ms: int | None) -> int | None:
    return ms if ms is not None and EARLIEST_MS <= ms <= LATEST_MS else None


def _as(text: str, form: str, zone: tzinfo) -> int | None:
    if form == EPOCH:
        return _epoch(text, zone)
    if form == SHORT:
        return _short(text, zone)
    try:
        return _ms(datetime.strptime(text, form), zone)
    except (ValueError, OverflowError):
        return None


def _ms(when: datetime, zone: tzinfo) -> int | None:
    if when.tzinfo is None:
        when = when.replace(tzinfo=zone)
    try:
        return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    except OverflowError:
        return None


def _iso(text: str, zone: tzinfo) -> int | None:
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    micros = int((found[7] or "0").ljust(6, "0")[:6])
    try:
        when = datetime(year, month, day, hour, minute, min(second, 59), micros)
        return _ms(when.replace(tzinfo=_offset(found[8], zone)), zone)
    except ValueError:
        return None


def _offset(written: str | None, zone: tzinfo) -> tzinfo:
    if written is None:
        return zone
    if written[0] not in "+-":
        return UTC
    digits = written[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if written[0] == "-" else offset)


def _epoch(text: str, _zone: tzinfo) -> int | None:
    """Read seconds, or milliseconds, microseconds or nanoseconds, told by their size."""
    if not _NUMBER.fullmatch(text):
        return None
    whole, _dot, fraction = text.partition(".")
    number = int(whole)
    for scale in (1_000, 1):
        ms = number * scale
        if EARLIEST_MS <= ms <= LATEST_MS:
            return ms + (int(fraction.ljust(3, "0")[:3]) if scale == 1_000 and fraction else 0)
    for divisor in (1_000, 1_000_000):
        if EARLIEST_MS <= number // divisor <= LATEST_MS:
            return number // divisor
    return None


def _short(text: str, zone: tzinfo) -> int | None:
    """Read YYMMDDhhmm or YYMMDDhhmmss (SMPP 3.4 Appendix B)."""
    found = _SHORT.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return _ms(datetime(2000 + year, month, day, hour, minute, second), zone)
    except ValueError:
        return None


def _dotnet(text: str, _: tzinfo) -> int | None:
    found = _DOTNET.fullmatch(text)
    return None if found is None else int(found[1])


def _mail(text: str, zone: tzinfo) -> int | None:
    if not text[-1:].isalnum() and not text[:1].isalnum():
        return None
    try:
        return _ms(parsedate_to_datetime(text), zone)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
