"""The catalog: what SMPP's codes mean in every form people and systems write them; bad files are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.catalog import CatalogError, default_catalog
from streams.catalog.catalog import load_catalog
from streams.catalog.dialect import COLUMNS
from tests.oracle_codes import ANSWERS, REPORTS

CATALOG = default_catalog()


@pytest.mark.parametrize(("value", "name"), ANSWERS)
def test_command_status_by_name_hexadecimal_and_decimal(value: int, name: str) -> None:
    forms = [name, name.lower(), f" {name} ", name.removeprefix("ESME_")]
    forms += [f"0x{value:08X}", f"0x{value:x}", str(value)]
    meanings = {CATALOG.answer("smpp", form) for form in [*forms, f"{value:08X}"]}
    assert len(meanings) == 1
    kind = next(iter(meanings)).kind
    assert kind == ANSWERS[value, name].kind


@pytest.mark.parametrize("word", REPORTS)
def test_receipt_states_in_any_case(word: str) -> None:
    wanted = REPORTS[word]
    for form in (word, word.lower(), f" {word.title()} "):
        outcome = CATALOG.report("smpp", form)
        assert (outcome.status, outcome.final, outcome.reason) == (wanted.status, wanted.final, wanted.reason)


@pytest.mark.parametrize(
    ("state", "word"),
    list(
        enumerate(["SCHEDLD", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD"])
    ),
)
def test_message_state_numbers_are_the_words(state: int, word: str) -> None:
    assert CATALOG.report("smpp", str(state)) == CATALOG.report("smpp", word)


@pytest.mark.parametrize("word", ["BUFFRED", "BUFFERD", "Buffered", "ENQUEUE"])
def test_words_seen_in_the_wild_are_intermediate(word: str) -> None:
    assert CATALOG.report("smpp", word)[:2] == ("enroute", False)


@pytest.mark.parametrize("code", ["FOOBAR", "", "1375", "0xZZ", "٣", "\x00", "9" * 400])
def test_unknown_codes_are_unknown_and_nothing_worse(code: str) -> None:
    assert CATALOG.answer("smpp", code).kind == "unknown"
    assert not CATALOG.report("smpp", code).known


def test_all_48_command_statuses_of_smpp_3_4_are_there() -> None:
    codes = [e for e in CATALOG.dialects["smpp"] if e.side == "answer" and e.source.startswith("SMPP 3.4")]
    assert len(codes) == 48


def row(**changes: str) -> str:
    values = dict(
        zip(
            COLUMNS,
            ["report", "X", "", "failed", "yes", "rejected", "permanent", "keep", "no", "orange", "X", "X", "s"],
            strict=True,
        )
    )
    return ",".join((values | changes).values())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (row(status="lost"), "status is 'lost'"),
        (row(reason="bad_luck"), "not in reasons.csv"),
        (row(reason_class="none"), "needs a reason_class"),
        (row(code=""), "code is empty"),
        (row() + ",more", "not 13 columns"),
        (row() + "\n" + row(code="Y", words="x"), "stands for both"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(",".join(COLUMNS) + "\n" + line + "\n")
    reasons = tmp_path / "reasons"
    columns = "reason,label_en,label_fr,reason_class,recipient_action,generic"
    reasons.write_text(f"{columns}\nrejected,Rejected,Rejeté,permanent,keep,yes\n")
    with pytest.raises(CatalogError, match=message):
        load_catalog(tmp_path, reasons)
