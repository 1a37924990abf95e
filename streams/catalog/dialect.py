"""One dialect: a CSV file of codes, checked when it is loaded."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from streams.catalog.outcomes import OK, PERMANENT, TEMPORARY, AnswerOutcome, ReportOutcome

_ALLOWED = {
    "side": {"answer", "report"},
    "status": {"accepted", "enroute", "sent_without_sr", "delivered", "failed"},
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


class CatalogError(ValueError):
    """A catalog file does not say what it must; the message names file, line and what to mend."""


class Entry(NamedTuple):
    """One row of a dialect file: what one code of one side (answer or report) means."""

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

    def spellings(self) -> list[str]:
        """Return the code and its other words, folded."""
        return [fold(word) for word in (self.code, *self.words.split())]


def fold(word: str) -> str:
    """Fold a code for comparison: case, accents and surrounding or doubled blanks do not count."""
    if word.isascii():
        return " ".join(word.lower().split())
    plain = unicodedata.normalize("NFKD", word)
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).casefold().split())


def read_dialect(path: Path, reasons: Iterable[str]) -> list[Entry]:
    """Read and check a dialect file; raise `CatalogError` at the first thing that is wrong."""
    known = {*reasons, ""}
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != COLUMNS:
            raise CatalogError(f"{path}: the first line must be {','.join(COLUMNS)}")
        entries = [_entry(path, number, row, known) for number, row in enumerate(reader, start=2)]
    _check_unique(path, entries)
    return entries


def _entry(path: Path, line: int, row: dict[str, str], reasons: set[str]) -> Entry:
    if None in row or None in row.values():
        raise CatalogError(f"{path}:{line}: not {len(COLUMNS)} columns")
    for column, allowed in _ALLOWED.items():
        if row[column] not in allowed:
            choices = ", ".join(sorted(allowed - {""}))
            raise CatalogError(f"{path}:{line}: {column} is {row[column]!r}, must be one of {choices}")
    if row["reason"] not in reasons:
        raise CatalogError(f"{path}:{line}: reason {row['reason']!r} is not in reasons.csv")
    if not row["code"]:
        raise CatalogError(f"{path}:{line}: code is empty")
    if row["status"] == "failed" and row["reason_class"] == "none":
        raise CatalogError(f"{path}:{line}: a failure needs a reason_class")
    return Entry(*(row[column] for column in COLUMNS))


def _check_unique(path: Path, entries: list[Entry]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for entry in entries:
        for word in entry.spellings():
            other = seen.setdefault((entry.side, word), entry.code)
            if other != entry.code:
                raise CatalogError(f"{path}: {word!r} stands for both {other!r} and {entry.code!r}")
