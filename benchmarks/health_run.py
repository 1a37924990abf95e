"""What route health costs, without Kafka: the same events through a partition with it and one without, batch by batch.

`benchmarks.health_cost` starts it: `python -m benchmarks.health_run EVENTS REPEATS SEED`. Prints as JSON the CPU time
of each stage in us per event, without and with: of every batch the shortest of all repeats, so that what else runs on
the machine is not in it.
"""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

from benchmarks import traffic
from streams.events import Event
from streams.runtime.correlate import correlate_processor
from streams.runtime.partition import Partition
from streams.runtime.processor import Work
from streams.settings import settings_from
from streams.simulator import Traffic

STAGES = ("join", "health", "encode", "tell", "changelog")
"""The join with counting; closing windows and adding up; encoding statuses; encoding totals; packing state."""
_PARTITIONS = 4
_BATCH = 20_000
_START_MS = 1_767_225_600_000
_MANY = 10_000_000

Batch = list[list[Event]]
"""The events of each partition."""


class _Nowhere:
    """In the place of a producer: nothing is sent."""

    def produce(self, *_: object) -> None:
        """Do nothing."""


class Variant:
    """The partitions of a worker, with route health or without."""

    def __init__(self, health: bool, folder: Path) -> None:
        """Keep state under a folder."""
        sections: dict[str, dict[str, Any]] = {
            "kafka": {"bootstrap.servers": "nowhere"},
            "correlate": {"route_health": health},
            "defaults": {"reports_by": "message_id"},
        }
        processor = correlate_processor(settings_from(sections))
        self._partitions = [Partition(processor, n, _PARTITIONS, folder, _MANY) for n in range(_PARTITIONS)]
        self._output: Any = processor.output(None, "")
        self._output.producer = _Nowhere()
        self._output._health_partitions = list(range(_PARTITIONS))
        self.records = 0

    def work(self, batch: Batch) -> list[int]:
        """Work through a batch; return the CPU time of each stage in nanoseconds."""
        spent = [0] * len(STAGES)
        for partition, events in zip(self._partitions, batch, strict=True):
            clock = [time.process_time_ns()]
            delta = partition.core.step(events, 0)
            clock.append(time.process_time_ns())
            told = partition._beside.end_step(partition.time.now_ms)
            clock.append(time.process_time_ns())
            self._output.delta(Work(partition, events, delta, [], told))
            clock.append(time.process_time_ns())
            if told is not None:
                self._output.told(told)
                self.records += len(told.totals)
            clock.append(time.process_time_ns())
            for _ in partition.changelog(delta):
                pass
            clock.append(time.process_time_ns())
            for stage in range(len(STAGES)):
                spent[stage] += clock[stage + 1] - clock[stage]
        return spent


def batches(events: int, seed: int) -> list[Batch]:
    """Make batches of about so many events."""
    config = traffic.config("typical", int(events / traffic.EVENTS_PER_MESSAGE), 2_000.0, _START_MS, True)
    made = [event for _, _, event in Traffic(config, seed)]
    return [list(_by_partition(made[start : start + _BATCH])) for start in range(0, len(made), _BATCH)]


def _by_partition(events: list[Any]) -> Iterator[list[Any]]:
    places = [crc32(event.message_id.encode()) % _PARTITIONS for event in events]
    for number in range(_PARTITIONS):
        yield [event for event, place in zip(events, places, strict=True) if place == number]


def measure(made: list[Batch], repeats: int) -> dict[str, Any]:
    """Work through all batches in both ways, again and again."""
    best: dict[tuple[bool, int], list[int]] = {}
    records = 0
    for repeat in range(repeats):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            variants = {False: Variant(False, Path(one)), True: Variant(True, Path(other))}
            gc.collect()
            gc.disable()  # as in a worker
            for number, batch in enumerate(made):
                for health in sorted(variants, reverse=bool((repeat + number) % 2)):
                    spent = variants[health].work(batch)
                    known = best.get((health, number), spent)
                    best[health, number] = [min(pair) for pair in zip(spent, known, strict=True)]
            gc.enable()
            records = variants[True].records
    total = sum(len(events) for batch in made for events in batch)
    found: dict[str, Any] = {"events": total, "records": records}
    for name, health in (("without", False), ("with", True)):
        stages = zip(*(best[health, number] for number in range(len(made))), strict=True)
        found[name] = [round(sum(stage) / total / 1_000, 3) for stage in stages]
    return found


if __name__ == "__main__":
    wanted, times, seeded = map(int, sys.argv[1:])
    print(json.dumps(measure(batches(wanted, seeded), times)))
