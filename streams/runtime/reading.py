"""From Kafka messages to the inputs of the partitions: decoded by the batch, one call a topic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from streams.codec.avro import Decoder
from streams.codec.checks import TIME_FIELD, clamp, decode_events
from streams.codec.schemas import Registry
from streams.events import DELIVERY_REPORT, SUBMIT, SUBMIT_RESPONSE, DeadLetter
from streams.runtime.inputs import Input

KafkaMessage = Any
"""A consumed record. (The client's own type says "or None" of what a record without error always has.)"""

INPUT_TOPICS = (SUBMIT, SUBMIT_RESPONSE, DELIVERY_REPORT)
"""In the order of `streams.correlator.streamtime.SUBMITS`, ANSWERS, REPORTS."""

FUTURE_MS = 5 * 60 * 1_000
"""A record dated in the future counts at most as its Kafka timestamp plus this."""


class Reader:
    """Decodes what was consumed of the input topics and hands it to the inputs it belongs to."""

    def __init__(self, registry: Registry | None, source: str) -> None:
        """`registry` for Confluent framing; `source` names the reader in dead letters."""
        self._decoders = [Decoder(topic, registry) for topic in INPUT_TOPICS]
        self._source = source
        self.clock_skew = 0

    def read(
        self,
        which: int,
        messages: Sequence[KafkaMessage],
        input_of: Callable[[int], Input],
    ) -> tuple[int, int]:
        """Hand the messages of one input topic on; return how many records and how many unusable ones."""
        values = [message.value() for message in messages]
        events, good, bad = decode_events(self._decoders[which], values)
        field = events[0]._fields.index(TIME_FIELD[INPUT_TOPICS[which]]) if events else 0
        dead = {entry.position: entry for entry in bad}
        kept = iter(events)
        inputs: dict[int, Input] = {}
        for position, message in enumerate(messages):
            number = message.partition()
            target = inputs.get(number)
            if target is None:
                target = inputs[number] = input_of(number)
            if dead and position in dead:
                entry = dead[position]
                target.read(0, message.offset(), self._dead_letter(which, message, entry.reason, entry.detail))
                continue
            event = next(kept)
            event_ms: int = event[field]  # type: ignore[assignment]
            latest = message.timestamp()[1] + FUTURE_MS
            if event_ms > latest > FUTURE_MS:
                event = clamp(event, latest)
                event_ms = latest
                self.clock_skew += 1
            target.read(event_ms, message.offset(), event)
        return len(events), len(bad)

    def _dead_letter(self, which: int, message: KafkaMessage, reason: str, detail: str) -> DeadLetter:
        return DeadLetter(
            topic=INPUT_TOPICS[which],
            partition=message.partition(),
            offset=message.offset(),
            timestamp_ms=max(message.timestamp()[1], 0),
            key=message.key(),
            value=message.value(),
            reason=reason,
            detail=detail,
            source=self._source,
        )
