"""Receipts that are a line of values between commas, without any key.

Vodafone's: STATUS,STATUS TIMESTAMP,ACCEPTED TIMESTAMP,ERROR,DEST,ORIG,RESERVED where the reserved field carries the id.
And the values of the specification in its order: ID,SUB,DLVRD,SUBMIT DATE,DONE DATE,STAT,ERR,TEXT.
"""

from __future__ import annotations

import re

_DATE = r"[0-9]{10}|[0-9]{12}|[0-9]{14}"
_VODAFONE = re.compile(
    rf"[\s\0\"]*(?P<stat>[0-9]{{2}}|[A-Za-z_]{{4,20}})(?P<s>[,;|])(?P<done_date>{_DATE}|)(?P=s)(?P<submit_date>{_DATE})"
    r"(?P=s)(?P<err>[^,;|\s]{0,20})(?P=s)[^,;|]{0,40}(?P=s)[^,;|]{0,40}(?:(?P=s)(?P<id>[^,;|\s\0\"]{0,100}))?"
    r"(?:(?P=s)[^,;|]{0,100}){0,3}[\s\0\"]*\Z",
    re.ASCII,
)
_SPECIFIED = re.compile(
    rf"[\s\0\"]*(?P<id>[^,;|\s]{{1,100}})(?P<s>[,;|])(?P<sub>[0-9]{{0,4}})(?P=s)(?P<dlvrd>[0-9]{{0,4}})"
    rf"(?P=s)(?P<submit_date>{_DATE}|)(?P=s)(?P<done_date>{_DATE}|)(?P=s)(?P<stat>[A-Za-z_]{{4,20}})"
    r"(?:(?P=s)(?P<err>[^,;|\s]{0,20})(?:(?P=s)(?P<text>.{0,400}))?)?\Z",
    re.ASCII | re.DOTALL,
)
_LONGEST = 800
_FIELDS = ("id", "sub", "dlvrd", "submit_date", "done_date", "stat", "err", "text")


def table_row(body: str) -> dict[str, str | None] | None:
    """Return the values by field, None where the form has no such field; None for what is no such line."""
    if len(body) > _LONGEST:
        return None
    if '","' in body:
        body = body.replace('"', "")
    match = _VODAFONE.match(body) or _SPECIFIED.match(body)
    if match is None:
        return None
    told = match.groupdict()
    row = {name: told.get(name) for name in _FIELDS}
    if row["text"] is not None:
        row["text"] = row["text"].strip(" \t\r\n\0")
    return row
