"""Single values as a configuration has them: durations, numbers, truths, names, secrets in files."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*")


class SettingsError(ValueError):
    """The configuration does not say what it must; the message names the setting and what to mend."""


def duration_ms(text: object, name: str = "duration") -> int:
    """Read "500ms", "60s", "10m", "24h" or "7d" as milliseconds."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise SettingsError(f'{name} = {text!r} is not a duration: write "500ms", "60s", "10m", "24h" or "7d"')
    return round(float(found[1]) * _UNITS[found[2]])


def typed(name: str, value: Any, kind: str, is_duration: bool) -> Any:
    """Read a value as a setting of the type `kind` (or a duration) has it."""
    if is_duration:
        return duration_ms(value, name)
    if kind == "bool":
        return _truth(name, value)
    try:
        return {"int": int, "float": float, "str": str}[kind](value)
    except ValueError as error:
        raise SettingsError(f"{name} = {value!r} is not a number") from error


def _truth(name: str, value: Any) -> bool:
    if str(value).lower() not in ("true", "false"):
        raise SettingsError(f"{name} = {value!r} must be true or false")
    return str(value).lower() == "true"


def secret(name: str, key: str, value: Any) -> tuple[str, Any]:
    """Return a key and its value; that of ``KEY_file`` is what the file holds."""
    if not key.endswith("_file"):
        return key, value
    try:
        return key.removesuffix("_file"), Path(str(value)).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"{name}: cannot read {value}: {error.strerror}") from error


def check_names(what: str, given: Any, known: Any) -> None:
    """Refuse names that are not known, with the one that was probably meant."""
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {close[0]}?" if close else f": there are {', '.join(known)}"
            raise SettingsError(f"unknown {what}: {name}{hint}")
