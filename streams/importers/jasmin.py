"""Lines of the Jasmin gateway: its messages log and its DLR lookup log.

``SMS-MT [cid:..] [queue-msgid:..] [smpp-msgid:..] [status:..] ... [content:..]``: the answer to a submit;
``DLR [cid:..] [smpp-msgid:..] [status:..] ...``: a report; ``Mapping smpp msgid: A to queue msgid: B``;
``DLRMapNotFound: Got a DLR for an unknown message id: A``. Python's own notation leaks into values
(``b'..'``, ``CommandStatus.ESME_ROK``), and people quote the lines with bold marks; both are taken off.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_HEAD = re.compile(
    r"(?:(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})(?:,[0-9]{3})? +[A-Z]+ +[0-9]+ )?"
    r"(?P<rest>.*)\Z",
    re.DOTALL,
)
_FIELD = re.compile(r"\[([a-z][a-z /-]*):([^\]]*)\]")
_MAPPING = re.compile(r"Mapping smpp msgid: (\S+) to queue msgid: ([^\s,]+)")
_UNKNOWN = re.compile(r"DLRMapNotFound: Got a DLR for an unknown \**message id: \**([^\s*]+)")
_MARKS = (b"SMS-MT [", b"SMS-MO [", b"DLR [cid:", b"Mapping smpp msgid:", b"DLRMapNotFound")
_BYTES = re.compile(r"b(['\"])(.*)\1\Z", re.DOTALL)

SMS_MT, SMS_MO, DLR, MAPPING, MAP_NOT_FOUND = "SMS-MT", "SMS-MO", "DLR", "mapping", "DLRMapNotFound"


class JasminLine(NamedTuple):
    """One line; ``message_id`` is Jasmin's queue id, ``status`` a command status or a receipt's state."""

    kind: str
    time_text: str
    cid: str
    message_id: str
    provider_message_id: str
    status: str
    sender: str
    recipient: str
    done_date: str
    err: str


def parse_jasmin(raw: bytes) -> JasminLine | None:
    """Read a line of Jasmin's; None for any other."""
    if not any(mark in raw for mark in _MARKS):
        return None
    head = _HEAD.match(raw.decode("utf-8", "replace"))
    if head is None:
        return None
    time_text, rest = head["time"] or "", head["rest"]
    if (mapping := _MAPPING.search(rest)) is not None:
        return JasminLine(MAPPING, time_text, "", mapping[2], mapping[1], "", "", "", "", "")
    if (unknown := _UNKNOWN.search(rest)) is not None:
        return JasminLine(MAP_NOT_FOUND, time_text, "", "", unknown[1], "", "", "", "", "")
    kind = next((kind for kind in (SMS_MT, SMS_MO, DLR) if rest.startswith(kind + " [")), None)
    return None if kind is None else _fields(kind, time_text, rest)


def _fields(kind: str, time_text: str, rest: str) -> JasminLine:
    """The bracketed fields up to the content, which is free text."""
    found: dict[str, str] = {}
    for match in _FIELD.finditer(rest.partition("[content:")[0]):
        found.setdefault(match[1], _plain(match[2]))
    return JasminLine(
        kind,
        time_text,
        found.get("cid", ""),
        found.get("queue-msgid", ""),
        found.get("smpp-msgid", ""),
        found.get("status", "").rpartition("/")[2].strip("*").removeprefix("CommandStatus."),
        found.get("from", ""),
        found.get("to", ""),
        found.get("done date", ""),
        found.get("err", ""),
    )


def _plain(value: str) -> str:
    value = value.strip("*") if len(value.strip("*")) else value
    match = _BYTES.match(value)
    return match[2].strip("*") if match else value
