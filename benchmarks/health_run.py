"""Some batches through the correlate worker's own code, without Kafka: each with route health and without, in turn.

`benchmarks.health_cost` starts it: `python -m benchmarks.health_run RECORDS REPEATS CORE`. RECORDS is a file (of
`write`). Prints as JSON the CPU time in nanoseconds of each batch in each stage, the shortest of all repeats. In turn
and the shortest, so that what else runs on the machine is not in it.
"""

from __future__ import annotations

import gc
import json
import pickle
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypedDict
from zlib import crc32

from benchmarks.traffic import INPUTS, Record
from benchmarks.usage import bind_to
from streams.runtime.correlate import correlate_processor
from streams.runtime.partition import Partition
from streams.runtime.reading import Reader
from streams.settings import settings_from

STAGES = ("read", "join", "encode", "tell", "changelog")
"""Decoding; joining with counting and adding up; encoding statuses; encoding totals; packing state."""
BATCH = 20_000
"""Records; the worker's default."""
WAYS = WITHOUT, WITH = "without", "with"
Times = dict[str, list[list[int]]]
"""Without route health and with, CPU time of each batch by stage, nanoseconds."""
_PARTITIONS = 4
_MANY = 10_000_000


class Measured(TypedDict):
    """The shortest times, and how many records of route health were written in each batch."""

    times: Times
    told: list[int]


@dataclass(slots=True)
class _Message:
    """In the place of a consumed record, as far as `Reader` asks it."""

    topic: str
    data: bytes
    place: int
    number: int

    def value(self) -> bytes:
        return self.data

    def partition(self) -> int:
        return self.number

    def offset(self) -> int:
        return self.place

    def timestamp(self) -> tuple[int, int]:
        return 2, 1 << 45  # stamped by the broker, and after all event times


class _Nowhere:
    """In the place of a producer: nothing is sent."""

    def produce(self, *_: object) -> None:
        """Do nothing."""


class Worker:
    """What a worker does in a batch, stage by stage."""

    def __init__(self, health: bool, folder: Path) -> None:
        """Keep state under a folder."""
        sections: dict[str, dict[str, Any]] = {
            "kafka": {"bootstrap.servers": "nowhere"},
            "correlate": {"route_health": health},
            "defaults": {"reports_by": "message_id"},
        }
        processor = correlate_processor(settings_from(sections))
        self._reader = Reader(None, processor.sources, "correlate")
        self._partitions = [Partition(processor, n, _PARTITIONS, folder, _MANY) for n in range(_PARTITIONS)]
        self._output: Any = processor.output(None, "")
        self._output.producer = _Nowhere()
        self._output._health_partitions = list(range(_PARTITIONS))
        self.told = 0

    def work(self, batch: list[list[_Message]], last: bool) -> list[int]:
        """Work through the messages of each topic; return the CPU time of each stage in nanoseconds."""
        spent = [0] * len(STAGES)
        clock = [time.process_time_ns()]
        for which, messages in enumerate(batch):
            if messages:
                self._reader.read(which, messages, partial(self._input, which))
            for number in range(_PARTITIONS):
                self._input(which, number).at_end = last
        clock.append(time.process_time_ns())
        spent[0] = clock[1] - clock[0]
        for partition in self._partitions:
            clock = [time.process_time_ns()]
            work = partition.work(0)
            clock.append(time.process_time_ns())
            self._output.delta(work)
            clock.append(time.process_time_ns())
            if work.told is not None:
                self._output.told(work.told)
                self.told += len(work.told.totals)
            clock.append(time.process_time_ns())
            for _ in partition.changelog(work.delta):
                pass
            clock.append(time.process_time_ns())
            for stage in range(1, len(STAGES)):
                spent[stage] += clock[stage] - clock[stage - 1]
        return spent

    def _input(self, which: int, partition: int) -> Any:
        return self._partitions[partition].inputs.inputs[which]


def write(records: list[Record], path: Path) -> None:
    """Write records for `main`, in the order in which they reach Kafka."""
    path.write_bytes(pickle.dumps(records))


def measure(records: list[Record], repeats: int) -> Measured:
    """Work through all records again and again."""
    batches = batches_of(records)
    best: Times = {}
    told: list[int] = []
    for repeat in range(repeats):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            workers = {WITHOUT: Worker(False, Path(one)), WITH: Worker(True, Path(other))}
            spent: Times = {way: [] for way in workers}
            told = []
            gc.collect()
            gc.disable()  # as in a worker
            for number, batch in enumerate(batches):
                for way in WAYS[:: -1 if (repeat + number) % 2 else 1]:
                    spent[way].append(workers[way].work(batch, batch is batches[-1]))
                told.append(workers[WITH].told - sum(told))
            gc.enable()
            best = shortest(best, spent)
    return {"times": best, "told": told}


def batches_of(records: list[Record]) -> list[list[list[_Message]]]:
    """Return the batches of a worker, in each the messages by topic."""
    messages = [
        _Message(topic, data, place, crc32(key.encode()) % _PARTITIONS)
        for place, (topic, data, key) in enumerate(records)
    ]
    return [_by_topic(messages[start : start + BATCH]) for start in range(0, len(messages), BATCH)]


def shortest(one: Times, other: Times) -> Times:
    """Return the shorter times of two measurements of the same batches; the first may be empty."""
    return {
        way: [list(map(min, *pair)) for pair in zip(one.get(way, batches), batches, strict=True)]
        for way, batches in other.items()
    }


def _by_topic(messages: list[_Message]) -> list[list[_Message]]:
    return [[message for message in messages if message.topic == topic] for topic in INPUTS]


def main(arguments: list[str]) -> None:
    """Run as the module's docstring says."""
    path, repeats, core = arguments
    bind_to(core)
    records: list[Record] = pickle.loads(Path(path).read_bytes())
    print(json.dumps(measure(records, int(repeats))))


if __name__ == "__main__":
    main(sys.argv[1:])
