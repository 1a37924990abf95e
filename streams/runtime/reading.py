"""From Kafka messages to the inputs of the partitions: decoded by the batch, one call a topic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from streams.codec.avro import Decoder
from streams.codec.checks import TIME_FIELD, clamp, decode_events
from streams.codec.schemas import Registry, reader_schema
from streams.events import DELIVERY_REPORT, SUBMIT, SUBMIT_RESPONSE, DeadLetter, InputEvent
from streams.runtime.inputs import Entry, Input
from streams.runtime.processor import Source

KafkaMessage = Any
"""A consumed record. (The client's own type says "or None" of what a record without error always has.)"""

INPUT_TOPICS = (SUBMIT, SUBMIT_RESPONSE, DELIVERY_REPORT)
"""In the order of `streams.correlator.streamtime.SUBMITS`, ANSWERS, REPORTS."""

FUTURE_MS = 5 * 60 * 1_000
"""A record dated in the future counts at most as its Kafka timestamp plus this."""


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
        make, place = self._sources[which].make, self._time_place[which]
        if make is not None:
            events = list(map(make, events))
        times: list[int] = [event[place] for event in events]
        stamps = [message.timestamp()[1] for message in messages]
        found: list[InputEvent | DeadLetter] = list(events)
        for position, reason, detail in bad:  # in order: each goes to the place it had
            self.last_bad = self._dead_letter(which, messages[position], reason, detail)
            found.insert(position, self.last_bad)
            times.insert(position, 0)
        if times and max(times) > min(stamps) + FUTURE_MS:
            self._clamp(found, times, stamps)
        by_partition: dict[int, list[Entry]] = {}
        entries_in_order = zip(times, [message.offset() for message in messages], found, strict=True)
        for message, entry in zip(messages, entries_in_order, strict=True):
            number = message.partition()
            entries = by_partition.get(number)
            if entries is None:
                entries = by_partition[number] = []
            entries.append(entry)
        for number, entries in by_partition.items():
            input_of(number).read(entries)
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
