"""Who may report: configurations that are right, and what is said of those that are wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from streams.ingest.receivers import Receiver, receivers_of
from streams.receipts.webhooks import VendorError
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
