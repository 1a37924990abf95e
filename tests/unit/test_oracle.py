"""The oracle against the examples worked out by hand, and against the laws that hold for every history."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.events import DeliveryReport, Event, MessageStatus, Submit, SubmitResponse
from tests.golden_histories import GoldenHistory, event, load
from tests.histories import (
    OTHER_DIALECTS_CODES,
    START_MS,
    Case,
    cases,
    event_time_ms,
    random_case,
    stream_times,
)
from tests.oracle import OPEN_LEAST_ADVANCED_FIRST, SETTLED, deadlines, message_row
from tests.oracle_codes import CodesWithUnconfirmed, SmppCodes
from tests.oracle_facts import duration_ms

CODES = CodesWithUnconfirmed()
GOLDEN = load()
laws = settings(max_examples=60)
any_case = cases(extra_codes=OTHER_DIALECTS_CODES)


def row_at(case: Case, stream_time_ms: int, events: list[Event] | None = None) -> MessageStatus | None:
    return message_row(case.events if events is None else events, CODES, case.config, stream_time_ms)


def unfiled(row: MessageStatus | None) -> MessageStatus | None:
    """Without what the message is filed under: that alone depends on the order (section 1.4)."""
    return row and row._replace(campaign="", created_at_ms=0)


# --- the examples


@pytest.mark.parametrize("history", GOLDEN, ids=lambda h: h.name)
def test_golden_history(history: GoldenHistory) -> None:
    row = message_row(history.events, SmppCodes(), history.parsed_config, history.as_of_ms)
    assert row is not None
    told = row._asdict()
    assert {column: told[column] for column in history.expect} == history.expect


@pytest.mark.parametrize("history", GOLDEN, ids=lambda h: h.name)
def test_golden_history_shuffled_and_doubled(history: GoldenHistory) -> None:
    rng = random.Random(history.name)
    events = rng.sample(history.events * 2, 2 * len(history.events))
    told = message_row(events, SmppCodes(), history.parsed_config, history.as_of_ms)
    straight = message_row(history.events, SmppCodes(), history.parsed_config, history.as_of_ms)
    assert unfiled(told) == unfiled(straight)


def test_golden_histories_are_fit_for_every_runner() -> None:
    assert len({h.name for h in GOLDEN}) == len(GOLDEN) >= 40
    assert len({h.message_id for h in GOLDEN}) == len(GOLDEN)
    for history in GOLDEN:
        assert {e.message_id for e in history.events} == {history.message_id}
        assert max(map(event_time_ms, history.events)) <= history.as_of_ms, history.name
        assert set(history.expect) <= set(MessageStatus._fields)


def test_golden_histories_show_every_status() -> None:
    shown = {h.expect["status"] for h in GOLDEN}
    assert shown == {*SETTLED, *OPEN_LEAST_ADVANCED_FIRST}


# --- what the examples cannot say (codes of other dialects, the order of arrival)

SUBMIT = cast(Submit, event({"topic": "sms.submit", "message_id": "m1", "submitted_at_ms": START_MS}))
ANSWER = SubmitResponse("default", "m1", 1, None, START_MS + 1000, "", "0", "", "")


def report(code: str, after_ms: int, part: int | None = None, provider: str = "") -> DeliveryReport:
    at = START_MS + after_ms
    return DeliveryReport("default", "m1", None, part, at, None, provider, "", code, "", "")


def told(*events: Event, at: int = START_MS + 50_000) -> MessageStatus:
    row = message_row(events, CODES, {}, at)
    assert row is not None
    return row


def test_nothing_is_written_before_a_submit_is_known() -> None:
    assert message_row([ANSWER, report("DELIVRD", 5000)], CODES, {}, START_MS + 10**10) is None
    assert deadlines([ANSWER], CODES, {}) == []


def test_filed_under_the_first_submit_seen() -> None:
    first = SUBMIT._replace(campaign="spring")
    second = first._replace(attempt=2, submitted_at_ms=START_MS + 30_000, campaign="summer")
    row = told(second, first)
    assert (row.attempt, row.campaign, row.created_at_ms) == (2, "summer", START_MS + 30_000)
    row = told(first, second)
    assert (row.attempt, row.campaign, row.created_at_ms) == (2, "spring", START_MS)


def test_no_confirmation_will_come() -> None:
    row = told(SUBMIT, ANSWER, report("POSTED", 5000))
    assert (row.status, row.derived, row.settled, row.version) == ("sent_without_sr", False, True, 768)


@pytest.mark.parametrize("order", [("POSTED", "UNDELIV"), ("UNDELIV", "POSTED")])
def test_unconfirmed_stands_only_where_nothing_firmer_does(order: tuple[str, str]) -> None:
    row = told(SUBMIT, ANSWER, report(order[0], 5000), report(order[1], 6000))
    assert (row.status, row.report_code, row.conflict) == ("failed", "UNDELIV", False)


def test_delivered_overrides_an_earlier_unknown() -> None:
    row = told(SUBMIT, ANSWER, report("LOST", 5000), report("DELIVRD", 6000))
    assert (row.status, row.conflict) == ("delivered", True)


def test_the_codes_are_those_of_the_provider_in_the_report() -> None:
    assert told(SUBMIT, ANSWER, report("UNDELIV", 5000, provider="p3")).status == "enroute"
    assert told(SUBMIT, ANSWER, report("UNDELIV", 5000)).status == "failed"


def test_delivered_beside_a_part_that_nobody_will_confirm() -> None:
    row = told(SUBMIT._replace(parts=2), ANSWER, report("DELIVRD", 5000, 1), report("POSTED", 6000, 2))
    assert (row.status, row.derived) == ("sent_without_sr", False)


def test_an_excluded_part_has_no_say_beside_a_told_one() -> None:
    excluded = SUBMIT._replace(parts=2, disposition="excluded")
    assert told(excluded, report("DELIVRD", 5000, 1)).status == "delivered"
    assert told(excluded, report("UNDELIV", 5000, 1)).status == "failed"
    assert told(excluded, report("ENROUTE", 5000, 1)).status == "enroute"


def test_an_event_of_another_part_read_before_its_time_hides_no_timeout() -> None:
    """Part 1 waits for its answer; that of part 2 is dated after the deadline they share."""
    events = (SUBMIT._replace(parts=2), ANSWER._replace(part=2, responded_at_ms=START_MS + 61_000))
    before, after = (told(*events, at=START_MS + wait_ms) for wait_ms in (59_999, 60_000))
    assert (before.status, before.version) == ("submitted", 513)
    assert (after.status, after.version) == ("accepted", 514)


def test_time_that_moves_an_attempt_takes_its_reports_along() -> None:
    """The submit that stands for attempt 2 says when it began; with it goes what came in between."""
    pending = SUBMIT._replace(attempt=2, submitted_at_ms=START_MS + 3000, disposition="pending")
    handed_over = pending._replace(submitted_at_ms=START_MS + 9000, disposition="submitted")
    events = (SUBMIT, ANSWER, pending, report("UNDELIV", 5000))
    assert (told(*events).attempt, told(*events).status) == (2, "failed")
    assert (told(*events, handed_over).attempt, told(*events, handed_over).status) == (2, "submitted")


@pytest.mark.parametrize(
    ("text", "expected_ms"), [("500ms", 500), ("60s", 60_000), ("10m", 600_000), ("7d", 604_800_000)]
)
def test_duration(text: str, expected_ms: int) -> None:
    assert duration_ms(text) == expected_ms


# --- the laws


@laws
@given(any_case, st.randoms(use_true_random=False))
def test_order_decides_nothing(case: Case, rng: random.Random) -> None:
    shuffled = rng.sample(case.events, len(case.events))
    for at in stream_times(case, CODES):
        assert unfiled(row_at(case, at)) == unfiled(row_at(case, at, shuffled))


@laws
@given(any_case, st.data())
def test_a_copy_that_came_later_changes_nothing(case: Case, data: st.DataObject) -> None:
    if not case.events:
        return
    copy = data.draw(st.sampled_from(case.events))
    wait_ms = data.draw(st.sampled_from([0, 1, 1000, 60_000, 10**9]))
    if isinstance(copy, SubmitResponse):
        copy = copy._replace(responded_at_ms=copy.responded_at_ms + wait_ms)
    elif isinstance(copy, DeliveryReport):
        copy = copy._replace(received_at_ms=copy.received_at_ms + wait_ms)
    for at in stream_times(case, CODES):
        assert unfiled(row_at(case, at)) == unfiled(row_at(case, at, [copy, *case.events]))


@laws
@given(any_case)
def test_version_rises_with_stream_time_whenever_the_row_changes(case: Case) -> None:
    rows = [row for at in stream_times(case, CODES) if (row := row_at(case, at))]
    for before, after in pairwise(rows):
        assert before == after or before.version < after.version


@laws
@given(any_case)
def test_only_deadlines_change_the_row(case: Case) -> None:
    """Between two neighbouring deadlines any two stream times give one row, at each deadline another one."""
    for deadline in deadlines(case.events, CODES, case.config):
        assert row_at(case, deadline - 1) != row_at(case, deadline)
    edges = [START_MS - 10**9, *deadlines(case.events, CODES, case.config), START_MS + 10**10]
    for start, end in pairwise(edges):
        assert row_at(case, start) == row_at(case, end - 1)


@laws
@given(any_case)
def test_version_rises_with_each_new_fact(case: Case) -> None:
    """But for a copy dated before the fact it copies: that is the same number of facts."""
    at = START_MS + 60_000
    for count in range(1, len(case.events) + 1):
        before, after = row_at(case, at, case.events[: count - 1]), row_at(case, at, case.events[:count])
        if before and after and before.version // 256 != after.version // 256:
            assert after.version // 256 == before.version // 256 + 1
            assert after.version > before.version


@laws
@given(any_case)
def test_columns_agree_with_each_other(case: Case) -> None:
    for at in stream_times(case, CODES):
        row = row_at(case, at)
        if row is None:
            continue
        assert row.settled == (row.status in SETTLED)
        if row.derived:
            assert row.status in ("failed", "sent_without_sr", "partially_delivered")
            assert not row.late
        if row.status in ("delivered", "accepted", "pending"):
            assert (row.reason, row.reason_class, row.recipient_action) == ("", "none", "keep")
        if row.parts == 1:
            assert not (row.late and row.status in ("pending", "excluded", "submitted"))
        assert row.duplicate_delivery <= (row.status == "delivered")
        assert 0 <= row.billable_parts <= row.parts
        assert (row.responded_at_ms is None) == (row.response_code == "")
        assert (row.received_at_ms is None) == (row.report_code == "")


@laws
@given(any_case)
def test_a_delivery_is_never_taken_back_by_time_or_by_another_attempt(case: Case) -> None:
    row = row_at(case, START_MS)
    if row is None or row.status != "delivered":
        return
    next_ms = max(map(event_time_ms, case.events)) + 1
    submit = SUBMIT._replace(attempt=9, submitted_at_ms=next_ms)
    for attempt in (submit, ANSWER._replace(attempt=9, responded_at_ms=next_ms)):
        after = row_at(case, START_MS + 10**10, [*case.events, attempt])
        assert after is not None
        assert (after.status, after.attempt) == ("delivered", row.attempt)


def test_the_generator_reaches_everything() -> None:
    rng = random.Random(0)
    seen: Counter[str] = Counter()
    for _ in range(800):
        case = random_case(rng, extra_codes=OTHER_DIALECTS_CODES)
        for row in (row_at(case, START_MS + wait) for wait in (0, 5000, 60_000, 10**9)):
            if row is not None:
                seen.update([row.status, f"{row.status} derived={row.derived}", f"reason {row.reason}"])
                seen.update(flag for flag in FLAGS if getattr(row, flag))
    wanted = {*SETTLED, *OPEN_LEAST_ADVANCED_FIRST, *FLAGS, "sent_without_sr derived=False"}
    wanted |= {"failed derived=True", "sent_without_sr derived=True", "partially_delivered derived=True"}
    wanted |= {f"reason {r}" for r in ("no_response", "expired", "unknown_code", "throttled", "blacklist")}
    assert {what: seen[what] for what in wanted if seen[what] < 10} == {}


FLAGS = ("late", "conflict", "duplicate_delivery", "unknown_code", "derived", "settled")
