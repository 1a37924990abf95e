"""From Kafka messages to the inputs of the partitions: decoded by the batch, one call a topic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME

from streams.codec.avro import Decoder
from streams.codec.checks import TIME_FIELD, clamp, decode_events
from streams.codec.schemas import Registry, reader_schema
from streams.events import DELIVERY_REPORT, SUBMIT, SUBMIT_RESPONSE, DeadLetter, InputEvent
from streams.kafka.forgotten import means_nothing
from streams.runtime.inputs import Entry, Input
from streams.runtime.processor import Source

KafkaMessage = Any
"""A consumed record. (The client's own type says "or None" of what a record without error always has.)"""

INPUT_TOPICS = (SUBMIT, SUBMIT_RESPONSE, DELIVERY_REPORT)
"""In the order of `streams.correlator.streamtime.SUBMITS`, ANSWERS, REPORTS."""

FUTURE_MS = 5 * 60 * 1_000
"""A record dated in the future counts at most as its Kafka timestamp plus this."""


def _earliest_stamp(messages: Sequence[KafkaMessage], numbers: Sequence[int]) -> int:
    """Return a Kafka timestamp that none of the messages (of these partitions) is before, epoch milliseconds UTC.

    The broker's own stamps never go back within a partition, so the first ones will do; asking all of them costs more
    than decoding a field.
    """
    first = dict(zip(reversed(numbers), reversed(messages), strict=True)).values()
    stamps = [message.timestamp() for message in first]
    if any(kind != TIMESTAMP_LOG_APPEND_TIME for kind, _ in stamps):
        stamps = [message.timestamp() for message in messages]
    earliest: int = min(stamp for _, stamp in stamps)
    return earliest


def _means_nothing(message: KafkaMessage) -> bool:
    return means_nothing(message.key(), message.value())


class Reader:
    """Decodes what was consumed of the input topics and hands it to the inputs it belongs to."""

    def __init__(self, registry: Registry | None, sources: Sequence[Source], reader: str) -> None:
        """`registry` for Confluent framing; `reader` is the reader's name in dead letters."""
        self._sources = sources
        self._decoders = [Decoder(source.schema, registry) for source in sources]
        self._time_place = [
            [field["name"] for field in reader_schema(source.schema)["fields"]].index(TIME_FIELD[source.schema])
            for source in sources
        ]
        self._reader = reader
        self.clock_skew = 0
        self.last_bad: DeadLetter | None = None

    def read(self, which: int, messages: Sequence[KafkaMessage], input_of: Callable[[int], Input]) -> tuple[int, int]:
        """Hand the messages of one input topic on; return how many records and how many unusable ones."""
        events, _, bad = decode_events(self._decoders[which], [message.value() for message in messages])
        if any(_means_nothing(messages[position]) for position, _, _ in bad):
            return self.read(which, [message for message in messages if not _means_nothing(message)], input_of)
        make, place = self._sources[which].make, self._time_place[which]
        if make is not None:
            events = list(map(make, events))
        times: list[int] = [event[place] for event in events]
        found: list[InputEvent | DeadLetter] = list(events)
        for position, reason, detail in bad:  # in order: each goes to the place it had
            self.last_bad = self._dead_letter(which, messages[position], reason, detail)
            found.insert(position, self.last_bad)
            times.insert(position, 0)
        numbers = [message.partition() for message in messages]
        if times and max(times) > _earliest_stamp(messages, numbers) + FUTURE_MS:
            self._clamp(found, times, [message.timestamp()[1] for message in messages])
        entries = zip(times, [message.offset() for message in messages], found, strict=True)
        if numbers and numbers.count(numbers[0]) == len(numbers):
            input_of(numbers[0]).read(list(entries))
            return len(events), len(bad)
        by_partition: dict[int, list[Entry]] = {number: [] for number in numbers}
        for number, entry in zip(numbers, entries, strict=True):
            by_partition[number].append(entry)
        for number, own in by_partition.items():
            input_of(number).read(own)
        return len(events), len(bad)

    def _clamp(self, found: list[InputEvent | DeadLetter], times: list[int], stamps: Sequence[int]) -> None:
        """Date records that lie in the future as their Kafka timestamp plus `FUTURE_MS`."""
        for position, (what, stamp) in enumerate(zip(found, stamps, strict=True)):
            latest = stamp + FUTURE_MS
            if times[position] > latest > FUTURE_MS and not isinstance(what, DeadLetter):
                found[position] = clamp(what, latest)
                times[position] = latest
                self.clock_skew += 1

    def _dead_letter(self, which: int, message: KafkaMessage, reason: str, detail: str) -> DeadLetter:
        return DeadLetter(
            topic=self._sources[which].topic,
            partition=message.partition(),
            offset=message.offset(),
            timestamp_ms=max(message.timestamp()[1], 0),
            key=message.key(),
            value=message.value(),
            reason=reason,
            detail=detail,
            source=self._reader,
        )
