"""The status rules: golden histories, and the independent oracle on thousands of random ones."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.settings import settings_from
from tests.adapters import CatalogCodes, core_row
from tests.golden_histories import GoldenHistory, load
from tests.histories import Case, cases, random_case, stream_times
from tests.oracle import message_row

RANDOM_HISTORIES = 2_000


@pytest.mark.parametrize("history", load(), ids=lambda h: h.name)
def test_golden_history(history: GoldenHistory) -> None:
    row = core_row(history.events, settings_from(history.parsed_config).rules(), history.as_of_ms)
    assert row is not None
    told = row._asdict()
    assert {column: told[column] for column in history.expect} == history.expect


@pytest.mark.parametrize("history", load(), ids=lambda h: h.name)
def test_golden_history_in_another_order_and_doubled(history: GoldenHistory) -> None:
    rng = random.Random(history.name)
    events = rng.sample(history.events * 2, 2 * len(history.events))
    row = core_row(events, settings_from(history.parsed_config).rules(), history.as_of_ms)
    assert row is not None
    told = row._asdict()
    filed = ("campaign", "created_at_ms")  # these are of the first submit that was seen
    expect = {column: value for column, value in history.expect.items() if column not in filed}
    assert {column: told[column] for column in expect} == expect


def _agree(case: Case) -> None:
    rules = settings_from(case.config).rules()
    codes = CatalogCodes(rules)
    for at in stream_times(case, codes):
        assert core_row(case.events, rules, at) == message_row(case.events, codes, case.config, at), at


@pytest.mark.parametrize("seed", range(0, RANDOM_HISTORIES, 500))
def test_core_agrees_with_the_oracle_on_random_histories(seed: int) -> None:
    for number in range(seed, seed + 500):
        _agree(random_case(random.Random(number)))


@settings(max_examples=150)
@given(cases())
def test_core_agrees_with_the_oracle(case: Case) -> None:
    _agree(case)


@settings(max_examples=100)
@given(cases(), st.randoms(use_true_random=False))
def test_order_and_duplicates_do_not_matter(case: Case, rng: random.Random) -> None:
    rules = settings_from(case.config).rules()
    events = rng.sample(case.events * 2, 2 * len(case.events))
    for at in stream_times(case, CatalogCodes(rules)):
        straight, mixed = core_row(case.events, rules, at), core_row(events, rules, at)
        if straight is None or mixed is None:
            assert straight == mixed
        else:
            assert mixed._replace(campaign=straight.campaign, created_at_ms=straight.created_at_ms) == straight
