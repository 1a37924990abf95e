"""One dialect: a CSV file of codes, checked when it is loaded.

Lines before the header that begin with ``#`` say what the file as a whole is: ``# title: ...``, ``# base: NAME`` (the
dialect whose codes hold where this file has none), ``# numbers: hexadecimal`` (eight digits are a hexadecimal number).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from streams.catalog.outcomes import OK, PERMANENT, TEMPORARY, AnswerOutcome, ReportOutcome
from streams.catalog.spelling import fold

ANSWER, REPORT, TEXT = "answer", "report", "text"
"""What a row is about: the code of an answer, the code of a report, or the text beside some codes of a report."""

_FINAL = ("delivered", "failed", "sent_without_sr")
_ALLOWED = {
    "side": {ANSWER, REPORT, TEXT},
    "status": {"accepted", "enroute", *_FINAL},
    "final": {"yes", "no"},
    "reason_class": {"none", "temporary", "permanent", "undetermined", "sender"},
    "recipient_action": {"keep", "retry", "quarantine", "remove"},
    "billed": {"yes", "no", ""},
    "colour": {"green", "yellow", "orange", "grey", "red", ""},
}
COLUMNS = [
    *("side", "code", "words", "status", "final", "reason", "reason_class", "recipient_action"),
    *("billed", "colour", "label_en", "label_fr", "source"),
]
SEPARATOR = "|"
"""Between the words of a row, and between the codes of a ``text`` row: both may have blanks in them."""

_HEADS = {"title", "base", "numbers"}


class CatalogError(ValueError):
    """A catalog file does not say what it must; the message names file, line and what to mend."""


class Entry(NamedTuple):
    """One row of a dialect file: what one code of one side means, or a text beside some codes of a report."""

    side: str
    code: str
    words: str
    status: str
    final: str
    reason: str
    reason_class: str
    recipient_action: str
    billed: str
    colour: str
    label_en: str
    label_fr: str
    source: str

    def answer(self) -> AnswerOutcome:
        """Return the meaning as an answer's code."""
        kind = OK if self.status == "accepted" else TEMPORARY if self.reason_class == "temporary" else PERMANENT
        return AnswerOutcome(kind, self.reason, self.reason_class, self.recipient_action)

    def report(self) -> ReportOutcome:
        """Return the meaning as a report's code."""
        billed = {"yes": True, "no": False}.get(self.billed)
        final = self.final == "yes"
        return ReportOutcome(self.status, final, self.reason, self.reason_class, self.recipient_action, billed, True)

    @property
    def meaning(self) -> tuple[str, ...]:
        """What the row says apart from how it is written; rows of one meaning may share their words."""
        return self[3:10]

    def codes(self) -> list[str]:
        """Return the codes, folded; only a ``text`` row has several."""
        return [fold(code) for code in self.code.split(SEPARATOR)]

    def other_words(self) -> list[str]:
        """Return the other words (of a ``text`` row: the phrases), folded."""
        return [fold(word) for word in self.words.split(SEPARATOR) if word.strip()]

    def labels(self) -> list[str]:
        """Return the labels, folded."""
        return [fold(label) for label in (self.label_en, self.label_fr) if label]


class Dialect(NamedTuple):
    """A dialect file; ``base`` is the dialect whose codes hold where this one has none ("": none)."""

    name: str
    title: str
    base: str
    hexadecimal: bool
    entries: list[Entry]


def read_dialect(path: Path, reasons: Iterable[str]) -> Dialect:
    """Read and check a dialect file; raise `CatalogError` at the first thing that is wrong."""
    known = {*reasons, ""}
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = file.readlines()
    count = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    heads = dict(_head(path, number, line) for number, line in enumerate(lines[:count], start=1))
    reader = csv.DictReader(lines[count:])
    if reader.fieldnames != COLUMNS:
        raise CatalogError(f"{path}: the first line (but for those with #) must be {','.join(COLUMNS)}")
    entries = [_entry(path, count + reader.line_num, row, known) for row in reader]
    _check_unique(path, entries)
    hexadecimal = heads.get("numbers", "") == "hexadecimal"
    return Dialect(path.stem, heads.get("title", path.stem), heads.get("base", ""), hexadecimal, entries)


def _head(path: Path, number: int, line: str) -> tuple[str, str]:
    key, colon, value = line[1:].partition(":")
    key, value = key.strip(), value.strip()
    if not colon or key not in _HEADS:
        raise CatalogError(f"{path}:{number}: write '# NAME: VALUE', NAME one of {', '.join(sorted(_HEADS))}")
    if key == "numbers" and value not in ("decimal", "hexadecimal"):
        raise CatalogError(f"{path}:{number}: numbers is {value!r}, must be decimal or hexadecimal")
    return key, value


def _entry(path: Path, line: int, row: dict[str, str], reasons: set[str]) -> Entry:
    where = f"{path}:{line}"
    if None in row or None in row.values():
        raise CatalogError(f"{where}: not {len(COLUMNS)} columns")
    for column, allowed in _ALLOWED.items():
        if row[column] not in allowed:
            choices = ", ".join(sorted(allowed - {""}))
            raise CatalogError(f"{where}: {column} is {row[column]!r}, must be one of {choices}")
    if row["reason"] not in reasons:
        raise CatalogError(f"{where}: reason {row['reason']!r} is not in reasons.csv")
    entry = Entry(*(row[column] for column in COLUMNS))
    problem = _problem(entry)
    if problem:
        raise CatalogError(f"{where}: {problem}")
    return entry


def _problem(entry: Entry) -> str:
    """Say what in a row contradicts itself or the status rules, "" if nothing does."""
    if not all(entry.codes()):
        return "code is empty"
    if entry.side == TEXT and not entry.other_words():
        return "a text row needs its phrases in the column words"
    if entry.status == "failed" and entry.reason_class == "none":
        return "a failure needs a reason_class"
    if entry.status in ("delivered", "accepted") and (entry.reason or entry.reason_class != "none"):
        return f"{entry.status} has no reason, and the reason_class none"
    if entry.side == ANSWER:
        return "" if entry.status in ("accepted", "failed") else "an answer is accepted or failed"
    if (entry.final == "yes") != (entry.status in _FINAL):
        return f"a report that says {entry.status} is {'' if entry.status in _FINAL else 'not '}final"
    return ""


def _check_unique(path: Path, entries: list[Entry]) -> None:
    """Check that no code is there twice, and that only rows of one meaning share a word."""
    codes: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        for code in entry.codes() if entry.side != TEXT else ():
            if codes.setdefault((entry.side, code), entry) is not entry:
                raise CatalogError(f"{path}: {entry.side} {entry.code!r} is there twice")
    words: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        places = [f"{TEXT} beside {code}" for code in entry.codes()] if entry.side == TEXT else [entry.side]
        for key in [(place, word) for place in places for word in entry.other_words()]:
            other = codes.get(key, entry)
            if other is entry:
                other = words.setdefault(key, entry)
            if other is not entry and (key in codes or other.meaning != entry.meaning):
                raise CatalogError(f"{path}: {key[1]!r} stands for both {other.code!r} and {entry.code!r}")
