"""Looking codes up: per dialect, in whatever form people and systems write them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from streams.catalog.book import Book
from streams.catalog.dialect import ANSWER, CatalogError, Dialect, Entry, read_dialect
from streams.catalog.outcomes import UNKNOWN_ANSWER, UNKNOWN_REPORT, AnswerOutcome, ReportOutcome

_HERE = Path(__file__).resolve().parent

DEFAULT_DIALECT = "smpp"
ANY_DIALECT = "any"
"""The file with codes that mean the same whatever the provider's dialect: words that our own importers write."""


class Catalog:
    """All dialects: ``answer`` and ``report`` give the meaning of a code."""

    def __init__(self, files: Mapping[str, Dialect], reasons: dict[str, tuple[str, str]]) -> None:
        """Take the dialects by name and the labels (English, French) by reason."""
        self.files = dict(files)
        self.reasons = reasons
        self.dialects: dict[str, list[Entry]] = {name: dialect.entries for name, dialect in files.items()}
        self._books = {name: Book(_layers(files, name)) for name in files}

    def answer(self, dialect: str, code: str) -> AnswerOutcome:
        """Return what the code of an answer means; `UNKNOWN_ANSWER` where the catalog does not know it."""
        entry = self._books[dialect].find(ANSWER, code)
        return UNKNOWN_ANSWER if entry is None else entry.answer()

    def report(self, dialect: str, code: str, err: str = "", text: str = "") -> ReportOutcome:
        """Return what the code of a report means; `UNKNOWN_REPORT` where the catalog does not know it.

        `text` is for dialects whose code alone does not tell (ClickSend); `err` for numberings of a provider.
        """
        entry = self._books[dialect].find_report(code, text)
        return UNKNOWN_REPORT if entry is None else entry.report()

    def rows(self, dialect: str, code: str, text: str = "") -> list[Entry]:
        """Return the rows that a code means, as a report (with its text) and as an answer; none: unknown."""
        book = self._books[dialect]
        found = (book.find_report(code, text), book.find(ANSWER, code))
        return [entry for entry in found if entry is not None]

    def reads_text(self, dialect: str) -> bool:
        """Tell whether the text beside a report's code takes part in its meaning."""
        return self._books[dialect].reads_text


def _layers(files: Mapping[str, Dialect], name: str) -> list[Dialect]:
    """Return a dialect, its base, the base's base, ..., and the words of all."""
    layers = [files[name]]
    while layers[-1].base:
        base = layers[-1].base
        if base not in files:
            raise CatalogError(f"{layers[-1].name}.csv: its base {base!r} is not a dialect: {', '.join(sorted(files))}")
        if files[base] in layers:
            raise CatalogError(f"{layers[-1].name}.csv: its base {base!r} is based on itself")
        layers.append(files[base])
    if ANY_DIALECT in files and name != ANY_DIALECT:
        layers.append(files[ANY_DIALECT])
    return layers


@cache
def default_catalog() -> Catalog:
    """Return the catalog that comes with the package."""
    return load_catalog(_HERE / "dialects", _HERE / "reasons.csv")


def load_catalog(folder: Path, reasons_file: Path) -> Catalog:
    """Read every ``*.csv`` of a folder as a dialect named like the file."""
    with reasons_file.open(encoding="utf-8", newline="") as file:
        reasons = {row["reason"]: (row["label_en"], row["label_fr"]) for row in csv.DictReader(file)}
    files = {path.stem: read_dialect(path, reasons) for path in sorted(folder.glob("*.csv"))}
    if DEFAULT_DIALECT not in files:
        raise CatalogError(f"{folder}: {DEFAULT_DIALECT}.csv is missing")
    return Catalog(files, reasons)
