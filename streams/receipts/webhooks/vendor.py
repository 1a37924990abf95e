"""A vendor's bodies described as data: where the id, the word, the error and the time stand.

The files are ``vendors/NAME.toml``; users add their own, in the same form, as ``[vendors.NAME]`` in the configuration.
docs/ingest.md explains every field.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, tzinfo
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from streams.catalog import Catalog
from streams.receipts.webhooks.times import ZoneError, zone_of

_HERE = Path(__file__).resolve().parent

Paths = str | list[str]
Condition = bool | str | list[str]
"""True: something is there. False: nothing is. Texts: one of them is there.

``x*y``: it begins and ends so; ``!0``: something else than zero."""


class VendorError(ValueError):
    """A description does not say what it must; the message names vendor and field."""


class Implied(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a report means that has no status word: the first whose conditions hold."""

    when: dict[str, Condition]
    code: str


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of delivery report. All paths but those of ``each`` and ``when`` begin at the record."""

    id: Paths
    code: Paths = ""
    meaning: Paths = ""
    err: Paths = ""
    time: Paths = ""
    text: Paths = ""
    reference: Paths = ""
    recipient: Paths = ""
    part: Paths = ""
    parts: Paths = ""
    count: Paths = ""
    each: str = ""
    when: dict[str, Condition] = {}
    implied: list[Implied] = []
    time_format: Paths = ""
    zone: str = "UTC"

    def time_zone(self) -> tzinfo:
        """Return the zone of times that say none."""
        return UTC if self.zone == "UTC" else zone_of(self.zone)


class Other(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the vendor also sends to the same address, and is no delivery report."""

    kind: str
    when: dict[str, Condition]


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the vendor wants to hear when we have its report."""

    status: int = 200
    body: str = ""
    content_type: str = "text/plain"


class Vendor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One vendor. ``wrapped`` names texts in a body that hold the real body; ``other`` is looked for first.

    ``checked``: compared with the vendor's documentation or with bodies it really sent. The rest is written from what
    is known of the vendor's interface, and takes several names where those differ by version.
    """

    title: str
    report: list[Report]
    dialect: str = ""
    aliases: list[str] = []
    other: list[Other] = []
    wrapped: list[str] = []
    answer: Answer | None = None
    signature: str = ""
    docs: str = ""
    note: str = ""
    checked: bool = False
    name: str = ""


def several(paths: Paths) -> list[str]:
    """Return one path or several as a list; "" as none."""
    return paths if isinstance(paths, list) else [paths] if paths else []


def vendor_from(name: str, data: Mapping[str, Any]) -> Vendor:
    """Check a description; raise `VendorError` naming the field that is wrong."""
    try:
        vendor = msgspec.convert({**data, "name": name}, Vendor)
        for report in vendor.report:
            report.time_zone()
    except (msgspec.ValidationError, ZoneError) as error:
        raise VendorError(f"vendor {name}: {error}") from error
    if not vendor.report:
        raise VendorError(f"vendor {name}: it needs at least one [[report]]")
    for report in vendor.report:
        if not several(report.id) or not (several(report.code) or report.implied):
            raise VendorError(f"vendor {name}: every report says where its id and its code are")
    return msgspec.structs.replace(vendor, dialect=vendor.dialect or name)


@cache
def known_vendors() -> Mapping[str, Vendor]:
    """Return the vendors that come with the package, by name."""
    found = {}
    for path in sorted((_HERE / "vendors").glob("*.toml")):
        try:
            found[path.stem] = vendor_from(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))
        except tomllib.TOMLDecodeError as error:
            raise VendorError(f"{path.name}: {error}") from error
    return found


def all_vendors(described: Mapping[str, Mapping[str, Any]], catalog: Catalog) -> dict[str, Vendor]:
    """Return the vendors of the package and those described in a configuration, which win; raise `VendorError`."""
    own = {name: vendor_from(name, data) for name, data in described.items()}
    for vendor in own.values():
        if vendor.dialect not in catalog.dialects:
            known = ", ".join(sorted(catalog.dialects))
            raise VendorError(f"vendor {vendor.name}: there is no dialect {vendor.dialect}: {known}")
    return {**known_vendors(), **own}
