"""Alignment of the inputs, and stream time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.correlator.streamtime import ANSWERS, REPORTS, SUBMITS, UNKNOWN_TIME, StreamTime
from streams.events import DeadLetter, Submit
from streams.runtime.calendar import Calendar
from streams.runtime.inputs import Entry, Inputs
from tests.golden_histories import event

T0 = 1_772_445_600_000


def submit(at: int) -> Submit:
    made = event({"topic": "sms.submit", "message_id": f"m{at}", "submitted_at_ms": T0 + at})
    assert isinstance(made, Submit)
    return made


def entries(*times: int) -> list[Entry]:
    return [(T0 + at, offset, submit(at)) for offset, at in enumerate(times)]


def times(taken: Sequence[Any]) -> list[int]:
    return [e.submitted_at_ms - T0 for e in taken]


def test_what_runs_ahead_waits_for_the_input_that_is_behind() -> None:
    inputs = Inputs()
    inputs.inputs[SUBMITS].read(entries(0, 10, 500, 600))
    inputs.inputs[ANSWERS].read(entries(5, 100))
    assert inputs.take() == ([], [])  # nothing of the reports yet
    inputs.inputs[REPORTS].read(entries(50))
    taken, _ = inputs.take()
    assert times(taken) == [0, 5, 10, 50]
    assert [source.next_offset for source in inputs.inputs] == [2, 1, 1]


def test_an_input_at_its_end_holds_nothing_back() -> None:
    inputs = Inputs()
    inputs.inputs[SUBMITS].read(entries(0, 500))
    for source in inputs.inputs:
        source.at_end = True
    taken, _ = inputs.take()
    assert times(taken) == [0, 500]


def test_order_within_an_input_is_kept_and_the_offset_is_that_of_the_first_not_taken() -> None:
    inputs = Inputs()
    inputs.inputs[SUBMITS].read(entries(900, 10, 20))  # the first is ahead: what is behind it waits too
    for source in (ANSWERS, REPORTS):
        inputs.inputs[source].read(entries(30))
    inputs.take()
    assert inputs.inputs[SUBMITS].next_offset is None
    assert len(inputs.inputs[SUBMITS].waiting) == 3


def test_what_cannot_be_used_never_waits() -> None:
    inputs = Inputs()
    letter = DeadLetter("sms.submit", 0, 0, T0, None, b"x", "not_avro", "", "test")
    inputs.inputs[SUBMITS].read([(0, 0, letter)])
    assert inputs.take() == ([], [letter])
    assert inputs.inputs[SUBMITS].next_offset == 1


def test_stream_time_is_that_of_the_input_furthest_behind() -> None:
    time = StreamTime()
    now, _ = time.see([SUBMITS, ANSWERS, REPORTS, SUBMITS, ANSWERS], [100, 50, 70, 200, 60])
    assert now == [UNKNOWN_TIME, UNKNOWN_TIME, 50, 50, 60]


def test_stream_time_never_goes_back_and_ends_do_not_hold_it() -> None:
    time = StreamTime()
    time.see([SUBMITS, ANSWERS, REPORTS], [100, 100, 100])
    time.ended(REPORTS, True)
    assert time.see([SUBMITS, ANSWERS], [200, 150])[0] == [100, 150]
    time.ended(REPORTS, False)
    assert time.see([SUBMITS], [300])[0] == [150]
    assert time.advance(120) == 150


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 50)), max_size=30),
    st.lists(st.booleans(), min_size=3, max_size=3),
    st.integers(0, 30),
)
def test_stream_time_does_not_depend_on_the_batches(seen: list[tuple[int, int]], ends: list[bool], place: int) -> None:
    whole, pieces = StreamTime(), StreamTime()
    whole.at_end, pieces.at_end = list(ends), list(ends)
    one = whole.see([s for s, _ in seen], [t for _, t in seen])
    two: tuple[list[int], list[int]] = ([], [])
    for batch in (seen[:place], seen[place:]):
        now, base = pieces.see([s for s, _ in batch], [t for _, t in batch])
        two = (two[0] + now, two[1] + base)
    assert two == one
    assert (pieces.now_ms, pieces.newest) == (whole.now_ms, whole.newest)


@given(st.lists(st.tuples(st.integers(0, 20_000), st.text(max_size=2))), st.lists(st.integers(0, 20_000)))
def test_the_calendar_gives_what_is_due_once(noted: list[tuple[int, str]], asked: list[int]) -> None:
    calendar = Calendar()
    for due, key in noted:
        calendar.note(due, key)
    left = sorted(noted)
    for now in sorted(asked):
        due_now = [key for due, key in left if due <= now]
        left = [(due, key) for due, key in left if due > now]
        assert sorted(calendar.take(now)) == sorted(due_now)
