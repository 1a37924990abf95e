"""The catalog in ClickHouse: SQL says of a code what the catalog says, however it is written."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from streams.catalog import default_catalog
from streams.clickhouse.backend import Database
from streams.clickhouse.codes import let_dictionaries_read, load_codes
from streams.clickhouse.migrate import migrations
from streams.settings import load_settings, settings_from

CATALOG = default_catalog()
(MIGRATION,) = (one for one in migrations() if one.name == "0010_catalog")
VIEW = next(text for text in MIGRATION.statements if "VIEW sms.message_codes" in text)
KEY = VIEW[VIEW.index("WITH") : VIEW.index("SELECT")]

WRITTEN = [
    *[("mediasflow", "report", code) for code in ("16", "016", " 16.0 ", "Posté", "POSTE", "Mobile non disponible")],
    *[("clicksend", "report", code) for code in ("WaitApproval", "wait approval", "Échoué", "301")],
    *[("smpp", "report", code) for code in ("DELIVRD", "delivrd", "2", "DND-Rejected", "BUFFERED", "no such word")],
    *[("smpp", "answer", code) for code in ("ESME_RTHROTTLED", "rthrottled", "0x00000058", "0x58", "00000058", "88")],
    *[("smsmode", "report", code) for code in ("Non envoyé – Crédit insuffisant", "Reçu", "3501")],
    *[("adobe", "report", code) for code in ("Reçu sur mobile", "ECHEC", "UNDELIV")],
    *[("kannel", "err", code) for code in ("00B", "0b", "B", "0x0b", "58")],
    *[("sinch", "err", code) for code in ("402", "27", "027")],
    *[("twilio", "err", code) for code in ("30003", "030003", "99999")],
]


def test_sql_finds_a_code_however_it_is_written(db: Database) -> None:
    load_codes(db, settings_from({}))
    columns = "dictGet('sms.codes', 'code', k), dictGet('sms.codes', 'label_fr', k), dictGet('sms.codes', 'colour', k)"
    sql = f"{KEY}, key({{d:String}}, {{s:String}}, {{c:String}}) AS k SELECT {columns}"
    for dialect, side, code in WRITTEN:
        (told,) = db.query(sql, {"d": dialect, "s": side, "c": code}).rows
        book = CATALOG.book(dialect)
        entry = book.find_err(code) if side == "err" else book.find(side, code)
        wanted = ("", "", "") if entry is None else (entry.code, entry.label_fr, entry.colour)
        assert told == wanted, (dialect, side, code)


def test_the_tables_are_filled_once_and_again_when_the_configuration_changes(db: Database, tmp_path: Path) -> None:
    assert load_codes(db, settings_from({}))
    assert not load_codes(db, settings_from({}))
    rows = db.query("SELECT count() FROM sms.catalog_codes").rows[0][0]
    assert rows > 3_000
    (tmp_path / "aurora.csv").write_text("side,code,status,reason\nreport,TOO HOT,failed,handset_error\n")
    (tmp_path / "c.toml").write_text(
        '[providers.aurora]\ncodes = "aurora.csv"\n[providers.mf]\ndialect = "mediasflow"\n'
    )
    assert load_codes(db, load_settings(tmp_path / "c.toml"))
    dialects = dict(db.query("SELECT provider, dialect FROM sms.catalog_providers").rows)
    assert dialects == {"": "smpp", "aurora": "provider:aurora", "mf": "mediasflow"}
    told = db.query("SELECT dictGet('sms.codes', 'reason', ('provider:aurora', 'report', 'too hot'))").rows
    assert told == [("handset_error",)]
    assert load_codes(db, settings_from({}))
    assert db.query("SELECT count() FROM sms.catalog_codes").rows[0][0] == rows


def test_a_message_is_told_in_the_readers_language(db: Database) -> None:
    load_codes(db, settings_from({"providers": {"mf": {"dialect": "mediasflow"}}}))
    columns = {"account": "a", "campaign": "c", "message_id": "m1", "provider": "mf", "status": "failed"}
    columns |= {"reason": "unknown_subscriber", "reason_class": "permanent", "recipient_action": "remove"}
    columns |= {"report_code": " 029 ", "response_code": "0"}
    batch = pa.RecordBatch.from_pydict(
        {name: pa.array([value]) for name, value in columns.items()}
        | {
            "created_at": pa.array([1_795_355_966_000], pa.timestamp("ms", "UTC")),
            "version": pa.array([1], pa.uint64()),
        }
    )
    db.insert("sms.messages", batch, "")
    (told,) = db.query(
        "SELECT status_fr, reason_en, action_fr, report_en, report_fr, report_colour, report_billed, response_fr "
        "FROM sms.message_codes"
    ).dicts()
    assert told == {
        "status_fr": "Échec",
        "reason_en": "Number not assigned or not known to the operator",
        "action_fr": "Retirer le numéro",
        "report_en": "The operator does not know the number",
        "report_fr": "L'opérateur ne connaît pas le numéro",
        "report_colour": "orange",
        "report_billed": "yes",
        "response_fr": "Pris en compte par MediasFlow",
    }


def test_every_word_of_ours_has_a_label(db: Database) -> None:
    load_codes(db, settings_from({}))
    missing = db.query(
        "SELECT DISTINCT recipient_action, reason_class, reason FROM sms.catalog_codes "
        "WHERE dictGet('sms.labels', 'label_fr', ('action', toString(recipient_action))) = '' "
        "OR dictGet('sms.labels', 'label_fr', ('class', toString(reason_class))) = '' "
        "OR (reason != '' AND dictGet('sms.labels', 'label_en', ('reason', toString(reason))) = '')"
    ).rows
    assert missing == []
    statuses = db.query("SELECT word FROM sms.catalog_labels WHERE kind = 'status'").rows
    assert {row[0] for row in statuses} == {
        *("pending", "excluded", "submitted", "accepted", "enroute", "sent_without_sr"),
        *("delivered", "partially_delivered", "failed"),
    }


def test_where_users_cannot_be_managed_the_dictionaries_stay_as_they_are(db: Database) -> None:
    load_codes(db, settings_from({}))
    assert not let_dictionaries_read(db)
    assert db.query("SELECT dictGet('sms.codes', 'label_fr', ('smpp', 'report', 'delivrd'))").rows == [("Remis",)]
