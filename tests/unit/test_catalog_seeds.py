"""The catalog of Adobe Campaign, smsmode, ClickSend, MediasFlow: every row of their tables, however it is written."""

from __future__ import annotations

import csv
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.catalog import default_catalog
from streams.settings import settings_from
from tests.adapters import core_row
from tests.golden_histories import ROOT, GoldenHistory, load

CATALOG = default_catalog()

# code: label, status, billed, colour, reason class, action. Billed and colour as in annex 3 of the guide.
MEDIASFLOW = {
    "1": ("En cours de traitement", "enroute", "", "green", "none", "keep"),
    "9": ("En cours d'envoi", "enroute", "", "green", "none", "keep"),
    "10": ("Posté", "sent_without_sr", "yes", "green", "none", "keep"),
    "28": ("Posté", "sent_without_sr", "yes", "green", "none", "keep"),
    "24": ("Envoyé", "accepted", "yes", "green", "none", "keep"),
    "16": ("Délivré", "delivered", "yes", "green", "none", "keep"),
    "21": ("Délivré", "delivered", "yes", "green", "none", "keep"),
    "17": ("Délivré + STOP demandé", "delivered", "yes", "green", "none", "quarantine"),
    "20": ("Non délivré", "failed", "yes", "orange", "undetermined", "retry"),
    "25": ("Non délivré", "failed", "yes", "orange", "undetermined", "retry"),
    "29": ("Numéro non attribué", "failed", "yes", "orange", "permanent", "remove"),
    "30": ("Numéro non attribué", "failed", "yes", "orange", "permanent", "remove"),
    "31": ("Mobile non disponible", "enroute", "yes", "orange", "temporary", "keep"),
    "32": ("SMS rejeté", "failed", "yes", "orange", "permanent", "keep"),
    "13": ("Refus opérateur", "failed", "yes", "orange", "permanent", "quarantine"),
    "27": ("Rejet opérateur", "failed", "yes", "orange", "permanent", "keep"),
    "2": ("Numéro mal formaté", "failed", "no", "orange", "permanent", "remove"),
    "22": ("Message expiré", "failed", "yes", "green", "temporary", "retry"),
    "23": ("Message supprimé", "failed", "yes", "green", "undetermined", "keep"),
    "26": ("Erreur inconnue", "failed", "yes", "yellow", "undetermined", "retry"),
    "3": ("Destination non autorisée", "failed", "no", "yellow", "sender", "keep"),
    "5": ("Erreur de personnalisation", "failed", "no", "yellow", "sender", "keep"),
    "6": ("Caractère UCS2 non autorisé", "failed", "no", "yellow", "sender", "keep"),
    "7": ("Message trop long", "failed", "no", "yellow", "sender", "keep"),
    "8": ("Crédit insuffisant", "failed", "no", "yellow", "sender", "keep"),
    "12": ("Erreur de traitement", "failed", "no", "yellow", "undetermined", "retry"),
    "4": ("Doublons", "failed", "no", "grey", "sender", "keep"),
    "19": ("Tarif manquant", "failed", "no", "orange", "sender", "keep"),
    "14": ("Destinataire dans votre blacklist", "failed", "no", "grey", "sender", "quarantine"),
    "15": ("Destinataire dans notre blacklist globale", "failed", "no", "grey", "sender", "quarantine"),
    "18": ("Destinataire dans votre blacklist client", "failed", "no", "grey", "sender", "quarantine"),
}

# English, French, status, class, action
SMSMODE = [
    ("Sent", "Envoyé", "accepted", "none", "keep"),
    ("In Progress", "En cours", "enroute", "none", "keep"),
    ("Delivered to operator", "Délivré opérateur", "accepted", "none", "keep"),
    ("Received", "Reçu", "delivered", "none", "keep"),
    ("Partially received", "Partiellement reçu", "accepted", "none", "keep"),
    ("Not sent - Insufficient credit", "Non envoyé – crédit insuffisant", "failed", "sender", "keep"),
    ("Undefined", "Indéfini", "enroute", "undetermined", "keep"),
    ("Temporary error operator", "Erreur temporaire opérateur", "failed", "temporary", "keep"),
    ("Temporary error Absence", "Erreur temporaire absence", "failed", "temporary", "keep"),
    ("Temporary error Phone", "Erreur temporaire téléphone", "failed", "temporary", "keep"),
    ("Temporary error portability", "Erreur temporaire portabilité", "failed", "temporary", "retry"),
    ("Permanent error absence", "Erreur permanente absence", "failed", "permanent", "remove"),
    ("Permanent error phone", "Erreur permanente téléphone", "failed", "permanent", "remove"),
    ("Permanent error portability", "Erreur permanente portabilité", "failed", "permanent", "quarantine"),
    ("Internal error", "Erreur interne", "failed", "undetermined", "retry"),
    ("Routing error", "Erreur routage", "failed", "permanent", "quarantine"),
    ("Not routable error", "Erreur de routage", "failed", "permanent", "quarantine"),
    ("Reception error", "Erreur réception", "failed", "undetermined", "keep"),
    ("Error other", "Erreur autre", "failed", "undetermined", "retry"),
    ("Blacklisted number", "Numéro blacklisté", "failed", "sender", "quarantine"),
]

with (ROOT / "tests" / "golden" / "clicksend_rows.csv").open(encoding="utf-8", newline="") as _file:
    CLICKSEND = list(csv.DictReader(_file))

# word, status, billed, class, action
ADOBE = [
    ("En attente", "accepted", False, "none", "keep"),
    ("Envoyé au fournisseur", "accepted", False, "none", "keep"),
    ("Pris en compte par le fournisseur", "accepted", None, "none", "keep"),
    ("Envoyé", "sent_without_sr", None, "none", "keep"),
    ("Reçu sur mobile", "delivered", None, "none", "keep"),
    ("Reçu sur le mobile", "delivered", None, "none", "keep"),
    ("Échec", "failed", None, "undetermined", "retry"),
    ("Exclusions", "failed", False, "sender", "keep"),
    ("Quarantaine", "failed", False, "sender", "quarantine"),
]


def spellings(word: str) -> list[str]:
    """As people and systems write it."""
    plain = word.translate(str.maketrans("àâçéèêîôûùÀÉÈÊŒ", "aaceeeiouuAEEEO"))
    typographic = word.replace("'", "’").replace(" - ", " – ").replace(" ", "\u00a0")
    return [word, word.upper(), word.lower(), f"  {word}\t", word.replace(" ", "  "), plain, plain.upper(), typographic]


@pytest.mark.parametrize("code", MEDIASFLOW)
def test_mediasflow_row(code: str) -> None:
    label, status, billed, colour, reason_class, action = MEDIASFLOW[code]
    outcome = CATALOG.report("mediasflow", code)
    assert outcome.known
    assert (outcome.status, outcome.reason_class, outcome.recipient_action) == (status, reason_class, action)
    assert outcome.billed == {"yes": True, "no": False, "": None}[billed]
    assert outcome.final == (status not in ("enroute", "accepted"))
    (row,) = [e for e in CATALOG.rows("mediasflow", code) if e.side == "report"]
    assert (row.code, row.colour) == (code, colour)
    forms = [f" {code} ", code.zfill(3), f"{code}.0", *spellings(label)]
    assert {CATALOG.report("mediasflow", form) for form in forms} == {outcome}


def test_mediasflow_has_the_codes_1_to_32_and_no_11() -> None:
    codes = {e.code for e in CATALOG.dialects["mediasflow"] if e.side == "report"}
    assert codes == set(MEDIASFLOW) == {str(n) for n in range(1, 33)} - {"11"}
    assert not CATALOG.report("mediasflow", "11").known


@pytest.mark.parametrize("code", ["-1", "1,6", "0", "33", "0x10", "16 17", "+", ""])
def test_numbers_are_not_stretched(code: str) -> None:
    assert not CATALOG.report("mediasflow", code).known


def test_eight_digits_are_hexadecimal_where_smpp_is_spoken_only() -> None:
    assert CATALOG.report("mediasflow", "00000016").status == "delivered"
    assert CATALOG.answer("smpp", "00000014").reason == CATALOG.answer("adobe", "00000014").reason == "queue_full"


@pytest.mark.parametrize(("english", "french", "status", "reason_class", "action"), SMSMODE)
def test_smsmode_row(english: str, french: str, status: str, reason_class: str, action: str) -> None:
    outcome = CATALOG.report("smsmode", english)
    assert outcome.known
    assert (outcome.status, outcome.reason_class, outcome.recipient_action) == (status, reason_class, action)
    assert {CATALOG.report("smsmode", form) for form in spellings(english) + spellings(french)} == {outcome}


@pytest.mark.parametrize(
    ("number", "word"),
    [
        *[("0", "Sent"), ("11", "Received"), ("13", "Delivered to operator"), ("3501", "Temporary error operator")],
        *[("3503", "Temporary error phone"), ("34", "Routing error"), ("33", "Not sent - Insufficient credit")],
    ],
)
def test_smsmode_number_is_the_word(number: str, word: str) -> None:
    assert CATALOG.report("smsmode", number) == CATALOG.report("smsmode", word)


def test_smsmode_advice_keeps_good_numbers_and_removes_wrong_ones() -> None:
    removed = {e.code for e in CATALOG.dialects["smsmode"] if e.recipient_action == "remove"}
    assert removed == {"Permanent error absence", "Permanent error phone"}


@pytest.mark.parametrize("row", CLICKSEND, ids=[f"row {n}" for n in range(1, 22)])
def test_clicksend_row(row: dict[str, str]) -> None:
    text_en, text_fr = row["text_en"], row["text_fr"]
    outcome = CATALOG.report("clicksend", row["code"], "", text_en)
    assert outcome.known
    assert (outcome.status, outcome.reason, outcome.reason_class) == (row["status"], row["reason"], row["reason_class"])
    for written in (row["code"], row["word_en"], row["word_fr"], row["word_en"].upper(), f" {row['word_fr']} "):
        for text in (*spellings(text_en), *spellings(text_fr), f"Failed: {text_en}.", f"« {text_fr} »"):
            assert CATALOG.report("clicksend", written, "", text) == outcome, (written, text)


@pytest.mark.parametrize("word", ["301", "Failed", "Échoué", "ECHOUE"])
@pytest.mark.parametrize("text", ["", "no idea", "x" * 100_000])
def test_clicksend_301_alone_does_not_tell_temporary_from_permanent(word: str, text: str) -> None:
    outcome = CATALOG.report("clicksend", word, "", text)
    assert (outcome.status, outcome.reason_class, outcome.recipient_action) == ("failed", "undetermined", "retry")


def test_a_description_does_not_turn_a_delivery_into_a_failure() -> None:
    assert CATALOG.report("clicksend", "201", "", "Unknown subscriber").status == "delivered"
    assert CATALOG.report("clicksend", "xyz", "", "Unknown subscriber") == CATALOG.report("clicksend", "xyz")


def test_the_first_description_speaks_and_only_whole_words() -> None:
    told = CATALOG.report("clicksend", "301", "", "Network timeout after congestion; absent subscriber")
    assert told.reason == "timeout"
    assert CATALOG.report("clicksend", "301", "", "decongestions").reason == "undeliverable"


def test_text_is_read_only_where_the_code_does_not_tell() -> None:
    assert {"clicksend", "aws"} <= {name for name in CATALOG.dialects if CATALOG.reads_text(name)}
    assert not any(CATALOG.reads_text(name) for name in ("smpp", "mediasflow", "smsmode", "adobe", "twilio"))


@pytest.mark.parametrize("text", ["absent " * 40_000, "a" * 300_000, "é" * 200_000, "\u0301" * 200_000])
def test_long_descriptions_and_codes_cost_no_more_than_reading_them(text: str) -> None:
    began = time.perf_counter()
    CATALOG.report("clicksend", "301", "", text)
    CATALOG.report("clicksend", text, "", text)
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize(("word", "status", "billed", "reason_class", "action"), ADOBE)
def test_adobe_word(word: str, status: str, billed: bool | None, reason_class: str, action: str) -> None:
    outcome = CATALOG.report("adobe", word)
    assert outcome.known
    assert (outcome.status, outcome.billed) == (status, billed)
    assert (outcome.reason_class, outcome.recipient_action) == (reason_class, action)
    assert {CATALOG.report("adobe", form) for form in spellings(word)} == {outcome}


@pytest.mark.parametrize(
    ("english", "french"),
    [
        *[("Sent", "Envoyé"), ("Sent to the provider", "Envoyé au fournisseur"), ("Failed", "Échec")],
        *[("Pending", "En attente"), ("Excluded", "Exclusions"), ("Quarantined", "Quarantaine")],
        ("Taken into account by the provider", "Pris en compte par le fournisseur"),
        ("Received on mobile", "Reçu sur mobile"),
    ],
)
def test_adobe_in_english_is_adobe_in_french(english: str, french: str) -> None:
    assert CATALOG.report("adobe", english) == CATALOG.report("adobe", french)


def test_adobe_speaks_smpp_where_it_has_no_word_of_its_own() -> None:
    for stat in ("DELIVRD", "UNDELIV", "EXPIRED", "REJECTD", "ACCEPTD"):
        assert CATALOG.report("adobe", stat) == CATALOG.report("smpp", stat)
    assert CATALOG.answer("adobe", "ESME_RTHROTTLED").kind == "temporary"


def test_a_line_of_adobes_delivery_log_is_the_state_in_it() -> None:
    for stat in ("DELIVRD", "UNDELIV", "EXPIRED"):
        line = f"SR Aurora {stat} 000|#MESSAGE#"
        assert CATALOG.report("adobe", line) == CATALOG.report("adobe", stat)
    assert not CATALOG.report("adobe", "SR Aurora WHATEVER 000|#MESSAGE#").known
    assert not CATALOG.report("adobe", "SR DELIVRD").known


@pytest.mark.parametrize("dialect", ["adobe", "smsmode", "clicksend", "mediasflow", "smpp"])
def test_0_is_ok_everywhere(dialect: str) -> None:
    assert CATALOG.answer(dialect, "0").kind == "ok"


@pytest.mark.parametrize("dialect", ["smsmode", "clicksend", "mediasflow"])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *[("200", "ok"), ("201", "ok"), ("202", "ok"), ("204", "ok"), ("400", "permanent"), ("401", "permanent")],
        *[("429", "temporary"), ("503", "temporary"), ("500", "permanent"), ("999", "unknown"), ("", "unknown")],
    ],
)
def test_http_answers(dialect: str, code: str, kind: str) -> None:
    assert CATALOG.answer(dialect, code).kind == kind


@pytest.mark.parametrize("dialect", list(CATALOG.dialects))
def test_every_spelling_in_a_file_means_its_row(dialect: str) -> None:
    for entry in CATALOG.dialects[dialect]:
        for word in (*entry.codes(), *entry.other_words()):
            if entry.side == "report":
                assert CATALOG.report(dialect, word.upper()) == entry.report()
            elif entry.side == "answer":
                assert CATALOG.answer(dialect, f" {word}") == entry.answer()


@given(st.text(max_size=60), st.text(max_size=200))
def test_anything_can_be_looked_up(code: str, text: str) -> None:
    for dialect in CATALOG.dialects:
        CATALOG.report(dialect, code, "", text)
        CATALOG.answer(dialect, code)


# --- the histories, through the status rules


VENDORS = load(ROOT / "tests" / "golden" / "vendors.jsonl")


@pytest.mark.parametrize("history", VENDORS, ids=lambda h: h.name)
def test_vendor_history(history: GoldenHistory) -> None:
    row = core_row(history.events, settings_from(history.parsed_config).rules(), history.as_of_ms)
    assert row is not None
    told = row._asdict()
    assert {column: told[column] for column in history.expect} == history.expect
