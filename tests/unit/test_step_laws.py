"""The laws of the step: batch cuts, crashes, shortcuts and the place of the state change no row."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.correlator import shortcuts
from streams.correlator.timeouts import Keeping, Rules
from streams.events import Event
from streams.runtime.store import DiskStore
from streams.settings import settings_from
from tests.adapters import FOR_EVER, CatalogCodes, Run
from tests.histories import event_time_ms, random_config, random_history
from tests.oracle import message_row

laws = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
seeds = st.integers(0, 1 << 32)


def traffic(rng: random.Random, messages: int = 6) -> tuple[dict[str, Any], list[Event]]:
    """Histories of several messages under one configuration, mixed: roughly in time order, or not at all."""
    config = random_config(rng)
    histories = [random_history(rng, config=config, message_id=f"m{n}") for n in range(messages)]
    events = [event for history in histories for event in history]
    if rng.random() < 0.7:
        events.sort(key=lambda event: event_time_ms(event) + rng.randrange(3_000))
    else:
        rng.shuffle(events)
    return config, events


def rules_of(config: dict[str, Any], keeping: Keeping = FOR_EVER) -> Rules:
    rules = settings_from(config).rules()
    rules.keeping = keeping
    return rules


def cut(rng: random.Random, events: list[Event]) -> list[list[Event]]:
    places = sorted(rng.sample(range(len(events) + 1), min(len(events), rng.randrange(1, 8))))
    return [events[a:b] for a, b in zip([0, *places], [*places, len(events)], strict=True)]


def as_of(events: list[Event], rng: random.Random) -> int:
    return max(map(event_time_ms, events)) + rng.choice([0, 1_000, 86_400_000, 10 * 86_400_000])


@laws
@given(seeds, st.sampled_from([FOR_EVER, Keeping(), Keeping(5_000, 60_000, 5_000)]))
def test_batch_cuts_and_crashes_change_no_row(seed: int, keeping: Keeping) -> None:
    rng = random.Random(seed)
    config, events = traffic(rng)
    end = as_of(events, rng)
    whole, pieces = Run(rules_of(config, keeping)), Run(rules_of(config, keeping))
    whole.feed(events)
    whole.end(end)
    for batch in cut(rng, events):
        pieces.feed(batch)
        if rng.random() < 0.5:
            pieces.crash()
    pieces.end(end)
    assert pieces.by_message() == whole.by_message()
    assert Counter(pieces.orphans) == Counter(whole.orphans)


@laws
@given(seeds)
def test_the_last_row_is_the_oracles(seed: int) -> None:
    rng = random.Random(seed)
    config, events = traffic(rng)
    rules = rules_of(config)
    run = Run(rules)
    for batch in cut(rng, events):
        run.feed(batch)
    run.end(as_of(events, rng))
    now = run.correlator.time.now_ms
    for message_id in {event.message_id for event in events}:
        own = [event for event in events if event.message_id == message_id]
        assert run.last_rows().get(message_id) == message_row(own, CatalogCodes(rules), config, now)


@laws
@given(seeds)
def test_shortcuts_give_what_the_rules_give(seed: int) -> None:
    rng = random.Random(seed)
    config, events = traffic(rng)
    fast, slow = Run(rules_of(config)), Run(rules_of(config))
    fast.feed(events)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("first_submit", "first_answer", "first_report"):
            patch.setattr(shortcuts, name, lambda *_: None)
        slow.feed(events)
    assert fast.rows == slow.rows


@laws
@given(seed=seeds, keeping=st.sampled_from([FOR_EVER, Keeping(), Keeping(5_000, 60_000, 5_000)]))
def test_state_on_disk_changes_no_row(seed: int, keeping: Keeping, tmp_path_factory: pytest.TempPathFactory) -> None:
    rng = random.Random(seed)
    config, events = traffic(rng)
    end = as_of(events, rng)
    folder: Path = tmp_path_factory.mktemp("cold")
    store = DiskStore(folder / "a", most_in_memory=1)
    memory, disk = Run(rules_of(config, keeping)), Run(rules_of(config, keeping), store)
    for batch in cut(rng, events):
        memory.feed(batch)
        disk.feed(batch)
        store.spill()
    memory.end(end)
    disk.end(end)
    store.close()
    assert disk.by_message() == memory.by_message()
    assert Counter(disk.orphans) == Counter(memory.orphans)


@laws
@given(seeds)
def test_nothing_is_said_twice(seed: int) -> None:
    rng = random.Random(seed)
    config, events = traffic(rng)
    run = Run(rules_of(config))
    run.feed(events)
    run.end(as_of(events, rng))
    for message_rows in run.by_message().values():
        for before, after in itertools.pairwise(message_rows):
            assert before != after
