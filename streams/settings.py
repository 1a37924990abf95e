"""One configuration: a TOML file, then the environment, then flags; the later wins.

Sections and their settings are in docs/configuration.md. Durations are written "500ms", "60s", "10m", "24h", "7d".
Secrets come from the environment or from files (``NAME_file = "/run/secrets/x"``) and are never printed.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from streams.catalog import Catalog, CatalogError, default_catalog
from streams.catalog.custom import customised, relative_to
from streams.correlator.timeouts import RECEIPT_PARTS, Keeping, Policy, Rules
from streams.detectors.config import DetectConfig
from streams.detectors.configure import configure
from streams.resolver.ids import UnknownRuleError, rule
from streams.resolver.rules import REPORTS_BY, IdPolicy, ResolveKeeping, ResolveRules

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*")
_ENVIRONMENT = "SMS_"


class SettingsError(ValueError):
    """The configuration does not say what it must; the message names the setting and what to mend."""


def duration_ms(text: object, name: str = "duration") -> int:
    """Read "500ms", "60s", "10m", "24h" or "7d" as milliseconds."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise SettingsError(f'{name} = {text!r} is not a duration: write "500ms", "60s", "10m", "24h" or "7d"')
    return round(float(found[1]) * _UNITS[found[2]])


@dataclass(frozen=True)
class CorrelateSettings:
    """How a correlate worker runs."""

    group: str = "sms-correlate"
    instance: str = ""
    state_dir: str = ""
    commit_interval_ms: int = 1_000
    batch_events: int = 20_000
    hot_messages: int = 300_000
    dead_letter_share: float = 0.2
    route_health: bool = True


@dataclass(frozen=True)
class ResolveSettings:
    """How a resolve worker runs, and how long it keeps what."""

    group: str = "sms-resolve"
    instance: str = ""
    state_dir: str = ""
    commit_interval_ms: int = 1_000
    batch_events: int = 20_000
    hot_ids: int = 300_000
    dead_letter_share: float = 0.2
    park_ms: int = ResolveKeeping().park_ms
    keep_index_ms: int = ResolveKeeping().index_ms
    early_ms: int = ResolveKeeping().early_ms

    @property
    def hot_messages(self) -> int:
        """How many pieces of state stay in memory, by the name that all workers share."""
        return self.hot_ids


@dataclass(frozen=True)
class LoadSettings:
    """How a load worker runs."""

    group: str = "sms-load"
    instance: str = ""
    batch_rows: int = 50_000
    interval_ms: int = 1_000


@dataclass(frozen=True)
class DetectSettings:
    """How a detect worker runs, and what its detectors take for an anomaly (`streams.detectors.config`)."""

    group: str = "sms-detect"
    instance: str = ""
    web_host: str = "127.0.0.1"
    web_port: int = 6066
    max_age_ms: int = 0
    engine: DetectConfig = field(default_factory=DetectConfig)


@dataclass(frozen=True)
class ClickHouseSettings:
    """Where the tables are: a server's ``url`` (clickhouse://user@host:9000/), or an embedded one's folder ``db``.

    ``password`` is better given as ``password_file`` or in the environment.
    """

    url: str = ""
    db: str = ""
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class IngestSettings:
    """How the HTTP endpoint runs. ``public_url`` is the address that vendors call, where a proxy stands before it."""

    host: str = "127.0.0.1"
    port: int = 8480
    public_url: str = ""
    trusted_proxies: str = ""
    max_body_bytes: int = 900_000
    body_timeout_ms: int = 10_000
    ack_timeout_ms: int = 5_000
    max_requests: int = 1_000
    refused_per_second: float = 10.0


@dataclass(frozen=True)
class Settings:
    """Everything that can be configured."""

    kafka: Mapping[str, str] = field(default_factory=dict, repr=False)
    schema_registry: Mapping[str, str] = field(default_factory=dict, repr=False)
    topic_prefix: str = ""
    correlate: CorrelateSettings = field(default_factory=CorrelateSettings)
    resolve: ResolveSettings = field(default_factory=ResolveSettings)
    load: LoadSettings = field(default_factory=LoadSettings)
    detect: DetectSettings = field(default_factory=DetectSettings)
    clickhouse: ClickHouseSettings = field(default_factory=ClickHouseSettings)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    receipts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    vendors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    default_policy: Policy = field(default_factory=Policy)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    keeping: Keeping = field(default_factory=Keeping)
    catalog: Catalog = field(default_factory=default_catalog, repr=False)
    default_ids: IdPolicy = field(default_factory=IdPolicy)
    ids: Mapping[str, IdPolicy] = field(default_factory=dict)

    def rules(self) -> Rules:
        """Return what the status of a message depends on."""
        return Rules(self.catalog, self.default_policy, self.policies, self.keeping)

    def resolve_rules(self) -> ResolveRules:
        """Return what finding the message of a provider's id depends on."""
        own = self.resolve
        keeping = ResolveKeeping(own.park_ms, own.keep_index_ms, own.early_ms)
        return ResolveRules(self.default_ids, self.ids, keeping)


_POLICY_KEYS = {
    "dialect": "dialect",
    "response_timeout": "response_timeout_ms",
    "receipt_timeout": "receipt_timeout_ms",
    "validity": "validity_ms",
    "receipt_parts": "receipt_parts",
}
_DETECTORS = frozenset(name.removesuffix("_ms") for name in DetectConfig._fields)
_KEEPING_KEYS = {"keep_settled": "settled_ms", "keep_derived": "derived_ms", "keep_unmatched": "unmatched_ms"}
_ID_KEYS = ("id_rules", "id_window", "reports_by")
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
        for section, values in layer.items():
            merged.setdefault(section, {}).update(values)
    return settings_from(merged)


def settings_from(sections: Mapping[str, Any]) -> Settings:
    """Build the settings from sections as a TOML file has them."""
    _check_names("section", sections, _SECTIONS)
    try:
        catalog, sections = customised(default_catalog(), sections)
    except CatalogError as error:
        raise SettingsError(str(error)) from error
    defaults = dict(sections.get("defaults", {}))
    keeping = {_KEEPING_KEYS[k]: duration_ms(defaults.pop(k), k) for k in list(defaults) if k in _KEEPING_KEYS}
    default_ids = _id_policy(IdPolicy(), _taken(defaults, _ID_KEYS), "defaults")
    default = _policy(Policy(), defaults, "defaults", catalog)
    providers = {name: _provider(name, values) for name, values in sections.get("providers", {}).items()}
    ids = {name: _taken(values, _ID_KEYS) for name, values in providers.items()}
    topics = dict(sections.get("topics", {}))
    _check_names("setting in [topics]", topics, ("prefix",))
    return Settings(
        kafka=_options(sections.get("kafka", {}), "kafka"),
        schema_registry=_options(sections.get("schema_registry", {}), "schema_registry"),
        topic_prefix=str(topics.get("prefix", "")),
        correlate=_section(CorrelateSettings(), sections.get("correlate", {}), "correlate"),
        resolve=_section(ResolveSettings(), sections.get("resolve", {}), "resolve"),
        load=_section(LoadSettings(), sections.get("load", {}), "load"),
        detect=_detect(sections.get("detect", {})),
        clickhouse=_section(ClickHouseSettings(), sections.get("clickhouse", {}), "clickhouse"),
        ingest=_section(IngestSettings(), sections.get("ingest", {}), "ingest"),
        receipts=_tables(sections, "receipts"),
        vendors=_tables(sections, "vendors"),
        default_policy=default,
        policies={name: _policy(default, values, f"providers.{name}", catalog) for name, values in providers.items()},
        keeping=replace_keeping(keeping),
        catalog=catalog,
        default_ids=default_ids,
        ids={name: _id_policy(default_ids, values, f"providers.{name}") for name, values in ids.items()},
    )


def _provider(name: str, values: Any) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise SettingsError(f"[providers.{name}] must be a section")
    return dict(values)


def _taken(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Take some settings out of a section."""
    return {name: values.pop(name) for name in names if name in values}


def _detect(values: Mapping[str, Any]) -> DetectSettings:
    """Read the worker's own settings and the detectors'."""
    own = [f.name for f in fields(DetectSettings) if f.name != "engine"]
    known = [name.removesuffix("_ms") for name in (*own, *DetectConfig._fields)]
    _check_names("setting in [detect]", values, known)
    detectors = {name: value for name, value in values.items() if name in _DETECTORS}
    section: DetectSettings = _section(
        DetectSettings(), {k: v for k, v in values.items() if k not in _DETECTORS}, "detect"
    )
    try:
        engine = configure(detectors, duration_ms)
    except SettingsError:
        raise
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return replace(section, engine=engine)


def _tables(sections: Mapping[str, Any], section: str) -> dict[str, Mapping[str, Any]]:
    """Return a section of sections as it is written; whoever uses it checks what is in it."""
    found = dict(sections.get(section, {}))
    for name, values in found.items():
        if not isinstance(values, Mapping):
            raise SettingsError(f"[{section}.{name}] must be a section")
    return found


def replace_keeping(values: Mapping[str, int]) -> Keeping:
    """Return the keeping times with some of them set."""
    return Keeping()._replace(**values)


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
        for section in _SECTIONS:
            if section not in _TABLES and name.startswith(section + "_"):
                key = name.removeprefix(section + "_")
                if section in ("kafka", "schema_registry"):
                    is_file = key.endswith("_file")
                    key = key.removesuffix("_file").replace("_", ".") + ("_file" if is_file else "")
                found.setdefault(section, {})[key] = value
    return found


def _policy(base: Policy, values: Mapping[str, Any], section: str, catalog: Catalog) -> Policy:
    if not isinstance(values, Mapping):
        raise SettingsError(f"[{section}] must be a section")
    _check_names(f"setting in [{section}]", values, (*_POLICY_KEYS, *_ID_KEYS, *_KEEPING_KEYS))
    changes: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{section}.{key}"
        if key == "dialect":
            if value not in catalog.files:
                raise SettingsError(f"{name} = {value!r} is not a dialect: {', '.join(sorted(catalog.files))}")
            changes["dialect"] = value
        elif key == "receipt_parts":
            if value not in RECEIPT_PARTS:
                raise SettingsError(f"{name} = {value!r} must be one of {', '.join(RECEIPT_PARTS)}")
            changes["receipt_parts"] = value
        elif key in _POLICY_KEYS:
            changes[_POLICY_KEYS[key]] = duration_ms(value, name)
        else:
            raise SettingsError(f"{name}: {key} is the same for all providers, put it into [defaults]")
    return base._replace(**changes)


def _id_policy(base: IdPolicy, values: Mapping[str, Any], section: str) -> IdPolicy:
    changes: dict[str, Any] = {}
    if "id_rules" in values:
        changes["id_rules"] = _rule_names(values["id_rules"], f"{section}.id_rules")
    if "id_window" in values:
        changes["id_window_ms"] = duration_ms(values["id_window"], f"{section}.id_window")
    if "reports_by" in values:
        if values["reports_by"] not in REPORTS_BY:
            raise SettingsError(
                f"{section}.reports_by = {values['reports_by']!r} must be one of {', '.join(REPORTS_BY)}"
            )
        changes["reports_by"] = values["reports_by"]
    return base._replace(**changes)


def _rule_names(given: Any, name: str) -> tuple[str, ...]:
    """Read the names of id rules: a list, or one text with commas (as the environment has it)."""
    names = [part.strip() for part in given.split(",")] if isinstance(given, str) else given
    if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names):
        raise SettingsError(f'{name} = {given!r} must be a list of rules, such as ["hex_to_decimal"]')
    for one in names:
        try:
            rule(one)
        except UnknownRuleError as error:
            raise SettingsError(f"{name}: {error}") from error
    return tuple(names)


def _options(values: Mapping[str, Any], section: str) -> dict[str, str]:
    """Read options that are passed through to a client; ``NAME_file`` takes the value from a file."""
    options: dict[str, str] = {}
    for key, value in _flatten(values).items():
        name, text = _secret(f"{section}.{key}", key, value)
        options[name] = str(text).lower() if isinstance(text, bool) else str(text)
    return options


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Undo TOML's dotted keys: ``bootstrap.servers = "x"`` is read as a table in a table."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _secret(name: str, key: str, value: Any) -> tuple[str, Any]:
    if not key.endswith("_file"):
        return key, value
    try:
        return key.removesuffix("_file"), Path(str(value)).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"{name}: cannot read {value}: {error.strerror}") from error


def _section(base: Any, values: Mapping[str, Any], section: str) -> Any:
    types = {f.name: f.type for f in fields(base)}
    changes: dict[str, Any] = {}
    for given, raw in values.items():
        key, value = _secret(f"{section}.{given}", given, raw)
        name = f"{key}_ms" if f"{key}_ms" in types else key
        _check_names(f"setting in [{section}]", [name], [*types])
        changes[name] = _typed(f"{section}.{key}", value, str(types[name]), name != key)
    return replace(base, **changes)


def _typed(name: str, value: Any, kind: str, is_duration: bool) -> Any:
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


def _check_names(what: str, given: Any, known: Any) -> None:
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {close[0]}?" if close else f": there are {', '.join(known)}"
            raise SettingsError(f"unknown {what}: {name}{hint}")
