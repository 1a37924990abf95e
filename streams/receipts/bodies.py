"""Receipts that are encoded once more: relayed over HTTP, as UCS-2, as hexadecimal, or quoted in a gateway's log."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from urllib.parse import unquote

_ANY_CASE = re.IGNORECASE | re.ASCII
_PLUS = re.compile(r"\S{0,400}?\+(?:sub|dlvrd|submit|done|stat|err|text)\b[+a-z]{0,6}(?::|%3A)", _ANY_CASE)
_PERCENT = re.compile(r"\S{0,400}?(?:id|stat)(?:%3A|:)\S{0,200}?%20", _ANY_CASE)
_PERCENT_COLON = re.compile(r"\S{0,400}?\b(?:id|stat)%3A", _ANY_CASE)
_KANNEL = re.compile(r"\[msg:([0-9]{1,6}):")
_CONTENT = "[content:"
_COUNTS = re.compile(r"\[sub/dlvrd messages:([^/\]]{0,20})/([^/\]]{0,20})\]")
_QUOTES = ("'", '"', "b")
_QUOTED = re.compile(r"b?(['\"])(.*)\1\Z", re.DOTALL)
_HEX = re.compile(r"\s*(?:0x)?((?:[0-9a-f]{2}[ :-]?){10,})\s*\Z", re.IGNORECASE | re.ASCII)
_HEX_SIGNS = str.maketrans("", "", " :-")
_LONGEST_LITERAL = 10_000
_SHORTEST = 8
_WIDE = "\u2000"


def unescaped(body: str) -> str:
    """Return the receipt of a body that is readable as it is, without what was put around it."""
    if body[:1] in _QUOTES:
        body = _unquoted(body.rstrip())
    if "[" in body:
        body = _logged(body)
    if "+" in body and _PLUS.match(body):
        return unquote(body.replace("+", " "), errors="replace")
    if "%" in body and (_PERCENT.match(body) or _PERCENT_COLON.match(body)):
        return unquote(body, errors="replace")
    return body


def _logged(body: str) -> str:
    """The content of a line of a gateway's log: Kannel tells its length, Jasmin's is the last of its fields."""
    kannel = _KANNEL.search(body)
    if kannel is not None:
        return body[kannel.end() : _end_of_message(body, kannel.end(), int(kannel[1]))]
    at = body.find(_CONTENT)
    if at < 0:
        return body
    if body.find("[status:", 0, at) >= 0:  # the receipt is in the fields, the content is the message's own
        return _COUNTS.sub(r"[sub:\1] [dlvrd:\2]", body[:at])
    inner = body[at + len(_CONTENT) :]
    end = inner.rfind("]")
    return _unquoted(inner[:end] if end >= 0 else inner)


def _unquoted(text: str) -> str:
    """Take quotes off; escapes in them, as Python writes octets, are read too."""
    quoted = _QUOTED.match(text)
    if quoted is None:
        return text
    if "\\" in quoted[2] and len(text) < _LONGEST_LITERAL:
        try:
            with warnings.catch_warnings(action="ignore"):  # an escape Python does not know is no news
                value = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return quoted[2]
        return value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return quoted[2]


def _end_of_message(body: str, start: int, length: int) -> int:
    """Where Kannel's message ends: by its length, if a bracket is there (people shorten what they quote)."""
    if body[start + length : start + length + 1] == "]":
        return start + length
    for closing in ("] [udh:", "]"):
        at = body.find(closing, start)
        if at >= 0:
            return at
    return len(body)


def other_readings(body: str) -> Iterator[str]:
    """Return what a body that says nothing may be if it is read in another way, the likelier first."""
    if len(body) < _SHORTEST:
        return
    if "\0" in body:
        yield from _two_octets_each(body)
    if any(char >= _WIDE for char in body[:200]):
        for order in ("utf-16-be", "utf-16-le"):
            yield body.encode(order, "surrogatepass").decode("latin-1").strip("\0")
    hexadecimal = _HEX.match(body)
    if hexadecimal is not None:
        octets = bytes.fromhex(hexadecimal[1].translate(_HEX_SIGNS))
        text = octets.decode("latin-1")
        yield text
        yield from _two_octets_each(text)


def _two_octets_each(body: str) -> Iterator[str]:
    """UCS-2 whose octets were read as characters."""
    octets = body.lstrip("\ufeff").encode("latin-1", "replace")
    for mark in (b"\xfe\xff", b"\xff\xfe"):
        octets = octets.removeprefix(mark)
    nulls_first, nulls_second = octets[:200:2].count(0), octets[1:200:2].count(0)
    if not nulls_first and not nulls_second:
        return
    order = "utf-16-be" if nulls_first >= nulls_second else "utf-16-le"
    yield octets[: len(octets) // 2 * 2].decode(order, "replace")
