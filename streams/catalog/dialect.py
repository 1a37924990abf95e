"""One dialect: a CSV file of codes, checked when it is loaded.

Lines before the header that begin with ``#`` say what the file as a whole is: ``# title: ...``, ``# base: NAME`` (the
dialect whose codes hold where this file has none), ``# errors: NAME`` (the dialect whose ``err`` rows hold),
``# numbers: hexadecimal`` (eight digits are a hexadecimal number), ``# err: hexadecimal`` (``00B`` in ``err`` is 11).

Only ``side``, ``code`` and ``status`` must be told. What a file leaves out follows from them: ``final`` from the
status, class and action from the reason, labels from the reason's.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from streams.catalog.outcomes import OK, PERMANENT, TEMPORARY, AnswerOutcome, ReportOutcome
from streams.catalog.reasons import ACTIONS, CLASSES, CatalogError, Reason
from streams.catalog.spelling import fold

ANSWER, REPORT, TEXT, ERR = "answer", "report", "text", "err"
"""What a row is about: the code of an answer, the code of a report, or what stands beside the code of a report: its
text, or the provider's error code, which tells why where the report's own code does not."""

_FINAL = ("delivered", "failed", "sent_without_sr")
_ALLOWED = {
    "side": {ANSWER, REPORT, TEXT, ERR},
    "status": {"accepted", "enroute", *_FINAL},
    "final": {"yes", "no"},
    "reason_class": CLASSES,
    "recipient_action": ACTIONS,
    "billed": {"yes", "no", ""},
    "colour": {"green", "yellow", "orange", "grey", "red", ""},
}
COLUMNS = [
    *("side", "code", "words", "status", "final", "reason", "reason_class", "recipient_action"),
    *("billed", "colour", "label_en", "label_fr", "source"),
]
SEPARATOR = "|"
"""Between the words of a row, and between the codes of a ``text`` row: both may have blanks in them."""

_REQUIRED = ("side", "code", "status")
_HEADS = ("title", "base", "errors", "numbers", "err")
_RADIX = ("decimal", "hexadecimal")


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
    errors: str = ""
    err_hexadecimal: bool = False


def read_dialect(path: Path, reasons: Mapping[str, Reason]) -> Dialect:
    """Read and check a dialect file; raise `CatalogError` at the first thing that is wrong."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path}: cannot be read as a text in UTF-8: {error}") from error
    count = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    heads = dict(_head(path, number, line) for number, line in enumerate(lines[:count], start=1))
    reader = csv.DictReader(lines[count:], delimiter=_delimiter(lines[count:]), strict=True)
    _check_columns(path, reader.fieldnames or ())
    try:
        rows = ((count + reader.line_num, row) for row in reader)
        entries = [_entry(path, line, row, reasons) for line, row in rows if any(row.values())]
    except csv.Error as error:
        raise CatalogError(f"{path}:{count + reader.line_num}: {error}") from error
    _check_unique(path, entries)
    return Dialect(
        name=path.stem,
        title=heads.get("title", path.stem),
        base=heads.get("base", ""),
        hexadecimal=heads.get("numbers") == "hexadecimal",
        entries=entries,
        errors=heads.get("errors", ""),
        err_hexadecimal=heads.get("err") == "hexadecimal",
    )


def _delimiter(lines: Sequence[str]) -> str:
    """Return what stands between the columns: spreadsheets write semicolons where the comma is a decimal sign."""
    header = lines[0] if lines else ""
    return max((",", ";", "\t"), key=header.count)


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    """Check that the header has what every row must tell, and nothing that nobody reads."""
    known = set(columns) <= set(COLUMNS) and len(set(columns)) == len(columns)
    if not known or not set(_REQUIRED) <= set(columns):
        raise CatalogError(
            f"{path}: the first line (but for those with #) must name columns of {','.join(COLUMNS)}; "
            f"{', '.join(_REQUIRED)} must be among them"
        )


def _head(path: Path, number: int, line: str) -> tuple[str, str]:
    key, colon, value = line[1:].partition(":")
    key, value = key.strip(), value.strip()
    if not colon or key not in _HEADS:
        raise CatalogError(f"{path}:{number}: write '# NAME: VALUE', NAME one of {', '.join(_HEADS)}")
    if key in ("numbers", "err") and value not in _RADIX:
        raise CatalogError(f"{path}:{number}: {key} is {value!r}, must be {' or '.join(_RADIX)}")
    return key, value


def _entry(path: Path, line: int, row: dict[str, str], reasons: Mapping[str, Reason]) -> Entry:
    where = f"{path}:{line}"
    if None in row or None in row.values():
        raise CatalogError(f"{where}: not {len([name for name in row if name is not None])} columns")
    told = {name: (value or "").strip() for name, value in row.items()}
    if told.get("reason", "") not in {*reasons, ""}:
        raise CatalogError(f"{where}: reason {told['reason']!r} is not in reasons.csv")
    filled = _filled(path, told, reasons)
    for column, allowed in _ALLOWED.items():
        if filled[column] not in allowed:
            choices = ", ".join(sorted(allowed - {""}))
            raise CatalogError(f"{where}: {column} is {filled[column]!r}, must be one of {choices}")
    entry = Entry(*(filled[column] for column in COLUMNS))
    problem = _problem(entry)
    if problem:
        raise CatalogError(f"{where}: {problem}")
    return entry


def _filled(path: Path, told: Mapping[str, str], reasons: Mapping[str, Reason]) -> dict[str, str]:
    """Return the row with all columns: what is left out follows from the status and the reason."""
    row = {column: told.get(column, "") for column in COLUMNS}
    reason = reasons.get(row["reason"])
    failed = row["status"] == "failed"
    bad = failed or reason is not None
    row["final"] = row["final"] or ("yes" if row["status"] in _FINAL else "no")
    usual_class = reason.reason_class if reason else "undetermined" if failed else "none"
    row["reason_class"] = row["reason_class"] or usual_class
    usual_action = reason.recipient_action if reason and failed else "retry" if failed else "keep"
    row["recipient_action"] = row["recipient_action"] or usual_action
    if "colour" not in told:
        row["colour"] = ("orange" if failed else "yellow") if bad else "green"
    row["label_en"] = row["label_en"] or (reason.label_en if reason else row["code"])
    row["label_fr"] = row["label_fr"] or (reason.label_fr if reason else row["code"])
    row["source"] = row["source"] or path.name
    return row


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
    if entry.side == ERR and entry.status not in ("enroute", "failed"):
        return "an err row is enroute or failed: it says what the status of a report without a code is, and why"
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
