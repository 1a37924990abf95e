"""What stands inside the fields of an access log line: META, the user data header, Kannel's ACK and NACK texts."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_plus

from streams.importers.kannel_format import Line

_GROUP = re.compile(r"\?([^?]*)\?([^?]*)")
_NACK = re.compile(r"NACK/(0[xX][0-9a-fA-F]{1,8})(?:/(.*))?\Z", re.DOTALL)
_ENCODINGS = {0: "gsm7", 1: "8bit", 2: "ucs2"}
_CONCAT_8, _CONCAT_16 = 0x00, 0x08

SATURATED = "9223372036854775807"
"""Kannel turns ids into signed 64-bit numbers; every larger one becomes this, so it names no message."""

_CLOSED_AS = {
    "REJECTED Send SMS": "KANNEL_REJECTED",
    "DISCARDED SMS": "KANNEL_DISCARDED",
    "FAILED Send SMS": "KANNEL_FAILED",
    "EXPIRED SMS": "KANNEL_EXPIRED",
}
"""Codes of ours for refusals whose command status the log does not tell."""

_SPOKEN = {"no smsc": "KANNEL_NO_SMSC", "retries exceeded": "KANNEL_RETRIES_EXCEEDED"}
OK = "0"
CLOSING = frozenset({"Sent SMS", *_CLOSED_AS})
"""The events with which Kannel's work on a message ends."""


class Part(NamedTuple):
    """Which segment of a long message: number ``part`` of ``parts``, of those with the same ``ref``."""

    ref: int
    parts: int
    part: int


def parse_udh(header: str) -> Part | None:
    """The concatenation element of a user data header, hexadecimal; None where it has none that makes sense."""
    if len(header) < 12 or len(header) > 600:
        return None
    try:
        data = bytes.fromhex(header)
    except ValueError:
        return None
    at, end = 1, min(len(data), data[0] + 1)
    while at + 2 <= end:
        kind, size = data[at], data[at + 1]
        body = data[at + 2 : at + 2 + size]
        if (kind, len(body)) in ((_CONCAT_8, 3), (_CONCAT_16, 4)):
            part = Part(int.from_bytes(body[:-2], "big"), body[-2], body[-1])
            return part if 1 <= part.part <= part.parts and part.parts > 1 else None
        at += 2 + size
    return None


def parse_meta(meta: str) -> dict[str, dict[str, str]]:
    """``?group?key=value&...?group?...`` with encoded names and values, as a map of maps."""
    return {
        unquote_plus(name): dict(parse_qsl(body, keep_blank_values=True))
        for name, body in _GROUP.findall(meta)
        if "=" in body and body.count("&") < 1000
    }


def network_error(meta: str) -> str:
    """The network error code of a report (the SMPP parameter 0423: one byte kind, two bytes code); empty: none."""
    if "dlr_err=" not in meta:
        return ""
    match = re.search(r"dlr_err=([^&?]*)", meta)
    raw = _bytes(match.group(1)) if match else b""
    return f"{int.from_bytes(raw[1:], 'big'):03d}" if len(raw) == 3 else ""


def _bytes(quoted: str) -> bytes:
    return unquote_plus(quoted[:64], encoding="latin-1").encode("latin-1", "replace")


class Answer(NamedTuple):
    """What the SMSC (or Kannel itself) said to a submit, and the words that came with it."""

    code: str
    text: str
    told: bool
    """Whether the log tells the provider's own code."""


def closing_answer(event: str, nack: str | None) -> Answer:
    """The answer that a closing line means, with the text of its type 16 line where there is one."""
    if event == "Sent SMS":
        return Answer(OK, "", True)
    code = _CLOSED_AS.get(event, "KANNEL_FAILED")
    if nack is None:
        return Answer(code, "", False)
    status = _NACK.match(nack)
    if status is not None:
        return Answer(status.group(1), status.group(2) or "", True)
    said = nack.removeprefix("NACK/")
    return Answer(_SPOKEN.get(said.strip().lower(), code), said, False)


def encoding(coding: int | None) -> str:
    """Kannel's coding as our word; empty where the log does not tell."""
    return _ENCODINGS.get(coding, "") if coding is not None else ""


@lru_cache(maxsize=1 << 16)
def number_key(address: str) -> str:
    """A phone number or sender name in the one form that is compared: no spaces, no + or 00, one case."""
    key = address.replace(" ", "")
    if key.startswith("+"):
        key = key[1:]
    elif key.startswith("00"):
        key = key[2:]
    return key if key.isdigit() else key.casefold()


def same_number(one: str, other: str) -> bool:
    """Whether two keys can be one address: equal, one unknown, or one the national form of the other."""
    if one == other or not one or not other:
        return True
    shorter, longer = sorted((one, other), key=len)
    bare = shorter.lstrip("0")
    return bare.isdigit() and longer.isdigit() and len(bare) >= 7 and longer.endswith(bare)


_PLAIN = {"svc": "service", "act": "account", "binf": "binfo", "box": "box", "id": "uuid", "url": "url"}
SELECTORS = "svc, act, binf, box, id, url, url:PARAMETER, meta:KEY, =WORD"


def select(selector: str, line: Line) -> str:
    """The value that a selector names in a line; empty where the line does not have it.

    ``svc`` the sendsms user, ``act`` account, ``binf`` billing information, ``box`` the smsbox, ``id`` %I, ``url``
    the report URL %R or one of its parameters, ``meta`` a value of any META group, ``=`` a word of your own.
    """
    if selector in _PLAIN:
        return str(getattr(line, _PLAIN[selector]))
    if selector.startswith("="):
        return selector[1:]
    if selector.startswith("meta:"):
        groups = parse_meta(line.meta)
        return next((group[selector[5:]] for group in groups.values() if selector[5:] in group), "")
    if selector.startswith("url:"):
        query = line.url.partition("?")[2]
        return dict(parse_qsl(query)).get(selector[4:], "") if query.count("&") < 1000 else ""
    return ""


def check_selector(selector: str) -> str:
    """Give the selector back, or say which ones there are."""
    if selector in ("", "svc", "act", "binf", "box", "id", "url") or re.match(r"=.|meta:.|url:.", selector):
        return selector
    raise ValueError(f"{selector!r} names no field of the log; there are {SELECTORS}")
