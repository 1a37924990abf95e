"""One configuration: a TOML file, then the environment, then flags; the later wins.

Sections and their settings are in docs/configuration.md. Durations are written "500ms", "60s", "10m", "24h", "7d".
Secrets come from the environment or from files (``NAME_file = "/run/secrets/x"``) and are never printed.

`model` says what can be set; `load` reads it, section by section (`sections`, `providers`), value by value (`values`).
"""

from __future__ import annotations

from streams.settings.load import load_settings, settings_from
from streams.settings.model import (
    ClickHouseSettings,
    CorrelateSettings,
    DetectSettings,
    IngestSettings,
    LoadSettings,
    ResolveSettings,
    Settings,
)
from streams.settings.values import SettingsError, duration_ms

__all__ = [
    "ClickHouseSettings",
    "CorrelateSettings",
    "DetectSettings",
    "IngestSettings",
    "LoadSettings",
    "ResolveSettings",
    "Settings",
    "SettingsError",
    "duration_ms",
    "load_settings",
    "settings_from",
]
