"""The changelog brings the state back: after a crash at any point, compacted or not, no row differs."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.correlator.message import Message
from streams.correlator.step import Delta
from streams.correlator.streamtime import INPUTS
from streams.correlator.timeouts import Keeping, Rules
from streams.events import Event
from streams.runtime.changelog import ChangelogError, Record, Segments
from streams.runtime.correlate import MESSAGES, correlate_processor
from streams.runtime.partition import Partition
from streams.settings import Settings
from tests.adapters import FOR_EVER, Run
from tests.histories import random_config, random_history
from tests.unit.test_step_laws import as_of, cut, rules_of, traffic

laws = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
SHORT = Keeping(settled_ms=5_000, derived_ms=60_000, unmatched_ms=5_000)


class Log:
    """A compacted topic: offsets stay, of a key only the last record does."""

    def __init__(self) -> None:
        self.records: list[tuple[int, Record]] = []
        self.end = 0

    def append(self, record: Record) -> None:
        self.records.append((self.end, record))
        self.end += 1

    def compact(self, rng: random.Random) -> None:
        """Compact a part of it, as Kafka does: the newest records may stay as they are."""
        upto = rng.randrange(self.end + 1)
        last = {key: offset for offset, (key, _) in self.records}
        self.records = [
            (offset, record)
            for offset, record in self.records
            if offset >= upto or (last[record[0]] == offset and record[1] is not None)
        ]


class Machine:
    """A partition with its changelog, that can crash or move."""

    def __init__(self, rules: Rules, folder: Path) -> None:
        self.processor = correlate_processor(Settings(), rules)
        self.folder, self.log = folder, Log()
        self.run = Run(rules)
        self._open()

    def _open(self) -> None:
        self.partition = Partition(self.processor, 0, 1, self.folder, most_in_memory=2)
        for offset, record in self.log.records:
            if offset >= self.partition.changelog_from:
                self.partition.restore(*record)
        self.partition.restore_done()

    def crash(self) -> None:
        self.partition.close(None)
        self._open()

    def move_cleanly(self) -> None:
        self.partition.close(self.log.end)
        self._open()

    def commit(self, delta: Delta) -> None:
        self.run.take(delta)
        for record in self.partition.changelog(delta):
            self.log.append(record)
        self.partition.store.spill()

    def feed(self, events: list[Event]) -> None:
        self.commit(self.partition.core.step(events, 0))

    def end(self, at: int) -> None:
        for source in range(INPUTS):
            self.partition.time.ended(source, True)
        self.commit(self.partition.core.advance_to(at))


@laws
@given(seed=st.integers(0, 1 << 32), keeping=st.sampled_from([FOR_EVER, Keeping(), SHORT]))
def test_a_crash_at_any_point_changes_no_row(
    seed: int, keeping: Keeping, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = random.Random(seed)
    config, events = traffic(rng, messages=8)
    end = as_of(events, rng)
    straight = Run(rules_of(config, keeping))
    straight.feed(events)
    straight.end(end)
    machine = Machine(rules_of(config, keeping), tmp_path_factory.mktemp("state"))
    for batch in cut(rng, events):
        machine.feed(batch)
        happens = rng.randrange(4)
        if happens == 0:
            machine.crash()
        elif happens == 1:
            machine.move_cleanly()
        elif happens == 2:
            machine.log.compact(rng)
    machine.crash()
    machine.end(end)
    machine.crash()
    machine.partition.close(None)
    assert machine.run.by_message() == straight.by_message()
    assert Counter(machine.run.orphans) == Counter(straight.orphans)


def test_segments_die_when_all_in_them_is_due(tmp_path: Path) -> None:
    """The log does not grow with what is over: in the end one position is left, and tombstones."""
    rng = random.Random(7)
    config = random_config(rng)
    machine = Machine(rules_of(config, SHORT), tmp_path)
    events = [e for n in range(20) for e in random_history(rng, config=config, message_id=f"m{n}")]
    for batch in cut(rng, events):
        machine.feed(batch)
    for days in range(1, 40):
        machine.end(1_767_225_600_000 + days * 86_400_000)
    pending = sum(not message.drop_at_ms for message in all_messages(machine))
    last = {key: value for _, (key, value) in machine.log.records}
    alive = [key for key, value in last.items() if value is not None]
    assert len(alive) <= 1 + pending
    machine.partition.close(None)


def all_messages(machine: Machine) -> list[Message]:
    machine.crash()
    found: dict[str, Message] = {}
    segments = Segments(MESSAGES)
    for _, record in machine.log.records:
        restored = segments.restore(*record)
        if isinstance(restored, list):
            found |= {m.key: m for m in restored if m.due_ms > machine.partition.time.now_ms}
    return list(found.values())


def test_a_changelog_of_another_format_is_refused() -> None:
    with pytest.raises(ChangelogError, match="run the version that wrote it"):
        Segments(MESSAGES).restore(b"m", msgspec.msgpack.encode((99, 0, [0, 0, 0], 0)))
