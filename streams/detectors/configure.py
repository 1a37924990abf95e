"""The detectors' configuration as a person writes it (a section of TOML), as `DetectConfig`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from streams.detectors.config import DetectConfig
from streams.detectors.hours import Hours
from streams.detectors.silence import Silence

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MOMENTS = {"from": "from_ms", "to": "to_ms"}

Duration = Callable[[object, str], int]
"""Reads "5s" as milliseconds; given the text and the setting's name."""

T = TypeVar("T", Hours, Silence)


def configure(values: Mapping[str, Any], duration: Duration) -> DetectConfig:
    """Return the configuration with these settings; `ValueError` says which one is wrong and what to write."""
    defaults = DetectConfig()
    changes: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{name}_ms" if f"{name}_ms" in DetectConfig._fields else name
        where = f"detect.{name}"
        if key != name:
            changes[key] = duration(value, where)
        elif name == "silences":
            changes[key] = tuple(_one(Silence, one, f"{where}[{n}]") for n, one in enumerate(_list(value, where)))
        elif name == "hours":
            changes[key] = tuple(_one(Hours, one, f"{where}[{n}]") for n, one in enumerate(_list(value, where)))
        elif name == "disabled":
            changes[key] = tuple(str(kind) for kind in _list(value, where))
        else:
            changes[key] = _number(value, type(getattr(defaults, name)), where)
    return defaults._replace(**changes)


def _list(value: Any, where: str) -> list[Any]:
    """Return a list as it is, and a text (of the environment) as what its commas separate."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list):
        raise ValueError(f"{where} must be a list")
    return value


def _number(value: Any, kind: type, where: str) -> Any:
    try:
        return kind(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} = {value!r} is not a number") from error


def _one(kind: type[T], values: Any, where: str) -> T:
    if not isinstance(values, Mapping):
        raise ValueError(f'{where} must be a table, such as {{provider = "aurora"}}')
    names: dict[str, Any] = {_MOMENTS.get(str(name), str(name)): value for name, value in values.items()}
    unknown = sorted(set(names) - set(kind._fields))
    if unknown:
        shown = ", ".join(name.removesuffix("_ms") for name in kind._fields)
        raise ValueError(f"{where} has no {unknown[0]}: there are {shown}")
    read = {name: _value(name, value, f"{where}.{name.removesuffix('_ms')}") for name, value in names.items()}
    try:
        return kind(**read)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error


def _value(name: str, value: Any, where: str) -> Any:
    if name.endswith("_ms"):
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise ValueError(f"{where} = {value!r} is no time with a zone: write 2026-11-25T22:00:00Z, without quotes")
        return round(value.timestamp() * 1_000)
    if name in ("starts", "ends"):
        if not isinstance(value, time):
            raise ValueError(f"{where} = {value!r} is no time of day: write 22:00:00, without quotes")
        return value
    if name == "days":
        return tuple(sorted(_day(day, where) for day in _list(value, where)))
    if name == "zone":
        try:
            ZoneInfo(str(value))
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{where} = {value!r} is no time zone: write such as Europe/Paris") from error
    return str(value)


def _day(day: Any, where: str) -> int:
    found = [number for number, name in enumerate(_DAYS) if name.startswith(str(day).lower()) and len(str(day)) > 1]
    if len(found) != 1:
        raise ValueError(f"{where}: {day!r} is no day: write {', '.join(name[:3] for name in _DAYS)}")
    return found[0]
