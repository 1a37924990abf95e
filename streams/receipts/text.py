"""The text of an SMPP delivery receipt (SMPP 3.4, appendix B) as gateways really write it.

``id:IIII sub:SSS dlvrd:DDD submit date:YYMMDDhhmm done date:YYMMDDhhmm stat:DDDDDDD err:E text: ...``

The format is vendor specific: keys come in any order and case, some are missing, dates have 10 to 16 digits.
Reading it never fails and takes linear time. The message's own text comes last and can hold anything, also
something that looks like ``id:``; so it is cut off before any other key is looked for.
"""

from __future__ import annotations

import re
from calendar import timegm
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

_KEY = re.compile(r"(?<![A-Za-z0-9])(msgid|id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text):", re.IGNORECASE)
_USUAL = re.compile(
    r"id:(\S+) sub:(\S*) dlvrd:(\S*) submit date:(\S*) done date:(\S*) stat:(\S*) err:([^\s\0]*)"
    r"(?: [Tt]ext:(.*))?[\s\0]*\Z",
    re.DOTALL,
)
"""The form of the specification, which most are in; read at once. Gives the same as reading key by key."""
_VALUE = re.compile(r"[ \t]*([^\s\0]*)")
_DIGITS = re.compile(r"[0-9]+")
_MINUTE_MS = 60_000
_QUARTER_MS = 15 * _MINUTE_MS
_NEAR_MS = 400 * 24 * 60 * _MINUTE_MS


class ReceiptText(NamedTuple):
    """The values as written; None where the key is missing, empty where it has no value."""

    id: str | None
    sub: str | None
    dlvrd: str | None
    submit_date: str | None
    done_date: str | None
    stat: str | None
    err: str | None
    text: str | None


EMPTY = ReceiptText(None, None, None, None, None, None, None, None)


def parse_receipt(body: str) -> ReceiptText:
    """Read a receipt's text. The first of equal keys counts; a body that is no receipt gives ``EMPTY``."""
    usual = _USUAL.match(body)
    if usual is not None:
        written = ReceiptText._make(usual.groups())
        return written._replace(text=written.text.strip(" \t\r\n\0")) if written.text else written
    if "+stat:" in body and " " not in body.partition("+stat:")[0]:
        body = body.replace("+", " ")  # relayed over HTTP and still encoded
    found: dict[str, str] = {}
    cut = False
    matches = list(_KEY.finditer(body))
    for at, match in enumerate(matches):
        key = _name(match.group(1))
        following = matches[at + 1].start() if at + 1 < len(matches) else len(body)
        if key == "text":
            between = body[match.end() : following]
            if at + 1 < len(matches) and between and not between.strip():
                found.setdefault(key, "")  # an empty text: in the middle: the keys after it still count,
                cut = True  # but an id would be the message's own
                continue
            found.setdefault(key, body[match.end() :].strip(" \t\r\n\0"))
            break
        if cut and key == "id":
            continue
        value = _VALUE.match(body, match.end(), following)
        found.setdefault(key, value.group(1) if value else "")
    if not found:
        return EMPTY
    return ReceiptText(*(found.get(name) for name in ReceiptText._fields))


def _name(key: str) -> str:
    lower = key.lower()
    if lower.endswith("date"):
        return "submit_date" if lower.startswith("submit") else "done_date"
    return "id" if lower == "msgid" else lower


class Moment(NamedTuple):
    """A receipt's date. ``ms``: epoch milliseconds, read as UTC unless ``zoned``: the date named its own zone."""

    ms: int
    zoned: bool


def parse_date(value: str | None, near_ms: int | None = None) -> Moment | None:
    """Read ``done date`` or ``submit date``; None where it says nothing (zeros, empty, not a date).

    10 digits YYMMDDhhmm; 14 YYYYMMDDhhmmss; 16 characters the SMPP absolute time YYMMDDhhmmsstnnp; 12 are
    either YYYYMMDDhhmm, taken if that is a date within about a year of ``near_ms``, or YYMMDDhhmmss.
    """
    if not value or len(value) not in (10, 12, 14, 16):
        return None
    digits = value[:15] if len(value) == 16 else value
    if not digits.isascii() or not _DIGITS.fullmatch(digits) or not digits.strip("0"):
        return None
    if len(value) == 10:
        return _moment("20" + value + "00")
    if len(value) == 14:
        return _moment(value)
    if len(value) == 16:
        return _absolute(value)
    return _twelve(value, near_ms)


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


def _absolute(value: str) -> Moment | None:
    """SMPP absolute time: t tenths, nn quarters of an hour from UTC, p the sign (``R`` would be relative)."""
    moment = _moment("20" + value[:12])
    if moment is None or value[15] not in "+-":
        return None
    offset = int(value[13:15]) * _QUARTER_MS
    return Moment(moment.ms + int(value[12]) * 100 - (offset if value[15] == "+" else -offset), True)


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
