"""Whole sections: of settings with types, of options that are passed through, of tables that others read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from streams.detectors.config import DetectConfig
from streams.detectors.configure import configure
from streams.settings.model import DetectSettings
from streams.settings.values import SettingsError, check_names, duration_ms, secret, typed

_DETECTORS = frozenset(name.removesuffix("_ms") for name in DetectConfig._fields)


def section(base: Any, values: Mapping[str, Any], name: str) -> Any:
    """Return the settings `base` with those changed that section `name` has; ``_ms`` fields are durations there."""
    types = {f.name: f.type for f in fields(base)}
    changes: dict[str, Any] = {}
    for given, raw in values.items():
        key, value = secret(f"{name}.{given}", given, raw)
        field = f"{key}_ms" if f"{key}_ms" in types else key
        check_names(f"setting in [{name}]", [field], [*types])
        changes[field] = typed(f"{name}.{key}", value, str(types[field]), field != key)
    return replace(base, **changes)


def detect_section(values: Mapping[str, Any]) -> DetectSettings:
    """Read the worker's own settings and the detectors'."""
    own = [f.name for f in fields(DetectSettings) if f.name != "engine"]
    known = [name.removesuffix("_ms") for name in (*own, *DetectConfig._fields)]
    check_names("setting in [detect]", values, known)
    detectors = {name: value for name, value in values.items() if name in _DETECTORS}
    worker: DetectSettings = section(
        DetectSettings(), {k: v for k, v in values.items() if k not in _DETECTORS}, "detect"
    )
    try:
        engine = configure(detectors, duration_ms)
    except SettingsError:
        raise
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return replace(worker, engine=engine)


def tables(sections: Mapping[str, Any], section: str) -> dict[str, Mapping[str, Any]]:
    """Return a section of sections as it is written; whoever uses it checks what is in it."""
    found = dict(sections.get(section, {}))
    for name, values in found.items():
        if not isinstance(values, Mapping):
            raise SettingsError(f"[{section}.{name}] must be a section")
    return found


def options(values: Mapping[str, Any], section: str) -> dict[str, str]:
    """Read options that are passed through to a client; ``NAME_file`` takes the value from a file."""
    found: dict[str, str] = {}
    for key, value in _flatten(values).items():
        name, text = secret(f"{section}.{key}", key, value)
        found[name] = str(text).lower() if isinstance(text, bool) else str(text)
    return found


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Undo TOML's dotted keys: ``bootstrap.servers = "x"`` is read as a table in a table."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
