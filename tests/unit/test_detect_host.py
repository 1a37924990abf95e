"""The detectors' host: what all sources have got past is closed, and a crash anywhere changes no anomaly."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from streams.apps.detect.host import BEHIND_S, SILENT_MS, STALLED_S, Heard, Host, Progress
from streams.detectors.engine import Engine
from streams.events import Anomaly, RouteHealth
from tests.detecting import at, beats, once, traffic

SOURCES = [(0, 0), (0, 1)]


# ---- progress ------------------------------------------------------------------------------------------------------


def test_nothing_is_complete_before_every_source_has_said_something() -> None:
    progress = Progress([(0, 0), (0, 1), (1, 0)])
    assert progress.see((0, 0), 5_000, 1.0) == 0
    assert progress.see((0, 1), 7_000, 1.1) == 0
    assert progress.see((1, 0), 6_000, 1.2) == 5_000


def test_the_slowest_source_decides_and_time_never_goes_back() -> None:
    progress = Progress(SOURCES)
    progress.see((0, 0), 5_000, 1.0)
    assert progress.see((0, 1), 3_000, 1.0) == 3_000
    assert progress.see((0, 1), 2_000, 1.0) == 3_000
    assert progress.see((0, 1), 9_000, 1.0) == 5_000


def test_a_source_that_stands_still_while_others_move_is_not_waited_for_and_comes_back() -> None:
    progress = Progress(SOURCES)
    progress.see((0, 1), 1_000, 0.0)
    at_s = 0.0
    while at_s < STALLED_S + 20:
        at_s += 10.0
        reached = progress.see((0, 0), round(at_s * 1_000), at_s)
    assert reached == round(at_s * 1_000)
    assert progress.stalled == [(0, 1)]
    progress.see((0, 1), 2_000, at_s)
    assert progress.stalled == []
    assert progress.see((0, 0), 200_000, at_s) == reached  # waited for again


def test_a_source_that_stands_still_and_says_that_it_is_there_is_waited_for_but_not_for_ever() -> None:
    """Partitions of a backlog have their turns; what one has not read yet is still to come."""
    progress = Progress(SOURCES)
    progress.see((0, 1), 1_000, 0.0)
    for at_s in range(10, round(BEHIND_S), 10):
        progress.see((0, 1), 1_000, at_s)
        assert progress.see((0, 0), at_s * 1_000, at_s) == 1_000
    assert progress.stalled == []
    for at_s in range(round(BEHIND_S), round(BEHIND_S) + 60, 10):
        progress.see((0, 1), 1_000, at_s)
        reached = progress.see((0, 0), at_s * 1_000, at_s)
    assert reached == at_s * 1_000
    assert progress.stalled == [(0, 1)]


def test_a_partition_that_is_read_later_than_another_is_waited_for() -> None:
    """A worker reads a backlog: an hour of partition 0 before anything of partition 1."""
    progress = Progress([(0, 0), (1, 0)])
    progress.see((1, 0), 1_000, 1.0)
    for at_s in range(10, 3_600, 10):
        assert progress.see((0, 0), at_s * 1_000, at_s) <= 1_000
    for at_s in range(10, 3_600, 10):
        assert progress.see((1, 0), at_s * 1_000, at_s) == at_s * 1_000
    assert progress.stalled == []


def test_when_all_stand_still_nobody_is_late() -> None:
    """Correlate was down for an hour: when it comes back, the first source does not run away from the others."""
    progress = Progress(SOURCES)
    progress.see((0, 0), 1_000, 0.0)
    progress.see((0, 1), 1_000, 0.0)
    assert progress.see((0, 0), 3_600_000, 3_600.0) == 1_000
    assert progress.see((0, 1), 3_600_000, 3_600.1) == 3_600_000


# ---- how far a source is -------------------------------------------------------------------------------------------


def test_heartbeats_tell_how_far_a_source_is_and_records_do_not_while_there_are_any() -> None:
    heard = Heard()
    assert heard.see((0, 0), 10_000, is_heartbeat=False) is None
    assert heard.see((0, 0), 10_000, is_heartbeat=True) == 10_000
    assert heard.see((0, 0), 20_000, is_heartbeat=False) is None


def test_the_first_of_many_records_of_one_time_does_not_tell_that_all_of_them_were_read() -> None:
    """After an outage all windows of a batch are told at one stream time, and the heartbeat behind them."""
    heard = Heard()
    heard.see((0, 0), 1_000, is_heartbeat=True)
    after_ms = 1_000 + 10 * SILENT_MS
    assert [heard.see((0, 0), after_ms, is_heartbeat=False) for _ in range(3)] == [None] * 3
    assert heard.see((0, 0), after_ms, is_heartbeat=True) == after_ms


def test_where_heartbeats_were_compacted_away_records_tell_that_earlier_ones_are_all_there() -> None:
    heard = Heard()
    times_ms = [1_000, 2_000, 2_000 + SILENT_MS, 3_000 + SILENT_MS]
    assert [heard.see((0, 0), at_ms, is_heartbeat=False) for at_ms in times_ms] == [None] * 3 + [2_000 + SILENT_MS]
    assert heard.see((0, 1), 10 * SILENT_MS, is_heartbeat=False) is None  # another source


# ---- anomalies -----------------------------------------------------------------------------------------------------


class Replayed:
    """A host whose state is kept in pieces, as in a table, and which can die at any write."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], bytes] = {}
        self.anomalies: list[Anomaly] = []
        self.open()

    def open(self) -> None:
        self.host = Host(Engine(), SOURCES, self.kept)

    def feed(self, records: Iterable[RouteHealth], writes: int | None = None) -> bool:
        """Take records in; `writes`: die after so many writes of the state. False: it died."""
        for record in records:
            for group in Engine.groups(record):
                self.host.take(group, record)
            source = (0, record.source_partition)
            if not Engine.groups(record) and self.host.beat(source, record.stream_time_ms, 0.0):
                outcome = self.host.close_windows()
                self.anomalies += outcome.anomalies
                for place, piece in outcome.changes[:writes]:
                    self.kept.pop(place, None) if piece is None else self.kept.update({place: piece})
                if writes is not None:
                    return False
        return True


BROKEN = range(100, 118)


def incident() -> list[list[RouteHealth]]:
    return traffic(175, BROKEN)


@pytest.fixture(scope="module")
def straight() -> list[Anomaly]:
    run = Replayed()
    for window in incident():
        run.feed(window)
    return run.anomalies


def test_a_provider_that_fails_is_found_within_a_minute_and_resolved_after_it_is_well(straight: list[Anomaly]) -> None:
    found = [a for a in straight if a.kind == "delivery_rate" and not a.part_of]
    assert found[0].state == "opened"
    assert found[0].provider == "aurora"
    assert found[0].stream_time_ms - at(BROKEN.start) <= 60_000
    assert found[-1].state == "resolved"
    assert not [a for a in straight if a.provider == "borealis" and a.kind == "delivery_rate"]


@pytest.mark.parametrize("seed", range(12))
def test_a_crash_at_any_write_opens_nothing_twice_and_forgets_nothing(seed: int, straight: list[Anomaly]) -> None:
    rng = random.Random(seed)
    run = Replayed()
    deaths = set(rng.sample(range(95, 150), 8))
    for number, window in enumerate(incident()):
        if number in deaths and not run.feed(window, writes=rng.randrange(12)):
            run.open()  # what was not acknowledged is read again
        run.feed(window)
    assert once(run.anomalies) == once(straight)


def test_heartbeats_alone_close_windows_so_silence_is_seen() -> None:
    run = Replayed()
    for window in traffic(150):
        run.feed(window)
    assert not [a for a in run.anomalies if a.kind.startswith("volume")]
    for number in range(150, 205):
        run.feed(beats(number))
    silent = [a for a in run.anomalies if a.kind == "volume_silent"]
    assert silent
    assert {a.provider for a in silent} == {"aurora", "borealis"}
