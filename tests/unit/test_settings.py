"""The configuration: file, environment, flags; durations; secrets; errors that say what to mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.settings import SettingsError, duration_ms, load_settings, settings_from


@pytest.mark.parametrize(
    ("text", "ms"), [("500ms", 500), ("60s", 60_000), ("10m", 600_000), ("24h", 86_400_000), ("7d", 604_800_000)]
)
def test_durations(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "60", "60 sec", "-5s", "1w", 60])
def test_what_is_no_duration_is_told_with_its_setting(text: object) -> None:
    with pytest.raises(SettingsError, match=r"defaults\.response_timeout"):
        settings_from({"defaults": {"response_timeout": text}})


def test_providers_inherit_the_defaults() -> None:
    settings = settings_from(
        {
            "defaults": {"receipt_timeout": "1h", "keep_settled": "2h"},
            "providers": {"p1": {"response_timeout": "5s"}, "p2": {"receipt_timeout": "10m", "receipt_parts": "first"}},
        }
    )
    rules = settings.rules()
    assert rules.policy("p1")[1:3] == (5_000, 3_600_000)
    assert rules.policy("p2")[1:3] == (60_000, 600_000)
    assert rules.policy("p2").receipt_parts == "first"
    assert rules.policy("unheard of").receipt_timeout_ms == 3_600_000
    assert rules.keeping.settled_ms == 7_200_000


def test_later_layers_win(tmp_path: Path) -> None:
    file = tmp_path / "sms.toml"
    file.write_text('[kafka]\n"bootstrap.servers" = "file:1"\nclient.id = "f"\n[correlate]\ninstance = "f"\n')
    environment = {"SMS_KAFKA_BOOTSTRAP_SERVERS": "environment:2", "SMS_CORRELATE_INSTANCE": "e"}
    settings = load_settings(file, environment, {"correlate": {"instance": "flag"}})
    assert settings.kafka == {"bootstrap.servers": "environment:2", "client.id": "f"}
    assert settings.correlate.instance == "flag"


def test_every_kafka_option_passes_through() -> None:
    settings = load_settings(None, {"SMS_KAFKA_SASL_MECHANISM": "PLAIN", "SMS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"})
    assert settings.kafka == {"sasl.mechanism": "PLAIN", "security.protocol": "SASL_SSL"}


def test_secrets_come_from_files_and_are_not_shown(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("geheim\n")
    settings = settings_from(
        {
            "kafka": {"sasl.password_file": str(secret)},
            "clickhouse": {"url": "clickhouse://ch", "password_file": str(secret)},
        }
    )
    assert settings.kafka["sasl.password"] == "geheim"
    assert settings.clickhouse.password == "geheim"
    assert "geheim" not in repr(settings)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"provider": {}}, "did you mean providers"),
        ({"providers": {"p1": {"recipt_timeout": "1h"}}}, "did you mean receipt_timeout"),
        ({"correlate": {"grop": "x"}}, "did you mean group"),
        ({"correlate": {"batch_events": "many"}}, "is not a number"),
        ({"providers": {"p1": {"dialect": "smmp"}}}, "is not a dialect: .*smpp"),
        ({"providers": {"p1": {"receipt_parts": "some"}}}, "all, first, last, any"),
        ({"providers": {"p1": {"keep_settled": "1h"}}}, r"into \[defaults\]"),
        ({"kafka": {"sasl.password_file": "/nowhere/at/all"}}, "cannot read /nowhere/at/all"),
    ],
)
def test_mistakes_are_told(sections: dict[str, dict[str, object]], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings_from(sections)


def test_a_file_that_is_no_toml_is_told(tmp_path: Path) -> None:
    file = tmp_path / "sms.toml"
    file.write_text("[kafka\n")
    with pytest.raises(SettingsError, match="is not TOML"):
        load_settings(file)


def test_id_rules_are_inherited_and_may_stand_in_the_environment() -> None:
    providers = {"p1": {"id_rules": ["as_is", "case+zeros"], "id_window": "6h"}, "p2": {"reports_by": "message_id"}}
    settings = load_settings(flags={"providers": providers}, environment={"SMS_DEFAULTS_ID_RULES": "zeros, case"})
    rules = settings.resolve_rules()
    assert rules.policy("p1") == (("as_is", "case+zeros"), 21_600_000, "any_id")
    assert rules.policy("p2") == (("zeros", "case"), 3 * 86_400_000, "message_id")
    assert rules.policy("unheard of").id_rules == ("zeros", "case")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"id_rules": ["hex"]}, "providers.p1.id_rules: there is no rule 'hex'"),
        ({"id_rules": []}, "must be a list of rules"),
        ({"id_rules": 5}, "must be a list of rules"),
        ({"id_window": "soon"}, "providers.p1.id_window"),
        ({"reports_by": "pigeon"}, "must be one of any_id, message_id"),
        ({"id_rule": ["case"]}, "did you mean id_rules"),
    ],
)
def test_wrong_id_settings_are_told_with_what_to_write(given: dict[str, object], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        settings_from({"providers": {"p1": given}})
