"""Random answers and receipts, in ids that collide as ids do, and resolvers that share them by partition."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from streams.correlator.store import MemoryStore
from streams.correlator.streamtime import StreamTime
from streams.events import DeliveryReport, OrphanReport, ProviderReceipt, ReceiptIndex
from streams.resolver.ids import kafka_key
from streams.resolver.partitioner import partition_of
from streams.resolver.rules import IdPolicy, ResolveKeeping, ResolveRules
from streams.resolver.slot import Slot
from streams.resolver.step import INDEX, RECEIPTS, REROUTED, Delta, ReroutedReceipt, Resolver
from tests.resolve_oracle import Outcome, outcome_of

START_MS = 1_772_445_600_000
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
DAY = 24 * HOUR

RULES: dict[str, tuple[str, ...]] = {
    "plain": ("as_is",),
    "hexer": ("hex_to_decimal",),
    "loose": ("zeros", "case"),
    "both": ("as_is", "hex_to_decimal"),
}
KEEPING = ResolveKeeping(park_ms=DAY, index_ms=400 * DAY, early_ms=HOUR)
WINDOW_MS = 3 * DAY


def rules_of(keeping: ResolveKeeping = KEEPING, window_ms: int = WINDOW_MS) -> ResolveRules:
    return ResolveRules(providers={n: IdPolicy(r, window_ms) for n, r in RULES.items()}, keeping=keeping)


def index(id_: str, message_id: str, at_ms: int, provider: str = "plain", **fields: object) -> ReceiptIndex:
    plain = ReceiptIndex(provider, id_, "acme", message_id, 1, None, at_ms)
    return plain._replace(**fields)  # type: ignore[arg-type]  # fields by name, for brevity in tests


def receipt(id_: str, at_ms: int, provider: str = "plain", code: str = "DELIVRD", **fields: object) -> ProviderReceipt:
    plain = ProviderReceipt(provider, id_, None, None, at_ms, at_ms - 500, code, "000", "")
    return plain._replace(**fields)  # type: ignore[arg-type]  # as above


class World:
    """Answers and receipts of a few messages; an id means one message for at least `apart_ms`."""

    def __init__(self, rng: random.Random, messages: int = 12) -> None:
        self.index: list[ReceiptIndex] = []
        self.receipts: list[ProviderReceipt] = []
        for number in range(messages):
            self._message(rng, f"m{number}")
        self.index += rng.choices(self.index, k=2)  # an answer read twice
        self.receipts += rng.choices(self.receipts, k=2) if self.receipts else []

    def _message(self, rng: random.Random, message_id: str) -> None:
        provider = rng.choice(list(RULES))
        at_ms = START_MS + rng.randrange(10) * 10 * DAY + rng.randrange(0, HOUR)  # uses: near, or far apart
        shared = rng.random() < 0.2
        first = _answer_id(rng, provider)
        for part in range(1, rng.choice([1, 1, 1, 3]) + 1):
            id_ = first if shared or part == 1 else _answer_id(rng, provider)
            entry = index(id_, message_id, at_ms + part, provider, attempt=rng.choice([1, 1, 2]))
            entry = entry._replace(part=part if rng.random() < 0.7 else None)
            if rng.random() < 0.9:
                self.index.append(entry)
            for _ in range(rng.choice([0, 1, 1, 2])):
                late_ms = rng.choice([-30 * MINUTE, -2 * SECOND, 5 * SECOND, HOUR, 2 * DAY, 5 * DAY])
                code = rng.choice(["DELIVRD", "ENROUTE"])
                self.receipts.append(receipt(_receipt_id(rng, provider, id_), at_ms + part + late_ms, provider, code))

    def events(self) -> list[ReceiptIndex | ProviderReceipt]:
        return [*self.index, *self.receipts]


def _answer_id(rng: random.Random, provider: str) -> str:
    number = rng.choice([rng.randrange(20), rng.getrandbits(64), rng.getrandbits(90)])
    text = f"{number:X}" if provider in ("hexer", "both") else str(number)
    return rng.choice(["", "0", "000"]) + text if provider == "loose" else text


def _receipt_id(rng: random.Random, provider: str, id_: str) -> str:
    if provider == "hexer" or (provider == "both" and rng.random() < 0.5):
        return rng.choice(["", "00"]) + str(int(id_, 16))
    if provider == "loose" and rng.random() < 0.5:
        return id_.lstrip("0") or "0"
    return id_


class Cluster:
    """Resolvers of several partitions, with what each hands on to another."""

    def __init__(self, rules: ResolveRules, partitions: int = 1) -> None:
        self._rules = rules
        self._resolvers = [self._resolver(number, partitions) for number in range(partitions)]
        self.reports: list[DeliveryReport] = []
        self.orphans: list[OrphanReport] = []
        self.waiting: list[list[ReroutedReceipt]] = [[] for _ in range(partitions)]
        self.duplicates = self.parked = 0

    def _resolver(self, number: int, partitions: int, time: StreamTime | None = None) -> Resolver:
        store: MemoryStore[Slot] = MemoryStore()
        return Resolver(self._rules, store, time, _home(number, partitions))

    @property
    def count(self) -> int:
        return len(self._resolvers)

    def feed(self, number: int, events: Iterable[object], read_at_ms: int = 0) -> Delta:
        """One batch of a partition."""
        delta = self._resolvers[number].step(events, read_at_ms)
        self._take(delta)
        return delta

    def _take(self, delta: Delta) -> None:
        assert len(delta.at) == len(delta.reports)
        self.reports += delta.reports
        self.orphans += delta.orphans
        self.duplicates += delta.duplicates
        self.parked += delta.waiting
        for key, one in delta.elsewhere:
            home = partition_of(kafka_key(one.provider, key), self.count)
            self.waiting[home].append(ReroutedReceipt._make(one))

    def hand_on(self, number: int) -> None:
        """Let a partition read what others have sent it."""
        waiting, self.waiting[number] = self.waiting[number], []
        self.feed(number, waiting)

    def send(self, rng: random.Random, event: ReceiptIndex | ProviderReceipt) -> list[int]:
        """The partitions that a record is written to: a gateway's, anywhere; an answer's, by its keys."""
        if isinstance(event, ProviderReceipt):
            return [rng.randrange(self.count)]
        keys = self._rules.ids(event.provider).answer_keys(event.provider_message_id)
        return [partition_of(kafka_key(event.provider, key), self.count) for key in keys]

    def end(self, stream_time_ms: int) -> None:
        """Everything is read; time goes on."""
        for number in range(self.count):
            self.hand_on(number)
        for resolver in self._resolvers:
            for source in (RECEIPTS, INDEX, REROUTED):
                resolver.time.ended(source, True)
            self._take(resolver.advance_to(stream_time_ms))

    def crash(self, number: int) -> None:
        """Rebuild one from its packed state, as another worker would."""
        old = self._resolvers[number]
        time = StreamTime()
        time.now_ms, time.newest = old.time.now_ms, list(old.time.newest)
        fresh = self._resolver(number, self.count, time)
        for slot in old.store.messages.values():
            again = Slot.unpack(slot.pack())
            fresh.store.put(again)
            fresh.store.schedule(again)
        self._resolvers[number] = fresh

    def slots(self) -> int:
        return sum(len(resolver.store.messages) for resolver in self._resolvers)

    def outcomes(self) -> Counter[Outcome]:
        found = Counter(map(outcome_of, self.reports))
        for o in self.orphans:
            rest = (o.event_at_ms, o.done_at_ms, o.code, o.err, o.text)
            found[("orphan", o.reason, o.provider_message_id, *rest)] += 1
        return found


def _home(number: int, partitions: int) -> Callable[[str, str], bool]:
    return lambda provider, key: partition_of(kafka_key(provider, key), partitions) == number


E = TypeVar("E")


def cut(rng: random.Random, events: Sequence[E]) -> list[Sequence[E]]:
    """Batches, some of them empty."""
    found, at = [], 0
    while at < len(events):
        size = rng.choice([0, 1, 1, 2, 5, 40])
        found.append(events[at : at + size])
        at += size
    return found
