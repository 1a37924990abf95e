"""What is set for each provider, and in [defaults] for all: timeouts, dialects, parts, ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from streams.catalog import Catalog
from streams.correlator.timeouts import RECEIPT_PARTS, Keeping, Policy
from streams.resolver.ids import UnknownRuleError, rule
from streams.resolver.rules import REPORTS_BY, IdPolicy
from streams.settings.sections import tables
from streams.settings.values import SettingsError, check_names, duration_ms

_POLICY_KEYS = {
    "dialect": "dialect",
    "response_timeout": "response_timeout_ms",
    "receipt_timeout": "receipt_timeout_ms",
    "validity": "validity_ms",
    "receipt_parts": "receipt_parts",
}
_KEEPING_KEYS = {"keep_settled": "settled_ms", "keep_derived": "derived_ms", "keep_unmatched": "unmatched_ms"}
_ID_KEYS = ("id_rules", "id_window", "reports_by")


class Customs(NamedTuple):
    """The policy and the customs with ids of all providers and of each that is configured; how long things are kept."""

    default_policy: Policy
    policies: Mapping[str, Policy]
    keeping: Keeping
    default_ids: IdPolicy
    ids: Mapping[str, IdPolicy]


def customs(sections: Mapping[str, Any], catalog: Catalog) -> Customs:
    """Read [defaults] and [providers]."""
    defaults = dict(sections.get("defaults", {}))
    keeping = {_KEEPING_KEYS[k]: duration_ms(defaults.pop(k), k) for k in list(defaults) if k in _KEEPING_KEYS}
    default_ids = _id_policy(IdPolicy(), _taken(defaults, _ID_KEYS), "defaults")
    default = _policy(Policy(), defaults, "defaults", catalog)
    providers = {name: dict(values) for name, values in tables(sections, "providers").items()}
    ids = {name: _taken(values, _ID_KEYS) for name, values in providers.items()}
    return Customs(
        default_policy=default,
        policies={name: _policy(default, values, f"providers.{name}", catalog) for name, values in providers.items()},
        keeping=Keeping()._replace(**keeping),
        default_ids=default_ids,
        ids={name: _id_policy(default_ids, values, f"providers.{name}") for name, values in ids.items()},
    )


def _policy(base: Policy, values: Mapping[str, Any], section: str, catalog: Catalog) -> Policy:
    check_names(f"setting in [{section}]", values, (*_POLICY_KEYS, *_ID_KEYS, *_KEEPING_KEYS))
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


def _taken(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Take some settings out of a section."""
    return {name: values.pop(name) for name in names if name in values}
