"""Users' own dialects and codes, from files alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.catalog import catalog as command
from streams.cli.context import Context
from streams.settings import Settings, SettingsError, load_settings, settings_from

NAMES = "side,code,words,status,reason"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "dialects").mkdir()
    (tmp_path / "dialects" / "polar.csv").write_text(
        f"# title: Polar\n# base: smpp\n# errors: map\n{NAMES}\nreport,OKI,Bien arrivé|0,delivered,\n"
        "report,COLD,,failed,too_cold\nreport,WAIT,,enroute,\nerr,900,,failed,no_credit\nanswer,FULL,,failed,queue_full\n"
    )
    (tmp_path / "dialects" / "reasons.csv").write_text(
        "reason,label_en,label_fr,reason_class,recipient_action,generic\n"
        "too_cold,Too cold,Trop froid,temporary,retry,no\n"
    )
    return tmp_path


def configured(home: Path, text: str) -> Settings:
    (home / "sms.toml").write_text(text)
    return load_settings(home / "sms.toml")


def test_a_dialect_is_a_file_in_a_folder(home: Path) -> None:
    rules = configured(home, '[catalog]\nfolder = "dialects"\n[providers.p]\ndialect = "polar"\n').rules()
    assert rules.report("p", "bien arrive", "", "").status == "delivered"
    assert rules.report("p", "COLD", "", "")[:5] == ("failed", True, "too_cold", "temporary", "retry")
    assert rules.report("p", "WAIT", "", "")[:2] == ("enroute", False)
    assert rules.report("p", "UNDELIV", "27", "").reason == "absent_subscriber"
    assert rules.report("p", "UNDELIV", "900", "").reason == "no_credit"
    assert rules.answer("p", "full").kind == "temporary"
    assert rules.answer("p", "0x0B").reason == "invalid_recipient"
    assert not rules.report("other", "OKI", "", "").known


def test_a_code_is_overridden_for_one_provider_only(home: Path) -> None:
    (home / "aurora.csv").write_text(
        f"{NAMES}\nreport,UNDELIV,,failed,spam\nreport,8,,enroute,\nerr,27,,failed,roaming\n"
    )
    rules = configured(home, '[providers.aurora]\ncodes = "aurora.csv"\nerrors = "map"\n').rules()
    assert rules.report("aurora", "UNDELIV", "", "").reason == "spam"
    assert rules.report("aurora", "8", "", "").status == "enroute"
    assert rules.report("aurora", "REJECTD", "6", "").reason == "absent_subscriber"
    assert rules.report("aurora", "REJECTD", "27", "").reason == "roaming"
    assert rules.report("aurora", "DELIVRD", "", "").status == "delivered"
    assert rules.report("borealis", "UNDELIV", "", "").reason == "undeliverable"
    assert rules.report("borealis", "8", "", "").status == "failed"


def test_an_overridden_code_is_not_changed_by_the_descriptions_of_its_dialect(home: Path) -> None:
    (home / "cs.csv").write_text(f"{NAMES}\nreport,301,,failed,congestion\n")
    text = '[providers.mine]\ndialect = "clicksend"\ncodes = "cs.csv"\n[providers.other]\ndialect = "clicksend"\n'
    rules = configured(home, text).rules()
    assert rules.report("mine", "301", "", "Unknown subscriber").reason == "congestion"
    assert rules.report("mine", "Failed", "", "Unknown subscriber").reason == "unknown_subscriber"
    assert rules.report("other", "301", "", "Unknown subscriber").reason == "unknown_subscriber"


def test_a_file_named_like_a_dialect_of_ours_adds_to_it_for_all_who_speak_it(home: Path) -> None:
    (home / "dialects" / "mediasflow.csv").write_text(
        f"{NAMES}\nreport,11,Nouveau,failed,spam\nreport,31,,failed,absent_subscriber\n"
    )
    rules = configured(home, '[catalog]\nfolder = "dialects"\n[providers.mf]\ndialect = "mediasflow"\n').rules()
    assert rules.report("mf", "11", "", "").reason == "spam"
    assert rules.report("mf", "31", "", "").status == "failed"
    assert rules.report("mf", "16", "", "").status == "delivered"
    assert (
        settings_from({"providers": {"mf": {"dialect": "mediasflow"}}}).rules().report("mf", "31", "", "").status
        == "enroute"
    )


def test_defaults_can_have_codes_and_providers_inherit_them(home: Path) -> None:
    (home / "ours.csv").write_text(f"{NAMES}\nreport,OKI,,delivered,\n")
    text = '[defaults]\ncodes = "ours.csv"\n[providers.a]\nreceipt_timeout = "1h"\n[providers.b]\nerrors = "map"\n'
    rules = configured(home, text).rules()
    assert {rules.report(name, "OKI", "", "").status for name in ("a", "b", "nobody")} == {"delivered"}
    assert rules.report("b", "UNDELIV", "27", "").reason == "absent_subscriber"


@pytest.mark.parametrize("separator", [";", "\t"])
def test_spreadsheets_may_write_other_separators_and_empty_rows(home: Path, separator: str) -> None:
    rows = "\ufeffside,code,status,reason\nreport,OKI,delivered,\n,,,\n".replace(",", separator)
    (home / "x.csv").write_text(rows, encoding="utf-8")
    rules = configured(home, '[providers.x]\ncodes = "x.csv"\n').rules()
    assert rules.report("x", "oki", "", "").status == "delivered"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[catalog]\nfolder = "nowhere"\n', "no such folder"),
        ('[catalog]\nfile = "x"\n', "there is folder only"),
        ('[providers.x]\ncodes = "nowhere.csv"\n', "providers.x: .*nowhere.csv: cannot be read"),
        ('[providers.x]\nerrors = "nope"\n', "providers.x: 'nope' is not a dialect"),
        ('[providers.x]\ndialect = "nope"\nerrors = "map"\n', "'nope' is not a dialect"),
        ('[providers.x]\ndialect = "polar"\n', "'polar' is not a dialect"),
        ('[providers.x]\ncodes = "bad.csv"\n', r"bad.csv:3: status is 'lost', must be one of accepted"),
    ],
)
def test_what_is_wrong_is_said_with_the_setting_or_the_line(home: Path, text: str, message: str) -> None:
    (home / "bad.csv").write_text("side,code,status\nreport,A,enroute\nreport,B,lost\n")
    with pytest.raises(SettingsError, match=message):
        configured(home, text)


def test_the_command_shows_users_dialects_and_what_a_code_means_to_one_provider(home: Path) -> None:
    (home / "aurora.csv").write_text(f"{NAMES}\nreport,UNDELIV,,failed,spam\n")
    configured(home, '[catalog]\nfolder = "dialects"\n[providers.aurora]\ncodes = "aurora.csv"\n')

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(command, arguments, obj=Context(home / "sms.toml", ()))
        assert result.exit_code == 0, result.output
        return result.output

    assert "polar" in run()
    assert "Too cold" in run("polar")
    assert "spam: Taken for spam" in run("aurora", "undeliv")
    assert "Delivered" in run("aurora", "DELIVRD")
