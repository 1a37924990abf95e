"""The parts of loading that need no database: plans, lanes, columns, values."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import events
from streams.clickhouse.loader import Lane, Limits, Plan, planned
from streams.clickhouse.migrate import Migration
from streams.clickhouse.plain import plain_rows
from streams.clickhouse.server import driver_column
from streams.clickhouse.story import _since
from streams.clickhouse.tables import Source, inserts

FULL = Limits(rows=3, size=1_000, seconds=1.0)


def lane(*offsets: int, start: int = 0, plan: Plan | None = None) -> Lane:
    made = Lane("t", 0, start, plan)
    for offset in offsets:
        made.add(offset, offset * 10, b"k", b"v%d" % offset, now=100.0)
    return made


# ---- plans ---------------------------------------------------------------------------------------------------------


def test_a_plan_survives_as_metadata_and_names_its_block() -> None:
    plan = Plan(17, 4_000_000_000)
    assert planned(plan.metadata()) == plan
    assert plan.token("sms.submit", 3) == "sms.submit-3-17-4000000000"


@pytest.mark.parametrize(
    "metadata", [None, "", "of somebody else", "sms-load/1 5-", "sms-load/2 1-2", "sms-load/1 1-2x"]
)
def test_other_metadata_is_no_plan(metadata: str | None) -> None:
    assert planned(metadata) is None


# ---- lanes ---------------------------------------------------------------------------------------------------------


def test_a_block_is_planned_when_there_are_enough_records() -> None:
    assert lane(5, 6).due(100.5, FULL) is None
    assert lane(5, 6, 9).due(100.5, FULL) == Plan(5, 9)


def test_or_enough_bytes() -> None:
    big = lane()
    big.add(4, 0, None, b"x" * 1_000, now=100.0)
    assert big.due(100.0, FULL) == Plan(4, 4)


def test_or_when_the_first_has_waited_long_enough() -> None:
    assert lane(5).due(101.0, FULL) == Plan(5, 5)
    assert lane().due(1e9, FULL) is None


def test_a_plan_that_was_found_is_finished_whole_before_anything_else() -> None:
    found = Plan(10, 14)
    assert lane(10, 11, 12, start=10, plan=found).due(1e9, FULL) is None, "14 may still come"
    there = lane(10, 11, 14, 15, 16, start=10, plan=found)
    assert there.due(100.0, FULL) == found
    assert there.block(found).offsets == [10, 11, 14]
    assert there.block(found).values == [b"v10", b"v11", b"v14"]
    there.done(found, now=200.0)
    assert (there.plan, there.resume_at, there.rows) == (None, 15, 2)


def test_a_found_plan_ends_at_the_end_of_the_partition_if_its_records_are_gone() -> None:
    gone = lane(start=10, plan=Plan(10, 14))
    gone.end(15)
    assert gone.due(0.0, FULL) == Plan(10, 14)
    assert gone.block(Plan(10, 14)).offsets == []


def test_records_read_again_are_left_out() -> None:
    again = lane(3, 4, 5, start=4)
    again.add(5, 0, None, b"again", now=100.0)
    assert again.block(Plan(0, 99)).offsets == [4, 5]


@given(
    gaps=st.lists(st.integers(1, 5), min_size=1, max_size=40),
    rows=st.integers(1, 10),
    crashes=st.sets(st.integers(0, 60)),
)
def test_blocks_cover_every_record_once_wherever_it_crashes(gaps: list[int], rows: int, crashes: set[int]) -> None:
    """Take turns: plan, perhaps crash, insert, perhaps crash, tick off; blocks of one token are the same block."""
    log = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    committed: tuple[int, str] = (0, "")
    inserted: dict[str, list[int]] = {}
    blocks = count()
    crashed = True
    while crashed:
        crashed = False
        work = Lane("t", 0, committed[0], planned(committed[1]))
        limits = Limits(rows=rows + next(blocks) % 3, size=10**9, seconds=0.0)
        for offset in log:
            work.add(offset, 0, None, b"", now=0.0)
            while not crashed and (plan := work.due(-1.0, limits) or (offset == log[-1] and work.due(1.0, limits))):
                committed = (plan.first, plan.metadata())
                block = work.block(plan).offsets
                assert inserted.setdefault(plan.token("t", 0), block) == block
                crashed = next(blocks) in crashes
                if not crashed:
                    work.done(plan, now=0.0)
                    committed = (work.resume_at, "")
            if crashed:
                break
    assert sorted(offset for block in inserted.values() for offset in block) == log


# ---- columns -------------------------------------------------------------------------------------------------------

SOURCE = Source(3, pa.array([7]), pa.array([1_000]))


def test_times_of_a_status_become_distances_from_created_at() -> None:
    batch = pa.record_batch(
        {
            "message_id": ["m"],
            "created_at_ms": [1_000],
            "submitted_at_ms": [1_005],
            "responded_at_ms": pa.array([1_200]),
            "done_at_ms": pa.array([400]),
            "received_at_ms": pa.array([None], pa.int64()),
        }
    )
    revisions, messages = inserts(events.MESSAGE_STATUS, batch, SOURCE)
    assert (revisions.table, messages.table) == ("sms.revisions", "sms.messages")
    row = messages.batch.to_pylist()[0]
    assert row == {
        "message_id": "m",
        "created_at": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        "submitted_offset_ms": 5,
        "responded_offset_ms": 200,
        "done_offset_ms": -600,
        "received_offset_ms": None,
    }
    assert revisions.batch.to_pylist()[0].items() >= {"partition": 3, "offset": 7, **row}.items()


def test_an_event_keeps_its_place_and_its_topic() -> None:
    batch = pa.record_batch({"message_id": ["m"], "submitted_at_ms": [5], "validity_ms": [60_000]})
    (insert,) = inserts(events.SUBMIT, batch, SOURCE)
    row = insert.batch.to_pylist()[0]
    assert (insert.table, row["topic"], row["partition"], row["offset"]) == ("sms.events", "sms.submit", 3, 7)
    assert row["event_at"] == datetime(1970, 1, 1, 0, 0, 0, 5_000, tzinfo=UTC)
    assert row["validity_ms"] == 60_000, "a duration, not a time"


def test_the_driver_gets_numbers_for_times_and_dicts_for_maps() -> None:
    times = pa.array([5, None], pa.timestamp("ms", "UTC"))
    assert driver_column(times) == [5, None]
    kind = pa.map_(pa.string(), pa.string())
    assert driver_column(pa.array([[("k", "v")], []], kind)) == [{"k": "v"}, {}]
    empty = driver_column(pa.array([[], []], kind))
    assert empty == [{}, {}]
    assert empty[0] is not empty[1], "the driver may change what it is given"


# ---- values --------------------------------------------------------------------------------------------------------


def test_values_of_the_driver_are_made_plain() -> None:
    at = datetime(2026, 3, 2, 10, 0, 0, 120_000, tzinfo=UTC)
    types = [
        "DateTime64(3, 'UTC')",
        "Nullable(DateTime64(6))",
        "DateTime",
        "Date",
        "Decimal(9, 2)",
        "Float64",
        "String",
    ]
    rows = [(at, None, at.replace(microsecond=0), date(2026, 3, 2), Decimal("1.5"), float("nan"), b"\xff")]
    assert plain_rows(rows, types) == [
        ("2026-03-02 10:00:00.120", None, "2026-03-02 10:00:00", "2026-03-02", 1.5, None, "\ufffd")
    ]


def test_nested_values_too() -> None:
    rows = [([datetime(2026, 3, 2, tzinfo=UTC)], {"k": (1, None)})]
    types = ["Array(DateTime64(3))", "Map(String, Tuple(Int8, Nullable(Int8)))"]
    assert plain_rows(rows, types) == [(["2026-03-02 00:00:00"], {"k": [1, None]})]
    assert plain_rows([], types) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "+0.000 s"),
        (0.2, "+0.200 s"),
        (65, "+1 min 05 s"),
        (86_400, "+24 h 00 min"),
        (3 * 86_400 + 7_200, "+3 d 02 h"),
    ],
)
def test_distances_in_time_are_for_people(seconds: float, text: str) -> None:
    assert _since(seconds) == text


def test_statements_end_at_a_semicolon_at_the_end_of_a_line() -> None:
    text = "-- one; two;\nSELECT ';'\n  -- and; more\n;\nSELECT 2;\n\n"
    assert Migration("0001_x", text).statements == ["SELECT ';'", "SELECT 2"]
