"""What `query` prints: the rows of any query as a table, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from streams.clickhouse.backend import Database, DatabaseError, Result

FORMATS = ("table", "csv", "json")
_OWN_FORMAT = re.compile(r"\bFORMAT\s+[A-Za-z]+\s*;?\s*$", re.IGNORECASE)


def run_query(db: Database, sql: str, fmt: str = "table", *, width: int | None = None) -> str:
    """Run a query and return its rows as text; tables of `sms` need no prefix.

    json is an array of objects: numbers are numbers, times text (``YYYY-MM-DD HH:MM:SS.mmm`` UTC), NULL null.
    `width` is that of the terminal, for a table; None lets the table be as wide as it needs.
    """
    if _OWN_FORMAT.search(sql):
        raise DatabaseError("Leave FORMAT out of the query: --format table, csv or json says how to print the rows")
    result = db.query(sql)
    if fmt == "json":
        return _json(result)
    if fmt == "csv":
        return _csv(result)
    if fmt == "table":
        return table(result, width)
    raise ValueError(f"format {fmt!r} is not one of {', '.join(FORMATS)}")


def _json(result: Result) -> str:
    rows = ",\n ".join(json.dumps(row, ensure_ascii=False) for row in result.dicts())
    return f"[{rows}]\n"


def _csv(result: Result) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if result.columns:
        writer.writerow(result.columns)
    writer.writerows([_cell(value) for value in row] for row in result.rows)
    return out.getvalue()


def table(result: Result, width: int | None = None) -> str:
    """Draw rows as a table, numbers to the right."""
    if not result.columns:
        return ""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for name, kind in zip(result.columns, result.types, strict=True):
        drawn.add_column(name, justify="right" if _is_number(kind) else "left", overflow="fold")
    for row in result.rows:
        drawn.add_row(*(_cell(value) for value in row))
    out = io.StringIO()
    console = Console(file=out, width=width or 10_000, markup=False, highlight=False, emoji=False)
    console.print(drawn)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    return "\n".join([*lines, f"({len(result.rows)} row{'' if len(result.rows) == 1 else 's'})", ""])


def _is_number(kind: str) -> bool:
    return kind.replace("Nullable(", "").replace("LowCardinality(", "").startswith(("Int", "UInt", "Float", "Decimal"))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
