"""What is measured on: made once, the same records in every round.

First the traffic proper, at a rate at which the events of a message fall into several batches as they do live, with
everything that comes hours later (reports of phones that were off, timeouts, forgetting). Then, days of event time
later, some more of the same: the run is measured until it is well in there, so that the whole life of the first
messages is in the figures and the last batch, which waits for more, is not.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import Producer

from streams.codec.avro import Encoder
from streams.events import DELIVERY_REPORT, SUBMIT, SUBMIT_RESPONSE
from streams.kafka.client import producer_options
from streams.simulator import Arrival, Traffic
from streams.simulator.config import DAY_MS, TrafficConfig

INPUTS = (SUBMIT, SUBMIT_RESPONSE, DELIVERY_REPORT)
AFTERWARDS = 0.25
"""Share of the events that follows later in event time, measured to its middle."""
EVENTS_PER_MESSAGE = 3.3
MIXES: dict[str, dict[str, float]] = {"typical": {"long_text": 0.08, "pending": 0.02}, "simulator": {}}
"""What caps the habits of the simulator's campaigns. The simulator's own traffic has a quarter of long messages, and a
tenth that is announced as pending, so that a demonstration shows them: more than most senders have."""
_DAYS_BACK = 6
"""Event time begins so long ago that everything has come by now, and nothing is dated in the future."""

Record = tuple[str, bytes, str]
"""Topic (without prefix), value, key."""


@dataclass
class DataSet:
    """The records in the order in which they reach Kafka, and what is in them."""

    records: list[Record]
    until: int
    """How many of them are measured."""
    messages: int
    kinds: Counter[str] = field(default_factory=Counter)
    multipart: int = 0

    def mix(self) -> dict[str, Any]:
        """Return what the records are, as shares."""
        total = len(self.records)
        shares = {kind: round(count / total, 3) for kind, count in self.kinds.most_common()}
        return {
            "records": total,
            "messages": self.messages,
            "events": shares,
            "events_of_multipart_messages": round(self.multipart / total, 3),
        }


def config(mix: str, messages: int, rate: float, start_ms: int, counted_ids: bool) -> TrafficConfig:
    """Return a mix (`MIXES`) of the simulator's traffic, at `rate` messages a second of event time.

    Only one traffic of a data set may count its messages' ids, they would be the same in the other.
    """
    base = TrafficConfig(messages=messages, messages_per_s=rate, start_ms=start_ms)
    most = MIXES[mix]
    accounts = [
        msgspec.structs.replace(
            account,
            id_form=account.id_form if counted_ids else "uuid",
            campaigns=[
                msgspec.structs.replace(
                    campaign, **{habit: min(share, getattr(campaign, habit)) for habit, share in most.items()}
                )
                for campaign in account.campaigns
            ],
        )
        for account in base.accounts
    ]
    return msgspec.structs.replace(base, accounts=accounts)


def make(events: int, mix: str, rate: float, seed: int) -> DataSet:
    """Make the records for measuring about `events`."""
    start_ms = _start_ms()
    first = int(events * (1 - AFTERWARDS / 2) / EVENTS_PER_MESSAGE) + 1
    after = int(events * AFTERWARDS / EVENTS_PER_MESSAGE) + 1
    found = DataSet([], 0, first + after)
    _add(found, Traffic(config(mix, first, rate, start_ms, True), seed))
    end_of_first = len(found.records)
    _add(found, Traffic(config(mix, after, rate, start_ms + 3 * DAY_MS, False), seed + 1))
    found.until = (end_of_first + len(found.records)) // 2
    return found


class Steady(NamedTuple):
    """Records of traffic that goes on for ever. Before `warm` (a place) is only what has consequences after it."""

    records: list[Record]
    warm: int


def make_steady(events: int, mix: str, rate: float, seed: int) -> Steady:
    """Cut about so many events out of steady traffic, and put before them what they need.

    A message's report may come hours later. In traffic that begins and ends it falls into a time in which nothing else
    happens; in traffic that goes on it falls among other messages' events. So time goes round here, with a period in
    which all messages are sent: what arrives in a later one has a message of its own, sent as many periods before.
    """
    messages, start_ms = int(events / EVENTS_PER_MESSAGE) + 1, _start_ms()
    period_ms = max(1, int(messages / rate * 1_000))
    lives: dict[str, list[Arrival]] = {}
    for arrival in Traffic(config(mix, messages, rate, start_ms, True), seed):
        lives.setdefault(arrival.key, []).append(arrival)
    found: list[Arrival] = []
    for life in lives.values():
        for rounds in {(arrival.at_ms - start_ms) // period_ms for arrival in life}:
            earlier = [_earlier(arrival, rounds, rounds * period_ms) for arrival in life]
            found += [arrival for arrival in earlier if arrival.at_ms < start_ms + period_ms]
    found.sort(key=lambda arrival: arrival.at_ms)
    data = DataSet([], 0, messages)
    _add(data, found)
    return Steady(data.records, sum(arrival.at_ms < start_ms for arrival in found))


def _earlier(arrival: Arrival, rounds: int, by_ms: int) -> Arrival:
    """Move an arrival to an earlier time, with all times in it; it is another message's then."""
    record: Any = arrival.record
    times = {name: getattr(record, name) for name in record._fields if name.endswith("_at_ms")}
    moved = {name: at_ms - by_ms for name, at_ms in times.items() if at_ms is not None}
    name = f"{record.message_id}~{rounds}" if rounds else record.message_id
    return arrival._replace(at_ms=arrival.at_ms - by_ms, record=record._replace(message_id=name, **moved))


def _start_ms() -> int:
    return int(time.time() * 1_000) // DAY_MS * DAY_MS - _DAYS_BACK * DAY_MS


def _add(found: DataSet, traffic: Iterable[Arrival]) -> None:
    encoders = {topic: Encoder(topic) for topic in INPUTS}
    multipart = set()
    for _, topic, event in traffic:
        record: Any = event
        kind = topic
        if topic == SUBMIT:
            kind = f"{topic} {record.disposition}"
            if record.parts > 1:
                multipart.add(record.message_id)
        found.multipart += record.message_id in multipart
        found.kinds[kind] += 1
        found.records.append((topic, encoders[topic].encode(record), record.message_id))


def fill(bootstrap: str, prefix: str, records: list[Record]) -> None:
    """Write records to the input topics, each topic in their order."""
    producer = Producer(producer_options({"bootstrap.servers": bootstrap}))
    topics = {topic: prefix + topic for topic in INPUTS}
    for topic, value, key in records:
        while True:
            try:
                producer.produce(topics[topic], value, key)
                break
            except BufferError:
                producer.poll(0.1)
    left = producer.flush(60)
    if left:
        raise RuntimeError(f"the broker at {bootstrap} did not take {left} of {len(records)} records within a minute")
