"""Where imported events go besides a file of lines: Kafka, or straight into an embedded database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from streams.apps.import_kannel import topic_of
from streams.codec.avro import Encoder
from streams.codec.schemas import Registry
from streams.events import DELIVERY_REPORT, PROVIDER_RECEIPT, SUBMIT, SUBMIT_RESPONSE, ProviderReceipt
from streams.importers.kannel_options import ImportedEvent
from streams.kafka.asking import require_topics
from streams.kafka.client import describe_error, producer_options

_TOPICS = (SUBMIT, SUBMIT_RESPONSE, DELIVERY_REPORT, PROVIDER_RECEIPT)
_PATIENCE_S = 30.0


class KafkaTarget:
    """Writes events to their topics, keyed as ``topics.yaml`` says. Events of one message keep their order.

    Sent again, after a failure or for a log that has grown, events are the same facts: nothing is counted twice.
    """

    def __init__(self, options: Mapping[str, Any], prefix: str = "", registry: Registry | None = None) -> None:
        """Connect with Kafka client options; `prefix` goes before the topics' names."""
        self.sent: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        only_errors = {"delivery.report.only.error": True, "on_delivery": self._delivered}
        own = producer_options(options) | only_errors
        require_topics(options, [prefix + topic for topic in _TOPICS], _PATIENCE_S)
        self._producer = Producer(own)
        self._writers = {topic: (prefix + topic, Encoder(topic, registry).encode) for topic in _TOPICS}

    def __call__(self, events: Sequence[ImportedEvent]) -> None:
        """Queue events; waits while the queue is full."""
        for event in events:
            topic = topic_of(event)
            name, encode = self._writers[topic]
            self._produce(name, encode(event._asdict()), _key(event))
            self.sent[topic] += 1
        self._producer.poll(0)

    def _produce(self, topic: str, value: bytes, key: str) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key)
                return
            except BufferError:
                self._producer.poll(0.1)

    def close(self) -> None:
        """Wait for what is under way; `errors` then tells what did not get through."""
        left = self._producer.flush(_PATIENCE_S)
        if left:
            self.errors[f"not taken by Kafka within {_PATIENCE_S:.0f} s"] += left

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self.errors[describe_error(error)] += 1


def _key(event: ImportedEvent) -> str:
    if isinstance(event, ProviderReceipt):
        return f"{event.provider}:{event.provider_message_id}"
    return event.message_id
