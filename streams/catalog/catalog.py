"""Looking codes up: per dialect, in whatever form people and systems write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from streams.catalog.book import NO_CODE, Book
from streams.catalog.dialect import ANSWER, ERR, SEPARATOR, TEXT, Dialect, Entry, read_dialect
from streams.catalog.outcomes import UNKNOWN_ANSWER, UNKNOWN_REPORT, AnswerOutcome, ReportOutcome
from streams.catalog.reasons import CatalogError, Reason, read_reasons
from streams.catalog.spelling import fold

_HERE = Path(__file__).resolve().parent

DEFAULT_DIALECT = "smpp"
ANY_DIALECT = "any"
"""The file with codes that mean the same whatever the provider's dialect: words that our own importers write."""


class Catalog:
    """All dialects: ``answer`` and ``report`` give the meaning of a code."""

    def __init__(self, files: Mapping[str, Dialect], reasons: Mapping[str, Reason]) -> None:
        """Take the dialects and the reasons by name."""
        self.files = dict(files)
        self.reasons = dict(reasons)
        self.dialects: dict[str, list[Entry]] = {name: dialect.entries for name, dialect in files.items()}
        self._layers = {name: _layers(files, name) for name in files}
        self._books: dict[str, Book] = {}

    def extended(self, dialects: Iterable[Dialect], reasons: Mapping[str, Reason] | None = None) -> Catalog:
        """Return this catalog with more dialects; what one says that has the name of ours is put before ours."""
        files = dict(self.files)
        for dialect in dialects:
            ours = files.get(dialect.name)
            if ours is not None:
                dialect = _over(dialect, ours)
            files[dialect.name] = dialect
        return Catalog(files, {**self.reasons, **(reasons or {})})

    def book(self, dialect: str) -> Book:
        """Return a dialect ready for looking codes up; made when it is first asked for, as most never are."""
        book = self._books.get(dialect)
        if book is None:
            book = self._books[dialect] = Book(self._layers[dialect])
        return book

    def answer(self, dialect: str, code: str) -> AnswerOutcome:
        """Return what the code of an answer means; `UNKNOWN_ANSWER` where the catalog does not know it."""
        entry = self.book(dialect).find(ANSWER, code)
        return UNKNOWN_ANSWER if entry is None else entry.answer()

    def report(self, dialect: str, code: str, err: str = "", text: str = "") -> ReportOutcome:
        """Return what the code of a report means; `UNKNOWN_REPORT` where the catalog does not know it.

        `text` is for dialects whose code alone does not tell (ClickSend). `err` is the provider's error code: it tells
        why, where the dialect has its numbering and the report's code tells only that something went wrong.
        """
        book = self.book(dialect)
        entry = book.find_report(code, text)
        why = book.find_err(err) if err else None
        if entry is None:
            return why.report() if why is not None and fold(code) in NO_CODE else UNKNOWN_REPORT
        return entry.report() if why is None else self._explained(entry.report(), why)

    def spellings(self, dialect: str) -> Iterator[tuple[str, str, Entry]]:
        """Return every way to write a code of a dialect, folded, with its side and its row; each once."""
        return self.book(dialect).spellings()

    def _explained(self, told: ReportOutcome, why: Entry) -> ReportOutcome:
        """Put the cause that the error code tells into what the report's code tells; never change the status."""
        if not why.reason or (told.reason and not self.reasons[told.reason].generic):
            return told
        if told.status == "failed":
            billed = {"yes": True, "no": False}.get(why.billed, told.billed)
            return told._replace(
                reason=why.reason,
                reason_class=why.reason_class,
                recipient_action=why.recipient_action,
                billed=billed,
            )
        if told.status == "enroute":
            return told._replace(reason=why.reason, reason_class=why.reason_class)
        return told

    def rows(self, dialect: str, code: str, text: str = "") -> list[Entry]:
        """Return the rows that a code means: a report's (with its text), an answer's, an error code's."""
        book = self.book(dialect)
        found = (book.find_report(code, text), book.find(ANSWER, code), book.find_err(code))
        return [entry for entry in found if entry is not None]

    def reads_text(self, dialect: str) -> bool:
        """Tell whether the text beside a report's code takes part in its meaning."""
        return self.book(dialect).reads_text


def _over(dialect: Dialect, ours: Dialect) -> Dialect:
    """A user's dialect of the same name as ours: its rows in the place of ours that say something about its codes."""
    said = {(entry.side, code) for entry in dialect.entries for code in (*entry.codes(), *entry.other_words())}
    kept = [_without(entry, said) for entry in ours.entries]
    return ours._replace(
        title=dialect.title if dialect.title != dialect.name else ours.title,
        base=dialect.base or ours.base,
        errors=dialect.errors or ours.errors,
        entries=[*dialect.entries, *(entry for entry in kept if entry is not None)],
    )


def _without(entry: Entry, said: set[tuple[str, str]]) -> Entry | None:
    """A row without the codes and words that another one takes from it; None where its code is among them."""
    if entry.side == TEXT:
        return entry
    if any((entry.side, code) in said for code in entry.codes()):
        return None
    words = [word for word in entry.words.split(SEPARATOR) if (entry.side, fold(word)) not in said]
    return entry._replace(words=SEPARATOR.join(words))


def _layers(files: Mapping[str, Dialect], name: str) -> list[Dialect]:
    """Return a dialect, the numbering of its errors, its base, the base's base, ..., and the words of all."""
    layers: list[Dialect] = []
    step: str = name
    while step:
        if step not in files:
            raise CatalogError(f"{layers[-1].name}.csv: its base {step!r} is not a dialect: {', '.join(sorted(files))}")
        if files[step] in layers:
            raise CatalogError(f"{layers[-1].name}.csv: its base {step!r} is based on itself")
        layers.append(files[step])
        step = files[step].base
    if ANY_DIALECT in files and name != ANY_DIALECT:
        layers.append(files[ANY_DIALECT])
    return [part for layer in layers for part in (layer, *_numbering(files, layer))]


def _numbering(files: Mapping[str, Dialect], layer: Dialect) -> list[Dialect]:
    """The error codes of the dialect that one says its are."""
    if not layer.errors:
        return []
    if layer.errors not in files:
        known = ", ".join(sorted(files))
        raise CatalogError(f"{layer.name}.csv: its errors {layer.errors!r} is not a dialect: {known}")
    numbering = files[layer.errors]
    return [numbering._replace(entries=[entry for entry in numbering.entries if entry.side == ERR])]


@cache
def default_catalog() -> Catalog:
    """Return the catalog that comes with the package."""
    return load_catalog(_HERE / "dialects", _HERE / "reasons.csv")


def load_catalog(folder: Path, reasons_file: Path) -> Catalog:
    """Read every ``*.csv`` of a folder as a dialect named like the file."""
    reasons = read_reasons(reasons_file)
    files = {path.stem: read_dialect(path, reasons) for path in sorted(folder.glob("*.csv"))}
    if DEFAULT_DIALECT not in files:
        raise CatalogError(f"{folder}: {DEFAULT_DIALECT}.csv is missing")
    return Catalog(files, reasons)
