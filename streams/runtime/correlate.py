"""`correlate` as a processor of the runtime: submits, answers and reports in, revisions and the receipt index out."""

from __future__ import annotations

from typing import Any

from streams.correlator.counting import Counting
from streams.correlator.health import Health
from streams.correlator.message import PACKED_FORMAT, Message
from streams.correlator.step import Correlator, Delta
from streams.correlator.streamtime import StreamTime
from streams.correlator.timeouts import Rules
from streams.events import DEAD_LETTER, MESSAGE_STATUS, ORPHAN_REPORT, RECEIPT_INDEX, ROUTE_HEALTH
from streams.runtime.healthlog import HealthLog
from streams.runtime.output import CHANGELOG, Output
from streams.runtime.processor import Beside, Kind, NothingBeside, Processor, Source, Work
from streams.runtime.reading import INPUT_TOPICS
from streams.runtime.stats import Stats
from streams.settings import Settings

MESSAGES = Kind(Message.unpack, PACKED_FORMAT)


class CorrelateCore:
    """A correlator as the runtime asks it."""

    def __init__(self, rules: Rules, store: Any, time: StreamTime, counting: Counting | None) -> None:
        """Work on one partition's messages; tell `counting` what they do."""
        self.correlator = Correlator(rules, store, time, counting=counting)

    def step(self, events: list[Any], _read_at_ms: int) -> Delta:
        """Take in events."""
        return self.correlator.step(events)

    def advance_to(self, stream_time_ms: int) -> Delta:
        """Move stream time."""
        return self.correlator.advance_to(stream_time_ms)


def correlate_processor(settings: Settings, rules: Rules | None = None) -> Processor:
    """Return what a correlate worker runs; by other `rules` than those of the settings where some are given."""
    join_rules, resolve_rules = rules or settings.rules(), settings.resolve_rules()
    counts = settings.correlate.route_health

    def core(store: Any, time: StreamTime, number: int, _count: int) -> tuple[CorrelateCore, Beside]:
        if not counts:
            return CorrelateCore(join_rules, store, time, None), NothingBeside()
        health = Health(number, join_rules)
        return CorrelateCore(join_rules, store, time, health.counting), HealthLog(health)

    return Processor(
        name="correlate",
        own=settings.correlate,
        sources=[Source(topic, topic) for topic in INPUT_TOPICS],
        changelog=CHANGELOG,
        joined=[MESSAGE_STATUS],
        others=[
            DEAD_LETTER,
            ORPHAN_REPORT,
            *([ROUTE_HEALTH] if counts else []),
            *([RECEIPT_INDEX] if resolve_rules.indexes_any else []),
        ],
        kind=MESSAGES,
        core=core,
        output=lambda registry, prefix: Output(registry, prefix, resolve_rules),
        count=_count,
    )


def _count(stats: Stats, work: Work) -> None:
    stats.revisions += len(work.delta.revisions)
    stats.indexed += work.indexed
