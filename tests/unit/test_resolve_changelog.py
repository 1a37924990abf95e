"""A resolve partition that crashes, moves and has its changelog compacted puts out what one does that runs on."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.events import ProviderReceipt, ReceiptIndex
from streams.resolver.rules import ResolveKeeping
from streams.resolver.step import INDEX, RECEIPTS, REROUTED, Delta
from streams.runtime.partition import Partition
from streams.runtime.resolve import resolve_processor
from streams.settings import settings_from
from tests.receipts import DAY, HOUR, MINUTE, RULES, START_MS, Cluster, World, cut, rules_of
from tests.unit.test_changelog import Log

laws = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
KEEPINGS = {
    "long": ResolveKeeping(DAY, 400 * DAY, HOUR),
    "short": ResolveKeeping(HOUR, 2 * DAY, MINUTE),
    "none": ResolveKeeping(0, 0, 0),
}


class Machine(Cluster):
    """The one partition of a worker with its changelog, instead of a resolver in memory."""

    def __init__(self, keeping: ResolveKeeping, folder: Path) -> None:
        super().__init__(rules_of(keeping))
        times = {"park": keeping.park_ms, "keep_index": keeping.index_ms, "early": keeping.early_ms}
        config = {
            "resolve": {name: f"{ms}ms" for name, ms in times.items()},
            "providers": {name: {"id_rules": list(rules)} for name, rules in RULES.items()},
        }
        self._processor = resolve_processor(settings_from(config))
        self._folder, self.log = folder, Log()
        self._open()

    def _open(self) -> None:
        self.partition = Partition(self._processor, 0, 1, self._folder, most_in_memory=2)
        for offset, record in self.log.records:
            if offset >= self.partition.changelog_from:
                self.partition.restore(*record)
        self.partition.restore_done()

    def crash_or_move(self, rng: random.Random) -> None:
        self.partition.close(self.log.end if rng.random() < 0.5 else None)
        self._open()

    def commit(self, delta: Delta) -> None:
        self._take(delta)
        for record in self.partition.changelog(delta):
            self.log.append(record)
        self.partition.store.spill()

    def work(self, events: list[ReceiptIndex | ProviderReceipt]) -> None:
        self.commit(self.partition.core.step(events, 0))

    def later(self, at_ms: int) -> None:
        for source in (RECEIPTS, INDEX, REROUTED):
            self.partition.time.ended(source, True)
        self.commit(self.partition.core.advance_to(at_ms))


@laws
@given(seed=st.integers(0, 1 << 32), keeping=st.sampled_from(sorted(KEEPINGS)))
def test_a_crash_at_any_point_changes_nothing(
    seed: int, keeping: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = random.Random(seed)
    events = World(rng).events()
    rng.shuffle(events)
    straight = Cluster(rules_of(KEEPINGS[keeping]))
    straight.feed(0, events)
    machine = Machine(KEEPINGS[keeping], tmp_path_factory.mktemp("state"))
    for batch in cut(rng, events):
        machine.work(list(batch))
        if rng.random() < 0.3:
            machine.log.compact(rng)
        if rng.random() < 0.3:
            machine.crash_or_move(rng)
    for days in (50, 120, 1_000):
        straight.end(START_MS + days * DAY)
        machine.later(START_MS + days * DAY)
        machine.crash_or_move(rng)
    assert machine.outcomes() == straight.outcomes()
    assert not machine.partition.store.messages
    machine.partition.close(None)
