"""Values as clickhouse-driver gives them, made plain: what JSON has, and times as text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Plain = Callable[[Any], Any]


def plain_rows(rows: Iterable[Sequence[Any]], types: Sequence[str]) -> list[tuple[Any, ...]]:
    """Make the values of rows plain, column by column; columns that are plain already cost nothing."""
    rows = list(rows)
    converters = [_converter(kind) for kind in types]
    if not any(converters):
        return [tuple(row) for row in rows]
    columns = [
        column if convert is None else [convert(value) for value in column]
        for column, convert in zip(zip(*rows, strict=True), converters, strict=False)
    ]
    return list(zip(*columns, strict=True))


def _converter(kind: str) -> Plain | None:
    """Return how values of a ClickHouse type are made plain; None where they are."""
    if "DateTime64(" in kind and not _is_nested(kind):
        digits = int(kind.split("DateTime64(", 1)[1][0])
        return lambda value: value if value is None else _time(value, digits)
    if kind.replace("Nullable(", "").rstrip(")") in _AS_THEY_ARE:
        return None
    return plain


_AS_THEY_ARE = {"Bool", *(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64, 128, 256))}


def _is_nested(kind: str) -> bool:
    return kind.startswith(("Array", "Map", "Tuple", "Nested"))


def plain(value: Any) -> Any:
    """Make one value plain."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    for kind, convert in _CONVERTERS:
        if isinstance(value, kind):
            return convert(value)
    return str(value)


def _time(value: datetime, digits: int) -> str:
    text = value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return text[: len(text) - 6 + digits] if digits else text[:-7]


def _whole_seconds(value: datetime) -> str:
    return _time(value, 3 if value.microsecond else 0)


_CONVERTERS: list[tuple[type, Plain]] = [
    (float, lambda value: value if math.isfinite(value) else None),
    (datetime, _whole_seconds),
    (date, lambda value: value.isoformat()),
    (Decimal, float),
    (bytes, lambda value: value.decode("utf-8", "replace")),
    (dict, lambda value: {str(plain(key)): plain(item) for key, item in value.items()}),
    (list, lambda value: [plain(item) for item in value]),
    (tuple, lambda value: [plain(item) for item in value]),
]
