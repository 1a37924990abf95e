"""The views analysts start from are right at any moment: amended statuses, any order of loading, merged or not."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from streams import events
from streams.clickhouse.backend import Database
from streams.clickhouse.rows import load_rows
from streams.clickhouse.story import NoSuchMessage, message_story
from streams.events import MessageStatus

from .records import DAY, T0, orphan, report, response, revisions, status, submit

DESIGN_COLUMNS = [
    *("account", "campaign", "message_id", "provider", "sender", "recipient", "country", "traffic_type", "attempt"),
    *("parts", "status", "version", "derived", "settled", "late", "conflict", "duplicate_delivery", "reason"),
    *("reason_class", "recipient_action", "billable_parts", "response_code", "report_code", "report_err"),
    *("provider_message_id", "created_at", "submitted_at", "responded_at", "done_at", "received_at", "attributes"),
]


def refused(message_id: str, **fields: Any) -> MessageStatus:
    same = {"response_code": "0x0000000B", "responded_at_ms": T0 + 100, "billable_parts": 0, **fields}
    return status(
        message_id,
        "failed",
        512,
        reason="invalid_destination",
        reason_class="permanent",
        recipient_action="remove",
        **same,
    )


def silent(message_id: str, **fields: Any) -> MessageStatus:
    return status(
        message_id, "failed", 257, derived=True, reason="no_response", reason_class="undetermined",
        recipient_action="retry", billable_parts=0, **fields,
    )  # fmt: skip


def unconfirmed(message_id: str, **fields: Any) -> MessageStatus:
    return status(
        message_id, "sent_without_sr", 513, derived=True, response_code="0", responded_at_ms=T0 + 300, **fields
    )


def test_message_latest_has_one_row_a_message_whatever_order_it_was_loaded_in(db: Database) -> None:
    chance = random.Random(1)
    rows = [row for n in range(50) for row in revisions(f"m{n}", at=T0 + n % 4 * DAY)]
    chance.shuffle(rows)
    for start in range(0, len(rows), 25):
        load_rows(db, f"t{start}", rows[start : start + 25])
    latest = db.query("SELECT * FROM message_latest ORDER BY message_id").dicts()
    assert len(latest) == 50
    assert {(row["status"], row["version"], row["settled"]) for row in latest} == {("delivered", 768, True)}


def test_message_latest_shows_what_the_design_names(db: Database) -> None:
    load_rows(db, "t", [revisions()[-1]._replace(attributes={"shop": "1"})])
    result = db.query("SELECT * FROM message_latest")
    assert result.columns[: len(DESIGN_COLUMNS)] == DESIGN_COLUMNS
    row = result.dicts()[0]
    assert row["submitted_at"] == "2026-03-02 09:59:50.000"
    assert row["received_at"] == "2026-03-02 09:59:55.000"
    assert row["derived"] is False
    assert row["attributes"] == {"shop": "1"}
    assert row["traffic_type"] == "otp"
    types = dict(zip(result.columns, result.types, strict=True))
    assert {types[name] for name in ("created_at", "submitted_at")} == {"DateTime64(3, 'UTC')"}
    assert types["done_at"] == "Nullable(DateTime64(3, 'UTC'))"
    assert {types[name] for name in ("derived", "settled", "late", "conflict", "duplicate_delivery")} == {"Bool"}


def test_an_older_revision_that_comes_again_loses(db: Database) -> None:
    load_rows(db, "t1", revisions())
    load_rows(db, "t2", [status(status="submitted", version=256)])
    assert db.query("SELECT status, version FROM message_latest").rows == [("delivered", 768)]


def test_the_same_id_in_two_accounts_is_two_messages(db: Database) -> None:
    load_rows(db, "t", [status(account="a"), status(account="b")])
    assert db.query("SELECT account FROM message_latest ORDER BY account").rows == [("a",), ("b",)]


def test_a_message_is_found_by_its_id_without_reading_the_others(db: Database) -> None:
    load_rows(db, "t", [status(f"m{n}", created_at_ms=T0 + n, submitted_at_ms=T0 + n) for n in range(20_000)])
    steps = db.query("EXPLAIN indexes = 1 SELECT * FROM message_latest WHERE message_id = 'm7'").rows
    plan = "\n".join(row[0] for row in steps)
    assert "by_message_id" in plan
    assert re.search(r"Granules: 1/[2-9]\b", plan), plan


def test_campaign_summary_counts_messages_where_they_stand_now(db: Database) -> None:
    load_rows(db, "t1", [status(f"m{n}", "submitted", 256, parts=2, billable_parts=0) for n in range(5)])
    load_rows(db, "t2", [
        status("m0", "delivered", 768, parts=2, billable_parts=2, late=True), refused("m1"), unconfirmed("m2"),
        status("m3", "accepted", 512, parts=2, billable_parts=2, currency="USD"),
        status("x", "excluded", 256, price_micros=None), status("other", campaign="autumn"),
    ])  # fmt: skip
    row = db.query("SELECT * FROM campaign_summary WHERE campaign = 'spring'").dicts()[0]
    assert (row["account"], row["messages"], row["handed_over"], row["excluded"]) == ("acme", 6, 5, 1)
    assert [row[name] for name in ("submitted", "accepted", "delivered", "sent_without_sr", "failed")] == [1] * 5
    assert (row["open"], row["late"]) == (2, 1)
    assert (row["delivered_rate"], row["failed_rate"], row["unconfirmed_rate"]) == (0.2, 0.2, 0.2)
    assert row["price_micros"] == {"EUR": 4 * 45_000, "USD": 45_000}
    assert db.query("SELECT count() FROM campaign_summary").rows == [(2,)]


def test_provider_scorecard_has_rates_with_their_counts_and_latencies(db: Database) -> None:
    load_rows(db, "t1", [row for n in range(100) for row in revisions(f"m{n}", responded_at_ms=T0 + n + 1)])
    load_rows(db, "t2", [refused("r"), silent("s"), unconfirmed("u"), status("p", "pending"), status("x", "excluded")])
    load_rows(db, "t3", [status("w", "submitted", 256, provider="p2")])
    rows = {row["provider"]: row for row in db.query("SELECT * FROM provider_scorecard").dicts()}
    one = rows["p1"]
    assert one["handed_over"] == 103
    assert [one[name] for name in ("accepted", "refused", "no_response", "delivered", "sent_without_sr")] == [
        *(101, 1, 1, 100, 1)
    ]
    assert one["accepted_rate"] == round(101 / 103, 4)
    assert one["delivered_rate"] == round(100 / 103, 4)
    assert one["responses"] == 102
    assert (one["response_ms_p50"], one["report_ms_p50"], one["done_ms_p50"]) == (52, 5_000, 4_000)
    assert one["response_ms_p99"] == 100
    other = rows["p2"]
    assert (other["handed_over"], other["submitted"], other["accepted_rate"], other["response_ms_p50"]) == (
        1,
        1,
        None,
        None,
    )


def test_scorecard_parts_make_up_the_whole(db: Database) -> None:
    kinds = [
        refused("a"),
        silent("b"),
        unconfirmed("c"),
        *revisions("d"),
        status("e", "enroute"),
        status("f", "submitted"),
    ]
    kinds.append(status("g", "failed", report_code="UNDELIV", reason="absent"))
    load_rows(db, "t", kinds)
    row = db.query("SELECT * FROM provider_scorecard").dicts()[0]
    assert row["submitted"] + row["accepted"] + row["refused"] + row["no_response"] == row["handed_over"] == 7
    accepted = ("waiting_for_report", "delivered", "partially_delivered", "failed_later", "sent_without_sr")
    assert sum(row[name] for name in accepted) == row["accepted"]


def test_failure_reasons_counts_only_what_failed_and_still_does(db: Database) -> None:
    load_rows(db, "t1", [silent("late one"), silent("s"), refused("r1"), refused("r2"), *revisions("fine")])
    load_rows(db, "t2", [status("late one", "delivered", 769, late=True)])
    rows = db.query(
        "SELECT reason, messages, share, derived, response_code, example_message_id FROM failure_reasons"
    ).rows
    assert rows == [
        ("invalid_destination", 2, 0.4, False, "0x0000000B", "r1"),
        ("no_response", 1, 0.2, True, "", "s"),
    ]


# ---- the story of one message --------------------------------------------------------------------------------------


def lived(db: Database) -> None:
    """A message whose report comes a day too late, and an orphan of the same name elsewhere."""
    late_at = T0 + DAY + 60_000
    one, two, _ = revisions()
    derived = two._replace(status="sent_without_sr", derived=True, settled=True, version=513)
    amended = derived._replace(
        status="delivered", derived=False, late=True, version=769, report_code="DELIVRD", received_at_ms=late_at
    )
    placed: list[tuple[str, int, int, int, events.Event]] = [
        ("sms.submit", 1, 10, T0, submit(parts=2, attributes={"shop": "12"})),
        ("sms.submit-response", 1, 11, T0 + 200, response(text="OK")),
        ("sms.delivery-report", 1, 12, late_at, report(received_at_ms=late_at, text="id:abc1 stat:DELIVRD")),
    ]
    seen = [T0 + 50, T0 + 250, T0 + DAY + 200, late_at + 50]
    load_rows(db, "t", [one, two, derived, amended], placed, [orphan(account="other")], timestamp_ms=seen)


def test_the_timeline_tells_everything_in_the_order_of_time(db: Database) -> None:
    lived(db)
    rows = db.query("SELECT kind, what, at FROM message_timeline WHERE message_id = 'm1'").rows
    assert [row[:2] for row in rows] == [
        ("submit", "handed over to p1 in 2 parts"),
        ("status", "now submitted"),
        ("response", "the provider answered 0"),
        ("status", "now accepted"),
        ("timeout", "no report within the receipt timeout: sent_without_sr"),
        ("report", "report DELIVRD, error 000"),
        ("status", "now delivered (late)"),
    ]
    assert [row[2] for row in rows] == sorted(row[2] for row in rows)


def test_in_a_backfill_the_timeout_stays_before_what_came_later(db: Database) -> None:
    """Written today, all of it, about a message of long ago."""
    one, two, three = revisions()
    derived = two._replace(status="sent_without_sr", derived=True, settled=True, version=513)
    late = three._replace(version=769, late=True, received_at_ms=T0 + 2 * DAY)
    load_rows(db, "t", [one, two, derived, late], timestamp_ms=T0 + 700 * DAY)
    rows = db.query("SELECT version, at FROM message_timeline WHERE message_id = 'm1'").rows
    assert [version for version, _ in rows] == [256, 512, 513, 769]
    assert rows[2][1] == rows[3][1]


def test_the_story_has_times_raw_codes_and_what_changed(db: Database) -> None:
    lived(db)
    story = message_story(db, "m1")
    assert "Message m1 of account acme" in story
    assert "campaign spring" in story
    assert "now delivered · settled · late" in story
    assert "the provider answered 0, id abc1, text 'OK'  [sms.submit-response-1@11]" in story
    assert "text 'id:abc1 stat:DELIVRD'" in story
    assert "no report within the receipt timeout: sent_without_sr; status accepted > sent_without_sr" in story
    assert "(version 769)" in story
    assert "+24 h 00 min" in story


def test_an_orphan_has_a_story_too(db: Database) -> None:
    lived(db)
    story = message_story(db, "m9")
    assert "no submit has been seen" in story
    assert "delivery report DELIVRD found no message: no_submit, id zzz" in story


def test_the_story_of_a_message_of_two_accounts_tells_both_or_one(db: Database) -> None:
    load_rows(db, "t", [status(account="a"), status(account="b")])
    assert message_story(db, "m1").count("Message m1 of account") == 2
    assert message_story(db, "m1", account="b").count("Message m1 of account") == 1


def test_what_is_not_found_is_looked_for_elsewhere(db: Database) -> None:
    lived(db)
    with pytest.raises(NoSuchMessage, match="No event names a message nope"):
        message_story(db, "nope")
    with pytest.raises(NoSuchMessage, match=r"a provider used that id for m1 \(account acme\)"):
        message_story(db, "abc1")
    with pytest.raises(NoSuchMessage, match="Account zz has no message m1; there is one of that id in acme"):
        message_story(db, "m1", account="zz")
