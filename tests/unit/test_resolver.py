"""Receipts find their message: in any order, in any cut, on any partition, and never another's."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.correlator.store import MemoryStore
from streams.events import ProviderReceipt, ReceiptIndex
from streams.resolver.rules import IdPolicy, ResolveKeeping, ResolveRules
from streams.resolver.slot import MOST_ENTRIES, MOST_PARKED, Slot
from streams.resolver.step import ReroutedReceipt, Resolver
from tests.receipts import (
    DAY,
    HOUR,
    KEEPING,
    MINUTE,
    RULES,
    SECOND,
    START_MS,
    WINDOW_MS,
    Cluster,
    World,
    cut,
    index,
    receipt,
    rules_of,
)
from tests.resolve_oracle import outcomes

T = START_MS
laws = settings(max_examples=150)
seeds = st.integers(0, 1 << 32)


def event_time(event: ReceiptIndex | ProviderReceipt) -> int:
    return event.responded_at_ms if isinstance(event, ReceiptIndex) else event.received_at_ms


def wanted(world: World) -> Counter[tuple[object, ...]]:
    return outcomes(world.index, world.receipts, dict(RULES), WINDOW_MS, KEEPING.early_ms)


def one(*events: object, rules: ResolveRules | None = None, end_ms: int = T + 30 * DAY) -> Cluster:
    """One partition that reads events and then gets older."""
    cluster = Cluster(rules or rules_of())
    cluster.feed(0, events)
    cluster.end(end_ms)
    return cluster


# ---- laws ----------------------------------------------------------------------------------------------------------


@laws
@given(seed=seeds, partitions=st.sampled_from([1, 3, 4]))
def test_in_order_of_time_what_comes_out_is_what_the_page_says(seed: int, partitions: int) -> None:
    """With batches cut anywhere, on any number of partitions, some of which crash in between."""
    rng = random.Random(seed)
    world = World(rng)
    cluster = Cluster(rules_of(), partitions)
    queues: list[list[ReceiptIndex | ProviderReceipt]] = [[] for _ in range(partitions)]
    for event in sorted(world.events(), key=event_time):
        for number in cluster.send(rng, event):
            queues[number].append(event)
    # A receipt that is handed on arrives later than its time; so all partitions go on together, day by day.
    for day in range(-1, 110):
        for number, queue in enumerate(queues):
            today = [event for event in queue if T + day * DAY <= event_time(event) < T + (day + 1) * DAY]
            for batch in cut(rng, today):
                cluster.feed(number, batch)
                if rng.random() < 0.2:
                    cluster.crash(number)
        for number in range(partitions):
            cluster.hand_on(number)
    cluster.end(T + 1000 * DAY)
    expected, found = wanted(world), cluster.outcomes()
    if not _contested(world):
        assert found == expected
    assert sum(found.values()) == len(world.receipts), "each receipt comes out once"
    assert cluster.slots() == 0, "nothing is kept for ever"


@laws
@given(seed=seeds, partitions=st.sampled_from([1, 4]))
def test_in_any_order_an_id_of_one_message_gives_the_same_reports(seed: int, partitions: int) -> None:
    rng = random.Random(seed)
    world = World(rng)
    if _contested(world):
        return
    # Everything waits and is known for long enough, so that order is all that differs.
    cluster = Cluster(rules_of(ResolveKeeping(1000 * DAY, 5000 * DAY, KEEPING.early_ms)), partitions)
    events = world.events()
    rng.shuffle(events)
    for batch in cut(rng, events):
        for number in range(partitions):
            cluster.feed(
                number, [e for e in batch for home in cluster.send(random.Random(repr(e)), e) if home == number]
            )
        for number in range(partitions):
            if rng.random() < 0.5:
                cluster.hand_on(number)
            if rng.random() < 0.2:
                cluster.crash(number)
    cluster.end(T + 9000 * DAY)
    assert cluster.outcomes() == wanted(world)


def _contested(world: World) -> bool:
    """Whether a receipt's outcome depends on what was known when it came: its id has several uses."""
    for one_receipt in world.receipts:
        uses = set()
        for entry in world.index:
            alone = outcomes([entry], [one_receipt], dict(RULES), 10**13, 10**13)
            if next(iter(alone))[0] != "orphan":
                uses.add(entry[2:6])
        if len(uses) > 1:
            return True
    return False


@laws
@given(seed=seeds)
def test_the_cut_of_the_batches_changes_nothing(seed: int) -> None:
    rng = random.Random(seed)
    events = sorted(World(rng).events(), key=lambda e: event_time(e) + rng.randrange(2 * HOUR))
    keeping = rng.choice([KEEPING, ResolveKeeping(HOUR, 2 * DAY, MINUTE), ResolveKeeping(DAY, DAY, 0)])
    whole, pieces = Cluster(rules_of(keeping)), Cluster(rules_of(keeping))
    whole.feed(0, events)
    for batch in cut(rng, events):
        pieces.feed(0, batch)
        if rng.random() < 0.3:
            pieces.crash(0)
    for cluster in (whole, pieces):
        cluster.end(T + 1000 * DAY)
    assert whole.outcomes() == pieces.outcomes()


@laws
@given(seed=seeds)
def test_no_receipt_is_lost_or_doubled_however_short_things_are_kept(seed: int) -> None:
    rng = random.Random(seed)
    world = World(rng)
    keeping = ResolveKeeping(rng.choice([0, MINUTE, DAY]), rng.choice([0, HOUR, 9 * DAY]), rng.choice([0, HOUR]))
    cluster = Cluster(rules_of(keeping), 2)
    events = world.events()
    rng.shuffle(events)
    for event in events:
        for number in cluster.send(rng, event):
            cluster.feed(number, [event])
    cluster.end(T + 1000 * DAY)
    assert sum(cluster.outcomes().values()) == len(world.receipts)
    assert (cluster.slots(), cluster.parked) == (0, 0)


# ---- the rules, one by one -----------------------------------------------------------------------------------------


def test_a_report_says_all_that_the_receipt_said_of_the_message_attempt_and_part_that_the_answer_named() -> None:
    came = receipt("9f", T + 5 * SECOND, err="011", text="stat:UNDELIV", code="UNDELIV")
    (report,) = one(index("9f", "m1", T, attempt=2, part=3), came).reports
    assert report == (
        "acme",
        "m1",
        2,
        3,
        T + 5 * SECOND,
        came.done_at_ms,
        "plain",
        "9f",
        "UNDELIV",
        "011",
        "stat:UNDELIV",
    )


def test_the_report_carries_the_id_as_the_answer_wrote_it() -> None:
    (report,) = one(index("00FF", "m1", T, "hexer"), receipt("0255", T + 1, "hexer")).reports
    assert report.provider_message_id == "00FF"


def test_a_receipt_that_overtakes_its_answer_waits_for_it() -> None:
    cluster = Cluster(rules_of())
    cluster.feed(0, [receipt("9f", T)])
    assert not cluster.reports
    cluster.feed(0, [index("9f", "m1", T + 40 * SECOND)])
    assert [report.message_id for report in cluster.reports] == ["m1"]
    cluster.end(T + 30 * DAY)
    assert not cluster.orphans


def test_every_state_of_a_message_is_reported() -> None:
    codes = ["ENROUTE", "ACCEPTD", "DELIVRD"]
    cluster = one(index("9f", "m1", T), *(receipt("9f", T + n * SECOND, code=code) for n, code in enumerate(codes)))
    assert [report.code for report in cluster.reports] == codes


def test_each_part_has_its_own_id() -> None:
    entries = [index(f"a{part}", "m1", T, part=part) for part in (1, 2, 3)]
    cluster = one(*entries, *(receipt(f"a{part}", T + 1) for part in (3, 1, 2)))
    assert [(report.message_id, report.part) for report in cluster.reports] == [("m1", 3), ("m1", 1), ("m1", 2)]


def test_one_id_for_all_parts_speaks_for_the_whole_message() -> None:
    entries = [index("9f", "m1", T, part=part) for part in (1, 2, 3)]
    (report,) = one(*entries, receipt("9f", T + 1)).reports
    assert (report.message_id, report.attempt, report.part) == ("m1", 1, None)


def test_one_id_for_two_attempts_leaves_the_attempt_to_correlate() -> None:
    (report,) = one(index("9f", "m1", T), index("9f", "m1", T + 5, attempt=2), receipt("9f", T + 9)).reports
    assert (report.message_id, report.attempt) == ("m1", None)


def test_what_the_receipt_itself_says_of_attempt_and_part_stands() -> None:
    (report,) = one(index("9f", "m1", T, part=1), receipt("9f", T + 9, attempt=2, part=2)).reports
    assert (report.attempt, report.part) == (2, 2)


def test_the_same_id_of_another_provider_is_another_id() -> None:
    cluster = one(index("9f", "m1", T, "plain"), receipt("9f", T + 1, "loose"))
    assert not cluster.reports
    assert [orphan.reason for orphan in cluster.orphans] == ["no_response"]


def test_two_messages_with_one_id_are_ambiguous_and_it_is_said() -> None:
    cluster = one(index("9f", "m1", T), index("9f", "m2", T + HOUR), receipt("9f", T + 2 * HOUR))
    assert not cluster.reports
    (orphan,) = cluster.orphans
    assert (orphan.kind, orphan.reason, orphan.provider_message_id) == ("provider_receipt", "ambiguous_id", "9f")
    assert (orphan.event_at_ms, orphan.code, orphan.message_id) == (T + 2 * HOUR, "DELIVRD", "")


def test_ids_that_a_rule_takes_for_one_are_ambiguous_though_they_are_written_differently() -> None:
    cluster = one(index("0077", "m1", T, "loose"), index("77", "m2", T, "loose"), receipt("77", T + 1, "loose"))
    assert [orphan.reason for orphan in cluster.orphans] == ["ambiguous_id"]


def test_an_id_given_out_again_after_the_window_means_the_newer_message() -> None:
    early, late = receipt("9f", T + 1), receipt("9f", T + 4 * DAY + 1)
    cluster = one(index("9f", "m1", T), early, index("9f", "m2", T + 4 * DAY), late)
    assert [report.message_id for report in cluster.reports] == ["m1", "m2"]


def test_an_id_given_out_again_does_not_take_a_receipt_that_overtakes_its_answer_for_the_older_one() -> None:
    cluster = one(index("9f", "m1", T), receipt("9f", T + 4 * DAY), index("9f", "m2", T + 4 * DAY + SECOND))
    assert [report.message_id for report in cluster.reports] == ["m2"]


def test_the_window_is_the_providers_own() -> None:
    rules = ResolveRules(providers={"plain": IdPolicy(id_window_ms=HOUR)})
    cluster = one(index("9f", "m1", T), index("9f", "m2", T + 2 * HOUR), receipt("9f", T + 2 * HOUR + 1), rules=rules)
    assert [report.message_id for report in cluster.reports] == ["m2"]


def test_a_very_late_receipt_is_still_its_messages_when_its_wait_is_over() -> None:
    cluster = Cluster(rules_of())
    cluster.feed(0, [index("9f", "m1", T)])
    cluster.feed(0, [receipt("9f", T + 5 * DAY)])
    assert not cluster.reports
    cluster.end(T + 6 * DAY + 1)
    assert [report.message_id for report in cluster.reports] == ["m1"]


def test_an_answer_that_came_long_after_the_receipt_is_not_meant() -> None:
    cluster = one(receipt("9f", T), index("9f", "m1", T + 2 * HOUR))
    assert [orphan.reason for orphan in cluster.orphans] == ["no_response"]


def test_what_waited_too_long_is_released_at_its_deadline_not_before() -> None:
    cluster = Cluster(rules_of())
    cluster.feed(0, [receipt("9f", T)])
    cluster.end(T + DAY - 1)
    assert not cluster.orphans
    cluster.end(T + DAY)
    assert [orphan.reason for orphan in cluster.orphans] == ["no_response"]


def test_an_answer_dated_exactly_at_the_deadline_comes_before_it() -> None:
    rules = rules_of(ResolveKeeping(park_ms=HOUR, index_ms=DAY, early_ms=2 * HOUR))
    cluster = Cluster(rules)
    cluster.feed(0, [receipt("9f", T)])
    cluster.feed(0, [ReroutedReceipt._make(receipt("else", T + DAY)), receipt("else", T + DAY)])
    cluster.feed(0, [index("9f", "m1", T + HOUR)])
    assert [report.message_id for report in cluster.reports] == ["m1"]


def test_in_a_backlog_the_wait_counts_from_the_clock_on_the_wall() -> None:
    """The answers of a backlog may still be on their way through correlate when its receipts are all read."""
    cluster = Cluster(rules_of())
    now = T + 9 * DAY
    cluster.feed(0, [receipt("9f", T), receipt("other", T + 3 * DAY)], read_at_ms=now)
    cluster.end(now + HOUR)
    assert not cluster.orphans
    cluster.feed(0, [index("9f", "m1", T - SECOND)], read_at_ms=now + HOUR)
    assert [report.message_id for report in cluster.reports] == ["m1"]
    cluster.end(now + 2 * DAY)
    assert [orphan.provider_message_id for orphan in cluster.orphans] == ["other"]


def test_an_id_is_known_for_its_time_and_then_forgotten() -> None:
    rules = rules_of(ResolveKeeping(park_ms=HOUR, index_ms=DAY, early_ms=0))
    cluster = one(index("9f", "m1", T), rules=rules, end_ms=T + DAY - 1)
    assert cluster.slots() == 1
    cluster.end(T + DAY)
    assert cluster.slots() == 0


def test_a_worthless_id_that_everything_has_grows_without_bound_nowhere() -> None:
    cluster = Cluster(rules_of())
    cluster.feed(0, [receipt("0", T + n) for n in range(MOST_PARKED + 40)])
    assert [orphan.reason for orphan in cluster.orphans] == ["too_many_waiting"] * 40
    cluster.feed(0, [index("0", f"m{n}", T + n) for n in range(MOST_ENTRIES + 40)])
    (slot,) = cluster._resolvers[0].store.messages.values()
    assert len(slot.entries) == MOST_ENTRIES
    cluster.end(T + 30 * DAY)
    assert len(cluster.reports) + len(cluster.orphans) == MOST_PARKED + 40


def test_an_answer_read_twice_is_known_once() -> None:
    cluster = one(index("9f", "m1", T), index("9f", "m1", T + SECOND), receipt("9f", T + MINUTE))
    assert cluster.duplicates == 1
    assert len(cluster.reports) == 1


def test_a_receipt_in_a_foreign_partition_is_handed_on_and_one_that_was_is_not_handed_on_again() -> None:
    store: MemoryStore[Slot] = MemoryStore()
    resolver = Resolver(rules_of(), store, is_home=lambda _provider, _key: False)
    came = receipt("00FF", T, "loose")
    assert resolver.step([came]).elsewhere == [("ff", came)]
    assert not resolver.step([ReroutedReceipt._make(came)]).elsewhere
    (slot,) = store.messages.values()
    assert type(slot.parked[0].receipt) is ProviderReceipt


def test_an_entry_that_no_rule_here_would_put_here_is_counted() -> None:
    resolver = Resolver(rules_of(), MemoryStore(), is_home=lambda _provider, _key: False)
    assert resolver.step([index("9f", "m1", T)]).misplaced == 1
