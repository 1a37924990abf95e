"""The catalog as plain rows, for tables elsewhere: every dialect complete, one row a way to write a code."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from streams.catalog.catalog import Catalog
from streams.catalog.dialect import Entry

_LABELS = Path(__file__).resolve().parent / "labels.csv"


_MEANING = Entry._fields.index("status")

CODE_COLUMNS = ("dialect", "side", "spelling", "code", *Entry._fields[_MEANING:])
"""What `code_rows` gives: what one spelling of a code means in one dialect, on one side."""


def code_rows(catalog: Catalog) -> Iterator[tuple[str, ...]]:
    """Return the rows, by dialect and side. The spellings are folded; who looks one up folds it likewise."""
    for dialect in catalog.files:
        for side, spelling, entry in catalog.spellings(dialect):
            yield dialect, side, spelling, entry.code, *entry[_MEANING:]


@cache
def _word_labels() -> list[tuple[str, str, str, str]]:
    with _LABELS.open(encoding="utf-8", newline="") as file:
        return [(row["kind"], row["word"], row["label_en"], row["label_fr"]) for row in csv.DictReader(file)]


def word_label(kind: str, word: str, language: str) -> str:
    """Return the label of a word of ours (a status, a class, an action) in ``en`` or ``fr``; "" where there is none."""
    found = (row[3] if language == "fr" else row[2] for row in _word_labels() if row[:2] == (kind, word))
    return next(found, "")


def label_rows(catalog: Catalog) -> Iterator[tuple[str, str, str, str]]:
    """Return the labels of our own words: kind (reason, status, class, action, billed), word, English, French."""
    for name, reason in catalog.reasons.items():
        yield "reason", name, reason.label_en, reason.label_fr
    yield from _word_labels()
