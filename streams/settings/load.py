"""From a file, the environment and flags to the settings; the later wins."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streams.catalog import CatalogError, default_catalog
from streams.catalog.custom import customised, relative_to
from streams.settings.model import (
    ClickHouseSettings,
    CorrelateSettings,
    IngestSettings,
    LoadSettings,
    ResolveSettings,
    Settings,
)
from streams.settings.providers import customs
from streams.settings.sections import detect_section, options, section, tables
from streams.settings.values import SettingsError, check_names

_ENVIRONMENT = "SMS_"
_SECTIONS = (
    *("kafka", "schema_registry", "topics", "correlate", "resolve", "load", "detect", "ingest", "clickhouse"),
    *("defaults", "providers", "catalog", "receipts", "vendors"),
)
_TABLES = ("providers", "receipts", "vendors")
"""Sections of sections, one for each name; they have no variables in the environment."""


def load_settings(
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Mapping[str, Any]] | None = None,
) -> Settings:
    """Read the configuration; raise `SettingsError` with the setting and what to mend."""
    merged = _read(file)
    for layer in (_from_environment(environment or {}), flags or {}):
        for name, values in layer.items():
            merged.setdefault(name, {}).update(values)
    return settings_from(merged)


def settings_from(sections: Mapping[str, Any]) -> Settings:
    """Build the settings from sections as a TOML file has them."""
    check_names("section", sections, _SECTIONS)
    try:
        catalog, sections = customised(default_catalog(), sections)
    except CatalogError as error:
        raise SettingsError(str(error)) from error

    def own(base: Any, name: str) -> Any:
        return section(base, sections.get(name, {}), name)

    topics = dict(sections.get("topics", {}))
    check_names("setting in [topics]", topics, ("prefix",))
    return Settings(
        kafka=options(sections.get("kafka", {}), "kafka"),
        schema_registry=options(sections.get("schema_registry", {}), "schema_registry"),
        topic_prefix=str(topics.get("prefix", "")),
        correlate=own(CorrelateSettings(), "correlate"),
        resolve=own(ResolveSettings(), "resolve"),
        load=own(LoadSettings(), "load"),
        detect=detect_section(sections.get("detect", {})),
        clickhouse=own(ClickHouseSettings(), "clickhouse"),
        ingest=own(IngestSettings(), "ingest"),
        receipts=tables(sections, "receipts"),
        vendors=tables(sections, "vendors"),
        catalog=catalog,
        **customs(sections, catalog)._asdict(),
    )


def _read(file: Path | None) -> dict[str, dict[str, Any]]:
    if file is None:
        return {}
    try:
        with file.open("rb") as stream:
            return relative_to(file.parent, tomllib.load(stream))
    except OSError as error:
        raise SettingsError(f"cannot read the configuration file {file}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Read ``SMS_SECTION_NAME=value``; in Kafka's and the registry's names ``_`` stands for a dot."""
    found: dict[str, dict[str, Any]] = {}
    for variable, value in environment.items():
        if not variable.startswith(_ENVIRONMENT):
            continue
        name = variable.removeprefix(_ENVIRONMENT).lower()
        for known in _SECTIONS:
            if known not in _TABLES and name.startswith(known + "_"):
                key = name.removeprefix(known + "_")
                if known in ("kafka", "schema_registry"):
                    is_file = key.endswith("_file")
                    key = key.removesuffix("_file").replace("_", ".") + ("_file" if is_file else "")
                found.setdefault(known, {})[key] = value
    return found
