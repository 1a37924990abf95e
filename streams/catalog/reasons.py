"""The one list of canonical reasons: why a message failed or was left out."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

CLASSES = {"none", "temporary", "permanent", "undetermined", "sender"}
ACTIONS = {"keep", "retry", "quarantine", "remove"}
_COLUMNS = ["reason", "label_en", "label_fr", "reason_class", "recipient_action", "generic"]


class CatalogError(ValueError):
    """A catalog file does not say what it must; the message names file, line and what to mend."""


class Reason(NamedTuple):
    """A canonical reason: what it is called, what follows from it where a row does not say otherwise.

    ``generic``: it tells that something failed and not why, so that an error code beside it may tell more.
    """

    label_en: str
    label_fr: str
    reason_class: str
    recipient_action: str
    generic: bool


def read_reasons(path: Path) -> dict[str, Reason]:
    """Read the list; raise `CatalogError` at the first thing that is wrong."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if reader.fieldnames != _COLUMNS:
                raise CatalogError(f"{path}: the first line must be {','.join(_COLUMNS)}")
            return dict(_reason(f"{path}:{reader.line_num}", row) for row in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CatalogError(f"{path}: cannot be read: {error}") from error


def _reason(where: str, row: dict[str, str]) -> tuple[str, Reason]:
    if None in row or None in row.values() or not row["reason"].strip():
        raise CatalogError(f"{where}: not {len(_COLUMNS)} columns, or no name")
    for column, allowed in (("reason_class", CLASSES), ("recipient_action", ACTIONS), ("generic", {"yes", "no"})):
        if row[column] not in allowed:
            raise CatalogError(f"{where}: {column} is {row[column]!r}, must be one of {', '.join(sorted(allowed))}")
    told = [row[column] for column in _COLUMNS[1:5]]
    return row["reason"].strip(), Reason(told[0], told[1], told[2], told[3], row["generic"] == "yes")
