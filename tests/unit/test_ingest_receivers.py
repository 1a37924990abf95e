"""Who may report: configurations that are right, and what is said of those that are wrong."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from streams.catalog import default_catalog
from streams.ingest.receivers import SETTINGS, Receiver, receivers_of
from streams.ingest.signatures import SCHEMES
from streams.receipts.webhooks import VendorError, all_vendors, decode
from streams.settings import SettingsError, settings_from

TWILIO = '[providers.twilio]\ndialect = "twilio"\n[receipts.twilio]\n'


def receivers(config: str, **environment: str) -> dict[str, Receiver]:
    return receivers_of(settings_from(tomllib.loads(config)), environment)


def test_a_provider_named_like_a_vendor_needs_its_secret_only() -> None:
    (receiver,) = receivers(TWILIO + 'secret = "s"').values()
    assert (receiver.vendor.name, receiver.auth, receiver.message_id) == ("twilio", "twilio", "none")


def test_secrets_come_from_a_file_or_the_environment_one_a_line_and_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("new one\nold one\n")
    (from_file,) = receivers(TWILIO + f'secret_file = "{tmp_path / "s"}"').values()
    (from_environment,) = receivers(TWILIO + 'secret_env = "TOKEN"', TOKEN="new one\nold one").values()
    assert from_file.secret.values == from_environment.secret.values == ["new one", "old one"]
    assert "new one" not in repr(from_file)
    assert "new one" not in repr(settings_from(tomllib.loads(TWILIO + 'secret = "new one"')))


def test_several_certificates_of_sns_are_told_apart(tmp_path: Path) -> None:
    one = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----"
    (tmp_path / "s").write_text(f"{one}\n{one}\n")
    config = f'[providers.aws]\ndialect = "aws"\n[receipts.aws]\nsecret_file = "{tmp_path / "s"}"'
    (receiver,) = receivers(config).values()
    assert receiver.secret.values == [one, one]


def test_a_provider_with_codes_of_its_own_is_read_by_them(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("side,code,status\nreport,beamed,delivered\n")
    config = f'[providers.t]\ndialect = "twilio"\ncodes = "{tmp_path / "own.csv"}"\n'
    (receiver,) = receivers(config + '[receipts.t]\nvendor = "twilio"\nsecret = "s"').values()
    assert receiver.dialect == "provider:t"


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ('[receipts.x]\nvendor = "twillio"', "did you mean twilio"),
        ('[receipts.twilio]\nauth = "none"', r'set dialect = "twilio" in \[providers.twilio\]'),
        ('[providers.twilio]\ndialect = "twilio"\n[receipts.twilio]', "needs a secret"),
        ('[providers.twilio]\ndialect = "twilio"\n[receipts.twilio]\nsecret_env = "NO_SUCH"', "NO_SUCH is not set"),
        ('[providers.twilio]\ndialect = "twilio"\n[receipts.twilio]\nsecret_file = "/no/such"', "cannot read"),
        ('[providers.twilio]\ndialect = "twilio"\n[receipts.twilio]\nauth = "telepathy"', "must be one of"),
        ('[providers.twilio]\ndialect = "twilio"\n[receipts.twilio]\nsecrte = "x"', "unknown setting"),
        ('[vendors.acme]\ntitle = "x"\n[receipts.acme]\nauth = "none"', "report"),
    ],
)
def test_a_configuration_that_is_wrong_says_what_to_mend(config: str, why: str) -> None:
    with pytest.raises((SettingsError, VendorError), match=why):
        receivers(config)


def test_the_examples_in_the_docs_are_right(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "ingest.md").read_text()
    providers, vendor = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "s").write_text("a secret")
    found = receivers(
        providers.replace("/run/secrets/twilio_auth_token", str(tmp_path / "s")), INFOBIP_WEBHOOK_PASSWORD="another"
    )
    assert {name: receiver.vendor.name for name, receiver in found.items()} == {
        "twilio-fr": "twilio",
        "infobip": "infobip",
    }
    sections = tomllib.loads(vendor.replace('dialect = "acme"', 'dialect = "words"'))
    acme = all_vendors(sections["vendors"], default_catalog())["acme"]
    body = '{"items": [{"ref": "1", "state": {"word": "delivered", "error": 0}, "at": "2026-03-02T12:00:00"}]}'
    (event,) = decode(acme, body, default_catalog()).events
    assert (event.status, event.done_at_ms) == ("delivered", 1_772_445_600_000)


def test_every_setting_of_a_receiver_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ingest.md").read_text()
    section = page.split("## Who may report")[1].split("\n## ")[0]
    rows = "".join(re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", rows)) - {"secret_file"} == set(SETTINGS)


def test_every_scheme_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ingest.md").read_text()
    section = page.split("## Signatures")[1].split("\n## ")[0]
    rows = "".join(re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE))
    assert set(re.findall(r"`([\w-]+)`", rows)) - {"auth"} == set(SCHEMES)
