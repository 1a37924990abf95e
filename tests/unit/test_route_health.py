"""Route health: every thing counts once, in its window, whatever the cut of the batches and after any crash."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.correlator.health import Health
from streams.correlator.measures import COUNTERS
from streams.correlator.step import Correlator, Delta
from streams.correlator.store import MemoryStore
from streams.correlator.streamtime import INPUTS
from streams.correlator.timeouts import Keeping, Rules
from streams.events import DeliveryReport, Event, ProviderReceipt, RouteHealth, Submit, SubmitResponse
from streams.health.heartbeat import WINDOW_MS
from streams.runtime.healthlog import HealthLog
from streams.settings import settings_from
from streams.simulator import Traffic, TrafficConfig
from tests.adapters import FOR_EVER
from tests.histories import event_time_ms
from tests.unit.test_step_laws import as_of, cut, rules_of, segmented, simple, traffic

laws = settings(max_examples=60)
seeds = st.integers(0, 1 << 32)
START_MS = 1_767_225_600_000
NEVER_MS = 10**15
Key = tuple[Any, ...]


class Counted:
    """A correlator with its route health; what is told is kept by key, as a compacted topic would."""

    def __init__(self, rules: Rules, *, use_shortcuts: bool = True) -> None:
        self.rules = rules
        self.health = Health(3, rules)
        self.correlator = Correlator(rules, MemoryStore(), counting=self.health.counting, use_shortcuts=use_shortcuts)
        self.log = HealthLog(self.health)
        self.records: list[tuple[bytes, bytes | None]] = []
        self.told: list[RouteHealth] = []
        self.deltas: list[Delta] = []

    def feed(self, events: Sequence[Event]) -> None:
        self._take(self.correlator.step(events))

    def end(self, at_ms: int) -> None:
        for source in range(INPUTS):
            self.correlator.time.ended(source, True)
        self._take(self.correlator.advance_to(at_ms))

    def _take(self, delta: Delta) -> None:
        now = self.correlator.time.now_ms
        self.deltas.append(delta)
        self.health.end_step(now)
        self.told += self._tell(now)
        self.records += self.log.records(now)

    def _tell(self, now: int) -> list[RouteHealth]:
        told = self.health.tell(now)
        return told.records() if told is not None else []

    def crash(self, rng: random.Random) -> None:
        """The state is gone; it is read again from its log, of which compaction has left the last of each key."""
        last = {key: place for place, (key, _) in enumerate(self.records)}
        kept = [r for place, r in enumerate(self.records) if rng.random() < 0.5 or last[r[0]] == place]
        self.health = Health(3, self.rules)
        self.log = HealthLog(self.health)
        for key, value in kept:
            self.log.restore(key, value)
        self._restored()

    def _restored(self) -> None:
        self.health.restored(self.correlator.time.now_ms)
        self.correlator.counting = self.health.counting
        for message in self.correlator.store.messages.values():
            message.lane = message.finding = None  # as unpacked ones have them

    def move(self) -> None:
        """A clean close leaves a checkpoint."""
        note = msgspec.msgpack.decode(msgspec.msgpack.encode(self.log.note()))
        self.health = Health(3, self.rules)
        self.log = HealthLog(self.health)
        self.log.recall(note)
        self._restored()

    def totals(self) -> dict[Key, RouteHealth]:
        """What a reader of the topic has in the end, all windows being over."""
        newest = {record[:7]: record for record in (*self.told, *self._tell(NEVER_MS))}
        return {key: record._replace(stream_time_ms=0) for key, record in newest.items()}


def sums(totals: Iterable[RouteHealth]) -> Counter[str]:
    found: Counter[str] = Counter()
    for record in totals:
        found.update({name: getattr(record, name) for name in COUNTERS})
        found.update({f"refused {reason}": count for reason, count in record.refusal_reasons.items()})
        found.update({f"failed {reason}": count for reason, count in record.failure_reasons.items()})
    return +found


def in_time(rng: random.Random) -> tuple[dict[str, Any], list[Event]]:
    config, events = traffic(rng)
    events.sort(key=lambda e: event_time_ms(e) + rng.randrange(3_000))
    return config, events


@laws
@given(seeds, st.sampled_from([FOR_EVER, Keeping(), Keeping(5_000, 60_000, 5_000)]))
def test_batch_cuts_and_crashes_change_no_total(seed: int, keeping: Keeping) -> None:
    rng = random.Random(seed)
    config, events = in_time(rng)
    end = as_of(events, rng)
    whole, pieces = Counted(rules_of(config, keeping)), Counted(rules_of(config, keeping))
    whole.feed(events)
    whole.end(end)
    for batch in cut(rng, events):
        pieces.feed(batch)
        happens = rng.randrange(4)
        if happens == 0:
            pieces.crash(rng)
        elif happens == 1:
            pieces.move()
    pieces.end(end)
    assert pieces.totals() == whole.totals()


@laws
@given(seeds)
def test_in_any_order_nothing_counts_twice_and_nothing_is_lost(seed: int) -> None:
    rng = random.Random(seed)
    config, events = traffic(rng)
    end = as_of(events, rng)
    whole, pieces = Counted(rules_of(config)), Counted(rules_of(config))
    whole.feed(events)
    whole.end(end)
    for batch in cut(rng, events):
        pieces.feed(batch)
        if rng.random() < 0.3:
            pieces.crash(rng)
    pieces.end(end)
    assert sums(pieces.totals().values()) == sums(whole.totals().values())


@laws
@given(seeds)
def test_shortcuts_count_as_the_rules_do(seed: int) -> None:
    rng = random.Random(seed)
    config, events = traffic(rng)
    fast, slow = Counted(rules_of(config)), Counted(rules_of(config), use_shortcuts=False)
    fast.feed(events)
    slow.feed(events)
    assert fast.totals() == slow.totals()


@laws
@given(seeds)
def test_shortcuts_count_simple_histories_as_the_rules_do(seed: int) -> None:
    rng = random.Random(seed)
    events = [e for n in range(6) for e in (simple if rng.random() < 0.7 else segmented)(rng, f"m{n}")]
    if rng.random() < 0.7:
        events.sort(key=event_time_ms)
    fast, slow = Counted(rules_of({})), Counted(rules_of({}), use_shortcuts=False)
    for run in (fast, slow):
        run.feed(events)
        run.end(max(map(event_time_ms, events)) + 3 * 86_400_000)
    assert fast.totals() == slow.totals()


def recount(events: Sequence[Event], rules: Rules, end_ms: int) -> dict[Key, Counter[str]]:
    """The totals by the schema's words, from the raw events and the statuses, one event after the other."""
    correlator = Correlator(rules, MemoryStore())
    found: dict[Key, Counter[str]] = {}
    status: dict[str, str] = {}
    settled: set[str] = set()
    route: dict[str, Key] = {}
    submits: dict[tuple[str, int], Submit] = {}
    answered: set[tuple[str, int]] = set()

    def count(message_id: str, at_ms: int, *names: str) -> None:
        place = (*route[message_id], at_ms // WINDOW_MS * WINDOW_MS)
        found.setdefault(place, Counter()).update(names)

    def look(delta: Delta, cause: Event | None) -> None:
        for (message, verdict), said_ms in zip(delta.revisions, delta.said_ms, strict=True):
            before, now = status.get(message.message_id, ""), verdict.finding.status
            status[message.message_id] = now
            was_settled = message.message_id in settled
            if verdict.finding.settled:
                settled.add(message.message_id)
            if verdict.finding.derived and verdict.finding.settled and not was_settled:
                name = "timeouts_no_receipt" if now == "sent_without_sr" else "timeouts_no_response"
                count(message.message_id, said_ms, "timeouts_expired" if verdict.finding.reason == "expired" else name)
            elif verdict.finding.derived or not isinstance(cause, DeliveryReport):
                continue
            elif now != before and now in ("delivered", "failed"):
                count(message.message_id, cause.received_at_ms, now)

    for one in events:
        copy = False
        if isinstance(one, Submit):
            route[one.message_id] = (one.account, one.provider, one.country, one.traffic_type)
            if one.disposition == "submitted" and (one.message_id, one.attempt) not in submits:
                submits[one.message_id, one.attempt] = one
                count(one.message_id, one.submitted_at_ms, "submits")
        delta = correlator.step([one])
        copy = delta.duplicates > 0
        if copy:
            count(one.message_id, event_time_ms(one), "duplicates")
        elif isinstance(one, SubmitResponse) and (one.message_id, one.attempt) not in answered:
            answered.add((one.message_id, one.attempt))
            kind = rules.answer(one.provider or submits[one.message_id, one.attempt].provider, one.code).kind
            count(one.message_id, one.responded_at_ms, f"responses_{kind}")
        look(delta, one)
    for source in range(INPUTS):
        correlator.time.ended(source, True)
    look(correlator.advance_to(end_ms), None)
    return found


def test_the_totals_of_traffic_can_be_counted_again_from_its_events() -> None:
    config = TrafficConfig(start_ms=START_MS, messages=600, messages_per_s=4.0)
    events = [event for _, _, event in Traffic(config, 5) if not isinstance(event, ProviderReceipt)]
    known = {e.message_id for e in events if isinstance(e, Submit)}
    seen: set[str] = set()
    plain = []  # reports and answers before their submit are another test's
    for one in events:
        if isinstance(one, Submit):
            seen.add(one.message_id)
        if one.message_id in known and one.message_id in seen:
            plain.append(one)
    many_attempts = {e.message_id for e in plain if e.attempt not in (None, 1)}
    plain = [e for e in plain if e.message_id not in many_attempts]
    rules = settings_from({}).rules()
    end = plain[-1]
    run = Counted(rules)
    for start in range(0, len(plain), 97):
        run.feed(plain[start : start + 97])
    run.end(event_time_ms(end) + 3 * 86_400_000)
    names: tuple[str, ...] = (
        "submits",
        "responses_ok",
        "responses_temporary",
        "responses_permanent",
        "delivered",
        "failed",
    )
    names += ("duplicates", "timeouts_no_response", "timeouts_no_receipt", "timeouts_expired")
    told: dict[Key, Counter[str]] = {}
    for record in run.totals().values():
        place = told.setdefault(record[:5], Counter())
        place.update({name: getattr(record, name) for name in names})
    expected = recount(plain, rules, event_time_ms(end) + 3 * 86_400_000)
    assert {k: +v for k, v in told.items() if +v} == {
        key: Counter({n: c for n, c in counts.items() if n in names}) for key, counts in expected.items() if counts
    }
