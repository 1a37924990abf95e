"""Who may report: one receiver for each configured provider, ``[receipts.NAME]``, checked before anything is served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streams.ingest.signatures import SCHEMES, Secret
from streams.receipts.webhooks import UnknownVendorError, Vendor, VendorNames, all_vendors
from streams.settings import Settings, SettingsError

MESSAGE_ID = ("none", "reference", "id")
"""Where our message id comes back: nowhere; as the reference we gave; as the vendor's id, which we chose."""

_TEXTS = ("vendor", "auth", "secret", "secret_env", "username", "header", "parameter", "algorithm", "encoding")
SETTINGS = (*_TEXTS, "message_id", "account", "requests_per_second")
_ALGORITHMS = ("sha1", "sha256", "sha512", "md5", "md5hash")
_ENCODINGS = ("hex", "base64")


@dataclass(frozen=True)
class Receiver:
    """What the endpoint knows of one provider's webhooks."""

    name: str
    vendor: Vendor
    auth: str
    secret: Secret = field(repr=False)
    message_id: str = "none"
    account: str = "default"
    requests_per_second: float = 500.0
    dialect: str = ""


def receivers_of(settings: Settings, environment: Mapping[str, str]) -> dict[str, Receiver]:
    """Return the receivers by provider; raise `SettingsError` with what to mend."""
    names = VendorNames(all_vendors(settings.vendors, settings.catalog))
    return {
        name: _receiver(name, dict(values), names, settings, environment) for name, values in settings.receipts.items()
    }


def _receiver(
    name: str, values: dict[str, Any], names: VendorNames, settings: Settings, environment: Mapping[str, str]
) -> Receiver:
    section = f"receipts.{name}"
    values = {key: value for given, raw in values.items() for key, value in [_from_file(section, given, raw)]}
    for key, value in values.items():
        if key not in SETTINGS:
            raise SettingsError(f"unknown setting in [{section}]: {key}: there are {', '.join(SETTINGS)}")
        if key in _TEXTS and not isinstance(value, str):
            raise SettingsError(f"{section}.{key} must be a text in quotes")
    vendor = _vendor(section, str(values.get("vendor", name)), names)
    dialect = _dialect(name, vendor, settings)
    auth = _one_of(section, "auth", values.get("auth", vendor.signature or "shared"), tuple(SCHEMES))
    return Receiver(
        name=name,
        vendor=vendor,
        auth=auth,
        secret=_secret(section, auth, values, environment),
        message_id=_one_of(section, "message_id", values.get("message_id", "none"), MESSAGE_ID),
        account=str(values.get("account", "default")),
        requests_per_second=_rate(section, values.get("requests_per_second", 500)),
        dialect=dialect,
    )


def _from_file(section: str, key: str, value: Any) -> tuple[str, Any]:
    if key != "secret_file":
        return key, value
    try:
        return "secret", Path(str(value)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{section}.secret_file: cannot read {value}: {error}") from error


def _vendor(section: str, called: str, names: VendorNames) -> Vendor:
    try:
        return names.find(called)
    except UnknownVendorError as error:
        raise SettingsError(f"{section}.vendor: {error}; describe it under [vendors.NAME]") from error


def _dialect(name: str, vendor: Vendor, settings: Settings) -> str:
    """Return the provider's dialect; refuse one whose reports would be read in one dialect and joined in another."""
    dialect = settings.policies.get(name, settings.default_policy).dialect
    if vendor.dialect not in (dialect, settings.catalog.files[dialect].base):
        raise SettingsError(
            f"[receipts.{name}]: the reports of {vendor.name} speak the dialect {vendor.dialect!r}, but correlate "
            f'would read them as {dialect!r}: set dialect = "{vendor.dialect}" in [providers.{name}]'
        )
    return dialect


def _one_of(section: str, key: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise SettingsError(f"{section}.{key} = {value!r} must be one of {', '.join(allowed)}")
    return str(value)


def _rate(section: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise SettingsError(f"{section}.requests_per_second = {value!r} must be a number above 0")
    return float(value)


def _secret(section: str, auth: str, values: Mapping[str, Any], environment: Mapping[str, str]) -> Secret:
    text = str(values.get("secret", ""))
    variable = str(values.get("secret_env", ""))
    if variable:
        text = environment.get(variable, "")
        if not text:
            raise SettingsError(f"{section}.secret_env: the variable {variable} is not set")
    secrets = _several(auth, text)
    if auth == "none":
        secrets = [""]
    elif not secrets:
        raise SettingsError(
            f'[{section}]: auth = "{auth}" needs a secret: secret_file, secret_env, or secret; write auth = "none" to '
            "take reports from anybody"
        )
    header = str(values.get("header", ""))
    if auth in ("header", "hmac") and not header:
        raise SettingsError(f'[{section}]: auth = "{auth}" needs the name of the header')
    return Secret(
        values=secrets,
        username=str(values.get("username", "")),
        header=header,
        parameter=str(values.get("parameter", "token")),
        algorithm=_one_of(section, "algorithm", values.get("algorithm", "sha256"), _ALGORITHMS),
        encoding=_one_of(section, "encoding", values.get("encoding", "hex"), _ENCODINGS),
    )


def _several(auth: str, text: str) -> list[str]:
    """Return the secrets of a text: one a line, or PEM blocks for SNS. More than one while one is being exchanged."""
    if auth == "aws-sns":
        return ["-----BEGIN " + block.strip() for block in text.split("-----BEGIN") if block.strip()]
    return [line.strip() for line in text.splitlines() if line.strip()]
