"""Lines of bearerbox's main log that tell of a delivery report. Everything else there is for operators."""

from __future__ import annotations

import re
from typing import NamedTuple

_MARK = "got DLR but could not find message"
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_CONNECTION = re.compile(r"[A-Z0-9]\[([^\]]*)\]: \Z")
_REPORT = re.compile(r"[^<]{0,80}id<([^>]*)> dst<([^>]*)>,? type<([0-9]{1,4})>")
_OTHER = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} \[[0-9]+\] \[[0-9]+\] "
    r"(DEBUG|INFO|WARNING|ERROR|PANIC): "
)


class UnmatchedReport(NamedTuple):
    """A report that bearerbox could not join: ``recipient`` is the message's, ``type`` Kannel's report type."""

    time_text: str
    smsc: str
    id: str
    recipient: str
    type: int


def parse_bearerbox(raw: bytes) -> UnmatchedReport | None:
    """Read a "got DLR but could not find message" line; None for any other."""
    if _MARK.encode() not in raw:
        return None
    before, _, after = raw.decode("latin-1").partition(_MARK)
    told = _REPORT.match(after)
    if told is None:
        return None
    time, connection = _TIME.match(before), _CONNECTION.search(before[-100:])
    smsc = connection[1] if connection else ""
    return UnmatchedReport(time[0] if time else "", smsc, told[1], told[2], int(told[3]))


def is_bearerbox(raw: bytes) -> bool:
    """Whether a line is one of bearerbox's or smsbox's main log."""
    return _OTHER.match(raw[:80].decode("latin-1")) is not None
