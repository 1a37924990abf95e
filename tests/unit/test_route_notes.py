"""What a step notes of a window adds up, however it is cut: into halves for the changelog, or by a checkpoint."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.correlator.health import Health
from streams.correlator.measures import MEASURES, NAMED
from streams.correlator.notes import Change, Route
from streams.correlator.window import Window
from streams.events import RouteHealth
from streams.runtime import healthlog
from streams.runtime.healthlog import HealthLog
from streams.settings import settings_from

WINDOW = 170_000_000
NAMES = st.sampled_from(["no_credit", "blocked", "spring/0a1b2c3d4e"])


@st.composite
def changes(draw: st.DrawFn) -> Change:
    routes: list[Route] = [
        ("acme", draw(st.sampled_from("abc")), "FR", "marketing") for _ in range(draw(st.integers(1, 5)))
    ]
    logs = [bytes(draw(st.lists(st.integers(0, MEASURES - 1), max_size=9))) for _ in routes]
    sizes = [draw(st.integers(0, 4)) for _ in routes]
    values = [draw(st.integers(33_600_000_000, 33_600_000_400)) for _ in range(sum(sizes))]
    places = st.integers(0, len(routes) - 1)
    named = draw(st.lists(st.tuples(places, st.integers(0, NAMED - 1), NAMES), max_size=6))
    return Change(WINDOW, 7, routes, logs, sizes, np.array(values, "<u8").tobytes(), named)


def told(window: Window) -> list[RouteHealth]:
    window.tell_all()
    return sorted((totals.record(3, 7) for totals in window.tell()), key=lambda record: record[:4])


def added(parts: list[Change]) -> Window:
    window = Window(WINDOW)
    for part in parts:
        window.add(part)
    return window


def pieces(change: Change) -> list[Change]:
    halves = change.halves()
    return halves if len(halves) == 1 else [piece for half in halves for piece in pieces(half)]


@given(changes())
def test_halves_add_up_to_the_whole(change: Change) -> None:
    cut = pieces(change)
    assert told(added(cut)) == told(added([change]))
    assert all(max(len(one.logs[0]), one.sizes[0], len(one.named), len(one.routes)) <= 1 for one in cut)


@given(st.lists(changes(), max_size=4), st.lists(changes(), max_size=4), st.booleans())
def test_a_window_goes_on_from_its_checkpoint(before: list[Change], after: list[Change], is_open: bool) -> None:
    whole, first = added(before), added(before)
    if not is_open:
        whole.close()
        first.close()
    restored = Window.unpack(msgspec.msgpack.decode(msgspec.msgpack.encode(first.pack())))
    assert restored.tell() == []
    for change in after:
        for window in (whole, restored):
            window.add(change)
    assert told(restored) == told(whole)
    for window in (whole, restored):
        window.close()
    assert told(restored) == told(whole)


def test_what_is_too_large_for_a_record_becomes_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healthlog, "_MOST_BYTES", 500)
    many = 300
    values = np.arange(33_600_000_000, 33_600_000_000 + many, dtype="<u8").tobytes()
    named = [(0, 1, "blocked")] * many
    change = Change(WINDOW, 7, [("acme", "a", "FR", "otp")], [bytes(many)], [many], values, named)
    rules = settings_from({}).rules()
    health = Health(3, rules)
    health.restore(change)
    health._changes.append(change)
    records = list(HealthLog(health).records(0))
    assert max(len(value or b"") for _, value in records) <= 500
    restored = Health(3, rules)
    log = HealthLog(restored)
    for key, value in records:
        log.restore(key, value)
    assert contents(restored) == contents(health)


def contents(health: Health) -> list[Any]:
    return [told(window) for window in health._windows.values()]
