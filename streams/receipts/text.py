"""The text of an SMPP delivery receipt (SMPP 3.4, appendix B) as gateways really write it.

``id:IIII sub:SSS dlvrd:DDD submit date:YYMMDDhhmm done date:YYMMDDhhmm stat:DDDDDDD err:E text: ...``

The format is vendor specific: keys come in any order and case, some are missing or have another name, some are glued
to the value before them, dates have 10 to 16 digits, the whole can be encoded once more (``bodies.py``) or be a line of
values between commas (``tables.py``). Reading it never fails and takes linear time.

The message's own text comes last and can hold anything, also something that looks like ``id:``. So it ends the
reading; only an empty ``text:`` may be followed by further keys, and never by an id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from streams.receipts.bodies import other_readings, unescaped
from streams.receipts.tables import table_row


class ReceiptText(NamedTuple):
    """The values as written; None where the key is missing, empty where it has no value.

    ``word``: a state that stands there without its key (``done date:... DELIVRD err:000``), as far as there is no
    ``stat``.
    """

    id: str | None
    sub: str | None
    dlvrd: str | None
    submit_date: str | None
    done_date: str | None
    stat: str | None
    err: str | None
    text: str | None
    word: str | None = None

    @property
    def code(self) -> str:
        """Return what the catalog is asked for: the state; "" where the receipt has none."""
        return self.stat or self.word or ""


EMPTY = ReceiptText(None, None, None, None, None, None, None, None)

_USUAL = re.compile(
    r"id:([^\s\0:,;|]+) sub:(V) dlvrd:(V) submit date:(V) done date:(V) stat:(V) err:(V)"
    r"(?: [Tt]ext:(?![ \t])(.*))?[\s\0]*\Z".replace("V", r"[^\s\0:,;|]*"),
    re.DOTALL,
)
"""The form of the specification, which most are in; read at once. Gives the same as reading key by key."""

_GLUED = r"submit[ \t_-]{0,2}date|sub|dlvrd|done[ \t_-]{0,2}date|stat|err|text"
_KEYS = (
    r"(?:receipted[ _-]?)?(?:(?:smpp|smsc|sms)[ _-]?)?(?:(?:message|msg)[ _-]?)?id"
    r"|sub(?:mit(?:ted)?)?[ \t_-]{0,2}(?:date|time)|submitted|sub"
    r"|done[ \t_-]{0,2}(?:date|time)|dlvrd|delivered"
    r"|(?:(?:message|msg)[ _-]?)?stat(?:us|e)?|err(?:or)?(?:[ _-]?code)?|text"
)
_KEY = re.compile(rf"(?<![^\W\d]-)(?<![^\W\d])({_KEYS})[ \t]?(?::|(?<=text)=)", re.IGNORECASE)
"""A key begins where no word goes on: not in ``myid:``, ``x-id:`` or ``user_id:``; after digits it does.

The message's own text is known by either sign: what stands there must not be read as keys.
"""
_KEY_EQUALS = re.compile(rf"(?<![^\W\d]-)(?<![^\W\d])({_KEYS})[ \t]?(?:=|(?<=text):)", re.IGNORECASE)
_GLUED_KEY = re.compile(rf"({_GLUED}|(?<=[0-9,;|&^/])id|(?<=[A-Z])(?-i:id)):", re.IGNORECASE)
"""A key inside the value before it: ``sub:001dlvrd:001``."""
_GLUED_KEY_EQUALS = re.compile(rf"(?<=[,;|&])({_KEYS})=", re.IGNORECASE)
_NO_SIGNS = str.maketrans("", "", " \t_-")
_LONGEST_KEY = 16
_RUN = re.compile(r"[^\s\0]*")
_DATE_WITH_BLANK = re.compile(
    r"[0-9]{4}[-/.][0-9]{2}[-/.][0-9]{2} [0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:[.,][0-9]{1,9})?"
    r"|[0-9]{8} [0-9]{4}(?:[0-9]{2})?"
    r"|[0-9A-Za-z]{1,4}[-/.][0-9A-Za-z]{2,3}[-/.][0-9]{2,4} [0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?: ?[AP]M)?",
    re.ASCII,
)
_SEPARATORS = ",;|"
_OUTER = " \t\r\n"
_STATES = re.compile(
    r"(?<![\w:])(DELIVRD|UNDELIV|EXPIRED|DELETED|ACCEPTD|REJECTD|ENROUTE|UNKNOWN|UNDELIVRD|BUFFRED|FAILED)(?![\w:])"
)
_ONE_STATE = re.compile(rf"[\s\0]*{_STATES.pattern}[\s\0]*\Z")


def parse_receipt(body: str) -> ReceiptText:
    """Read a receipt's text. The first of equal keys counts; a body that is no receipt gives ``EMPTY``."""
    usual = _USUAL.match(body)
    if usual is not None:
        written = ReceiptText(*usual.groups())
        return written._replace(text=_trimmed(written.text)) if written.text else written
    found = _read(unescaped(body))
    if found is not EMPTY:
        return found
    for reading in other_readings(body):
        found = _read(reading)
        if found is not EMPTY:
            return found
    return EMPTY


def _read(body: str) -> ReceiptText:
    if "=" in body and _begins_with_equals(body):
        fields = _Fields(body, _KEY_EQUALS)
        if fields.found.keys() & {"stat", "text"}:
            return fields.receipt()
    fields = _Fields(body, _KEY)
    if not fields.found:
        row = table_row(body)
        if row is not None:
            return ReceiptText(**row)
        fields = _Fields(body, _KEY_EQUALS)
    if fields.found:
        return fields.receipt()
    word = _ONE_STATE.match(body)
    return EMPTY if word is None else EMPTY._replace(word=word[1])


def _begins_with_equals(body: str) -> bool:
    """Whether the first key is one with ``=``: then one with ``:`` behind it may be in the message's own text."""
    equals = _KEY_EQUALS.search(body)
    return equals is not None and _KEY.search(body, 0, equals.end()) is None


class _Fields:
    """What a body says, key by key. One pass: no part of the body is looked at more often than a few times."""

    def __init__(self, body: str, key: re.Pattern[str]) -> None:
        self.found: dict[str, str] = {}
        self._aliased: dict[str, str] = {}
        self._word: str | None = None
        self._body = body
        self._key = key
        self._glued = _GLUED_KEY if key is _KEY else _GLUED_KEY_EQUALS
        self._run_end = 0
        self._brackets = True
        for name, alias, value in self._pairs():
            (self._aliased if alias else self.found).setdefault(name, value)
        for name, value in self._aliased.items():
            self.found.setdefault(name, value)

    def receipt(self) -> ReceiptText:
        values = {name: self.found.get(name) for name in ReceiptText._fields}
        return ReceiptText(**values | {"word": None if self.found.get("stat") else self._word})

    def _pairs(self) -> Iterator[tuple[str, bool, str]]:
        body = self._body
        match = self._key.search(body)
        cut = False
        while match is not None:
            name, alias = _name(match[1])
            if name == "text":
                after = self._key_after_empty_text(match.end())
                if after is None:
                    yield name, alias, _trimmed(body[match.end() :])
                    return
                cut = True
                yield name, alias, ""
                match = after
                continue
            value, end, following = self._value(match, name)
            if not (cut and name == "id"):
                yield name, alias, value
            if following is None:
                following = self._key.search(body, end)
                self._look_for_state(end, following.start() if following else len(body), following is None)
            match = following

    def _key_after_empty_text(self, start: int) -> re.Match[str] | None:
        """Return the key behind an empty ``text:``; none where the words there are the message's own.

        They are where nothing new would be told, and where it would be an id.
        """
        at = start
        while at < len(self._body) and self._body[at] in " \t":
            at += 1
        following = self._key.match(self._body, at) if at > start else None
        if following is None:
            return None
        name, _ = _name(following[1])
        return None if name in ("id", "text") or name in self.found else following

    def _value(self, key: re.Match[str], name: str) -> tuple[str, int, re.Match[str] | None]:
        """Return the value of a key, where it ends, and the next key if that follows at once."""
        body, start = self._body, key.end()
        if self._brackets and key.start() and body[key.start() - 1] == "[":
            end = body.find("]", start)
            if end >= 0:
                return body[start:end].strip(_OUTER), end, None
            self._brackets = False
        while start < len(body) and body[start] in " \t":
            start += 1
        following = self._key.match(body, start) if start > key.end() else None
        if following is not None:
            return "", start, following
        if name.endswith("date"):
            date = _DATE_WITH_BLANK.match(body, start)
            if date is not None:
                return date[0], date.end(), None
        if self._run_end < start:
            run = _RUN.match(body, start)
            self._run_end = run.end() if run else start
        end = self._run_end
        glued = self._glued.search(body, start, min(end + _LONGEST_KEY, len(body)))
        if glued is not None and glued.start() < end:
            return body[start : glued.start()].rstrip(_SEPARATORS + "&^/"), glued.start(), glued
        return body[start:end].rstrip(_SEPARATORS), end, None

    def _look_for_state(self, start: int, end: int, last: bool) -> None:
        """Remember a state without its key; behind the last key only where nothing else is there."""
        if self._word is None and start < end:
            state = (_ONE_STATE.match if last else _STATES.search)(self._body, start, end)
            self._word = state[1] if state else None


def _trimmed(text: str) -> str:
    """The message's own text without outer blanks, and without the NULs that end strings in C."""
    return text.rstrip(_OUTER + "\0").lstrip(_OUTER)


def _name(key: str) -> tuple[str, bool]:
    """Return the field that a key names, and whether by another name than the specification's."""
    plain = key.lower().translate(_NO_SIGNS)
    if plain.endswith(("date", "time")):
        return ("submit_date" if plain.startswith("sub") else "done_date"), plain not in ("submitdate", "donedate")
    if plain.endswith("id"):
        return "id", plain not in ("id", "msgid", "messageid")
    if plain in ("sub", "dlvrd", "stat", "err", "text"):
        return plain, False
    if plain.startswith("err"):
        return "err", True
    return {"submitted": "sub", "delivered": "dlvrd"}.get(plain, "stat"), True
