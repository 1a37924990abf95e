"""What users add to the catalog without code: dialects of their own, and codes of one provider.

In the configuration: ``[catalog] folder`` has dialects and reasons, ``errors`` and ``codes`` of a provider (or of
``[defaults]``) say which numbering its error codes have, and which file has codes that it alone uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streams.catalog.catalog import DEFAULT_DIALECT, Catalog
from streams.catalog.dialect import Dialect, read_dialect
from streams.catalog.reasons import CatalogError, Reason, read_reasons

REASONS = "reasons.csv"
"""The file of a user's folder that has further reasons, in the form of ours."""

_OWN = ("errors", "codes")
"""Settings of a provider that make a dialect of its own."""


def customised(catalog: Catalog, sections: Mapping[str, Any]) -> tuple[Catalog, dict[str, Any]]:
    """Return the catalog that a configuration means, and its sections with the dialects that come of it.

    Raises `CatalogError` with the setting or the file and line that is wrong.
    """
    sections = dict(sections)
    own = dict(sections.pop("catalog", {}))
    if own.keys() - {"folder"}:
        raise CatalogError(f"[catalog] has a setting {min(own.keys() - {'folder'})!r}: there is folder only")
    if own.get("folder"):
        catalog = with_folder(catalog, Path(str(own["folder"])))
    catalog, defaults = _own_codes(catalog, "defaults", sections.get("defaults", {}), DEFAULT_DIALECT)
    base = str(defaults.get("dialect", DEFAULT_DIALECT))
    providers = {}
    for name, values in sections.get("providers", {}).items():
        catalog, providers[name] = _own_codes(catalog, name, values, base)
    return catalog, sections | {"defaults": defaults, "providers": providers}


def relative_to(folder: Path, sections: dict[str, Any]) -> dict[str, Any]:
    """Let the paths of catalog files that are relative begin in the folder of the configuration file."""
    places = [(sections.get("catalog"), "folder"), (sections.get("defaults"), "codes")]
    places += [(values, "codes") for values in sections.get("providers", {}).values()]
    for values, key in places:
        if isinstance(values, dict) and isinstance(values.get(key), str) and values[key]:
            values[key] = str(folder / values[key])
    return sections


def with_folder(catalog: Catalog, folder: Path) -> Catalog:
    """Return the catalog with every ``*.csv`` of a folder as a dialect named like the file.

    A file with the name of a dialect that is there already says something else about some of its codes, for all
    providers that speak it.
    """
    if not folder.is_dir():
        raise CatalogError(f"catalog.folder = {str(folder)!r}: there is no such folder")
    own: Mapping[str, Reason] = read_reasons(folder / REASONS) if (folder / REASONS).is_file() else {}
    reasons = {**catalog.reasons, **own}
    files = [path for path in sorted(folder.glob("*.csv")) if path.name != REASONS]
    return catalog.extended([read_dialect(path, reasons) for path in files], own)


def of_one_provider(catalog: Catalog, provider: str, base: str, errors: str, codes: Path | None) -> Dialect:
    """Return the dialect of one provider: its own codes, before the numbering of its errors, before its dialect."""
    for name in (base, errors):
        if name and name not in catalog.files:
            raise CatalogError(f"{name!r} is not a dialect: {', '.join(sorted(catalog.files))}")
    own = None if codes is None else read_dialect(codes, catalog.reasons)
    return Dialect(
        name=dialect_name(provider),
        title=f"Provider {provider}: its own codes" if own else f"Provider {provider}",
        base=base,
        hexadecimal=own is not None and own.hexadecimal,
        entries=[] if own is None else own.entries,
        errors=errors or ("" if own is None else own.errors),
        err_hexadecimal=own is not None and own.err_hexadecimal,
    )


def dialect_name(provider: str) -> str:
    """Return what the dialect of one provider is called; no file has such a name."""
    return f"provider:{provider}"


def _own_codes(catalog: Catalog, name: str, values: Any, base: str) -> tuple[Catalog, Any]:
    if not isinstance(values, Mapping) or not any(values.get(key) for key in _OWN):
        return catalog, values
    plain = {key: value for key, value in values.items() if key not in _OWN}
    codes = Path(str(values["codes"])) if values.get("codes") else None
    try:
        own = of_one_provider(catalog, name, str(values.get("dialect", base)), str(values.get("errors", "")), codes)
        return catalog.extended([own]), plain | {"dialect": own.name}
    except CatalogError as error:
        section = name if name == "defaults" else f"providers.{name}"
        raise CatalogError(f"{section}: {error}") from error
