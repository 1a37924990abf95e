"""The catalog's files, its page in the docs, and the command that shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.catalog import Catalog, CatalogError, default_catalog
from streams.catalog.catalog import load_catalog
from streams.catalog.dialect import COLUMNS
from streams.catalog.page import markdown, with_tables
from streams.cli.catalog import catalog as command
from streams.cli.context import Context
from tests.golden_histories import ROOT

CATALOG = default_catalog()
FILES = ROOT / "streams" / "catalog"


def files(folder: Path, **dialects: str) -> Catalog:
    """A catalog of SMPP and some dialects of ours."""
    folder.joinpath("smpp.csv").write_text((FILES / "dialects" / "smpp.csv").read_text())
    for name, text in dialects.items():
        folder.joinpath(f"{name}.csv").write_text(text)
    return load_catalog(folder, FILES / "reasons.csv")


HEADER = ",".join(COLUMNS)


def test_a_dialect_is_a_file(tmp_path: Path) -> None:
    row = "report,7,Done so far|Fini,delivered,yes,,none,keep,yes,green,Done,Fait,me"
    known = files(tmp_path, mine=f"# title: Mine\n# base: smpp\n{HEADER}\n{row}\n")
    assert known.files["mine"].title == "Mine"
    for form in ("7", "07", "done SO far", "fini", "Fait", "done-so-far"):
        assert known.report("mine", form).status == "delivered"
    assert known.report("smpp", "7").status == "enroute"
    assert known.report("mine", "EXPIRED").reason == "expired"
    assert known.answer("mine", "0x14").reason == "queue_full"


def test_a_label_that_two_meanings_share_stands_for_neither(tmp_path: Path) -> None:
    rows = "report,1,,delivered,yes,,none,keep,,,Done,A,s\nreport,2,,accepted,no,,none,keep,,,Done,B,s\n"
    known = files(tmp_path, mine=f"{HEADER}\n{rows}")
    assert not known.report("mine", "Done").known
    assert known.report("mine", "b").status == "accepted"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"# base: nowhere\n{HEADER}\n", "its base 'nowhere' is not a dialect"),
        (f"# base: mine\n{HEADER}\n", "based on itself"),
        (f"# numbers: roman\n{HEADER}\n", "mine.csv:1: numbers is 'roman'"),
        (f"# author: me\n{HEADER}\n", "mine.csv:1: write"),
        (f"# title: x\n{HEADER}\nreport,1,,delivered,no,,none,keep,,,A,A,s\n", "mine.csv:3: .* delivered is final"),
        (f"{HEADER}\nreport,1,,enroute,yes,,none,keep,,,A,A,s\n", "mine.csv:2: .* enroute is not final"),
        (f"{HEADER}\nreport,1,,delivered,yes,expired,none,keep,,,A,A,s\n", "delivered has no reason"),
        (f"{HEADER}\nanswer,1,,delivered,yes,,none,keep,,,A,A,s\n", "no reason|accepted or failed"),
        (f"{HEADER}\ntext,1,,accepted,no,,none,keep,,,A,A,s\n", "needs its phrases"),
        (f"{HEADER}\n" + "report,1,,accepted,no,,none,keep,,,A,A,s\n" * 2, "'1' is there twice"),
        ("side,code\n", "the first line"),
    ],
)
def test_a_bad_dialect_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=message):
        files(tmp_path, mine=text)


def test_every_reason_is_used_or_ours_and_has_labels() -> None:
    ours = {"excluded", "no_response", "unknown_code"}
    used = {e.reason for entries in CATALOG.dialects.values() for e in entries} - {""}
    assert set(CATALOG.reasons) == used | ours
    assert all(reason.label_en and reason.label_fr for reason in CATALOG.reasons.values())
    assert all(e.label_en and e.label_fr and e.source for rows in CATALOG.dialects.values() for e in rows)


# --- the page and the command


def test_the_tables_of_the_page_are_up_to_date() -> None:
    page = (ROOT / "docs" / "catalog.md").read_text()
    renewed = with_tables(page, markdown(CATALOG, CATALOG.files))
    assert page == renewed, "run: sms-streams catalog --update docs/catalog.md"


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(command, arguments, obj=Context(None, ()))
    assert result.exit_code == code, result.output
    return result.output


def test_command_lists_the_dialects() -> None:
    told = {d["dialect"]: d for d in json.loads(run("--format", "json"))}
    assert told["clicksend"]["descriptions"] == "21"
    assert told["mediasflow"]["reports"] == "31"
    assert "mediasflow" in run()


def test_command_shows_a_dialect_in_every_format() -> None:
    rows = json.loads(run("mediasflow", "--format", "json"))
    assert len([r for r in rows if r["side"] == "report"]) == 31
    assert run("mediasflow", "--format", "csv").startswith(HEADER)
    assert "| `17` |" in run("mediasflow", "--format", "markdown")
    assert "Numéro mal formaté" in run("mediasflow")
    assert "Remis, et le destinataire a répondu STOP" in run("mediasflow", "--language", "fr")


def test_command_explains_a_code() -> None:
    told = run("mediasflow", "17")
    assert "delivered, final" in told
    assert "quarantine: Do not send" in told
    assert "absent_subscriber" in run("clicksend", "301", "--text", "Abonné absent ; téléphone éteint")
    assert "give it with --text" in run("clicksend", "301")
    assert [r["code"] for r in json.loads(run("mediasflow", "posté", "--format", "json"))] == ["10"]


def test_command_says_what_it_does_not_know() -> None:
    assert "counts as intermediate" in run("mediasflow", "11", code=1)
    assert "is not one of" in run("nope", code=2)
