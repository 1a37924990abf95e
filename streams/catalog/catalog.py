"""Looking codes up: per dialect, in whatever form people and systems write them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from streams.catalog.dialect import CatalogError, Entry, fold, read_dialect
from streams.catalog.outcomes import UNKNOWN_ANSWER, UNKNOWN_REPORT, AnswerOutcome, ReportOutcome

_HERE = Path(__file__).resolve().parent
_HEX = re.compile(r"0x[0-9a-f]{1,16}|[0-9a-f]{8}")
_DECIMAL = re.compile(r"[0-9]{1,20}")

DEFAULT_DIALECT = "smpp"
ANY_DIALECT = "any"
"""The file with codes that mean the same whatever the provider's dialect: words that our own importers write."""


class Catalog:
    """All dialects: ``answer`` and ``report`` give the meaning of a code."""

    def __init__(self, dialects: dict[str, list[Entry]], reasons: dict[str, tuple[str, str]]) -> None:
        """Take the entries by dialect and the labels (English, French) by reason."""
        self.dialects = dialects
        self.reasons = reasons
        common = dialects.get(ANY_DIALECT, [])
        self._answers = {name: _index([*common, *entries], "answer") for name, entries in dialects.items()}
        self._reports = {name: _index([*common, *entries], "report") for name, entries in dialects.items()}

    def answer(self, dialect: str, code: str) -> AnswerOutcome:
        """Return what the code of an answer means; `UNKNOWN_ANSWER` where the catalog does not know it."""
        entry = _find(self._answers[dialect], code)
        return UNKNOWN_ANSWER if entry is None else entry.answer()

    def report(self, dialect: str, code: str, err: str = "", text: str = "") -> ReportOutcome:
        """Return what the code of a report means; `UNKNOWN_REPORT` where the catalog does not know it.

        `err` and `text` are for dialects whose code alone does not tell; SMPP's does.
        """
        entry = _find(self._reports[dialect], code)
        return UNKNOWN_REPORT if entry is None else entry.report()

    def reads_text(self, dialect: str) -> bool:
        """Tell whether the text beside a report's code takes part in its meaning."""
        return dialect in _TEXT_DIALECTS


_TEXT_DIALECTS: frozenset[str] = frozenset()


def _index(entries: Iterable[Entry], side: str) -> dict[str, Entry]:
    return {word: entry for entry in entries if entry.side == side for word in entry.spellings()}


def _find(index: dict[str, Entry], code: str) -> Entry | None:
    folded = fold(code)
    entry = index.get(folded)
    if entry is None:
        number = _as_decimal(folded)
        if number is not None:
            return index.get(number)
        return index.get("esme_" + folded)
    return entry


def _as_decimal(code: str) -> str | None:
    """Give a number in the form the files use: decimal without leading zeros.

    Eight digits are a command_status written in hexadecimal (``00000058``), as SMPP tools print it.
    """
    if _HEX.fullmatch(code):
        return str(int(code, 16))
    if _DECIMAL.fullmatch(code):
        return str(int(code))
    return None


@cache
def default_catalog() -> Catalog:
    """Return the catalog that comes with the package."""
    return load_catalog(_HERE / "dialects", _HERE / "reasons.csv")


def load_catalog(folder: Path, reasons_file: Path) -> Catalog:
    """Read every ``*.csv`` of a folder as a dialect named like the file."""
    with reasons_file.open(encoding="utf-8", newline="") as file:
        reasons = {row["reason"]: (row["label_en"], row["label_fr"]) for row in csv.DictReader(file)}
    dialects = {path.stem: read_dialect(path, reasons) for path in sorted(folder.glob("*.csv"))}
    if DEFAULT_DIALECT not in dialects:
        raise CatalogError(f"{folder}: {DEFAULT_DIALECT}.csv is missing")
    return Catalog(dialects, reasons)
