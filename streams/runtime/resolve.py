"""`resolve` as a processor of the runtime: receipts and index entries in, delivery reports out.

A receipt is worked on where its key belongs. Gateways write what they have, keyed as they see fit; one that stands in
another partition is handed on to the right one through ``sms.resolve-repartition``, in the transaction of its batch, so
that it is handed on exactly once.
"""

from __future__ import annotations

from typing import Any

from streams.codec.avro import Encoder
from streams.codec.schemas import Registry
from streams.correlator.streamtime import StreamTime
from streams.events import DEAD_LETTER, DELIVERY_REPORT, ORPHAN_REPORT, PROVIDER_RECEIPT, RECEIPT_INDEX
from streams.resolver.ids import kafka_key
from streams.resolver.partitioner import partition_of
from streams.resolver.slot import PACKED_FORMAT, Slot
from streams.resolver.step import Delta, ReroutedReceipt, Resolver
from streams.runtime.output import BatchOutput
from streams.runtime.processor import Kind, NothingBeside, Processor, Source, Work
from streams.runtime.stats import Stats
from streams.settings import Settings

RESOLVE_CHANGELOG = "sms.resolve-changelog"
REPARTITION = "sms.resolve-repartition"
RESOLVE_TOPICS = (PROVIDER_RECEIPT, RECEIPT_INDEX, REPARTITION)
"""In the order of `streams.resolver.step.RECEIPTS`, INDEX, REROUTED."""

SLOTS = Kind(Slot.unpack, PACKED_FORMAT)


class ResolveOutput(BatchOutput):
    """Writes what a step of the resolver gives."""

    changelog_topic = RESOLVE_CHANGELOG

    def __init__(self, registry: Registry | None, prefix: str) -> None:
        """Write through `producer`, once that is set, to topics whose names start with `prefix`."""
        super().__init__(registry, prefix)
        self._reports = Encoder(DELIVERY_REPORT, registry)
        self._receipts = Encoder(PROVIDER_RECEIPT, registry)

    def delta(self, work: Work) -> None:
        """Write the reports, the orphans, and the receipts that belong elsewhere."""
        delta: Delta = work.delta
        for report in delta.reports:
            self._produce(self._prefix + DELIVERY_REPORT, self._reports.encode(report), report.message_id)
        for orphan in delta.orphans:
            name = kafka_key(orphan.provider, orphan.provider_message_id)
            self._produce(self._prefix + ORPHAN_REPORT, self._orphans.encode(orphan), name)
        for key, receipt in delta.elsewhere:
            value = self._receipts.encode(receipt)
            self._produce(self._prefix + REPARTITION, value, kafka_key(receipt.provider, key))


def resolve_processor(settings: Settings) -> Processor:
    """Return what a resolve worker runs."""
    rules = settings.resolve_rules()

    def core(store: Any, time: StreamTime, number: int, count: int) -> tuple[Resolver, NothingBeside]:
        def is_home(provider: str, key: str) -> bool:
            return partition_of(kafka_key(provider, key), count) == number

        return Resolver(rules, store, time, is_home), NothingBeside()

    return Processor(
        name="resolve",
        own=settings.resolve,
        sources=[
            Source(PROVIDER_RECEIPT, PROVIDER_RECEIPT),
            Source(RECEIPT_INDEX, RECEIPT_INDEX),
            Source(REPARTITION, PROVIDER_RECEIPT, ReroutedReceipt._make),
        ],
        changelog=RESOLVE_CHANGELOG,
        joined=[],
        others=[DEAD_LETTER, ORPHAN_REPORT, DELIVERY_REPORT],
        kind=SLOTS,
        core=core,
        output=ResolveOutput,
        count=_count,
    )


def _count(stats: Stats, work: Work) -> None:
    delta: Delta = work.delta
    stats.reports += len(delta.reports)
    stats.rerouted += len(delta.elsewhere)
    stats.misplaced += delta.misplaced
