"""The catalog as plain rows, for tables elsewhere: every dialect complete, one row a way to write a code."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from streams.catalog.catalog import Catalog

_LABELS = Path(__file__).resolve().parent / "labels.csv"


class CodeRow(NamedTuple):
    """What one spelling of a code means in one dialect, as a report's, an answer's or an error code beside a report."""

    dialect: str
    side: str
    spelling: str
    code: str
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


def code_rows(catalog: Catalog) -> Iterator[CodeRow]:
    """Return the rows, by dialect and side. The spellings are folded; who looks one up folds it likewise."""
    for dialect in catalog.files:
        for side, spelling, entry in catalog.spellings(dialect):
            meaning = (entry.status, entry.final, entry.reason, entry.reason_class, entry.recipient_action)
            told = (entry.billed, entry.colour, entry.label_en, entry.label_fr, entry.source)
            yield CodeRow(dialect, side, spelling, entry.code, *meaning, *told)


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
