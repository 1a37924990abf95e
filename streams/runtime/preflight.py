"""What a worker makes sure of before it joins the group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic, sleep

from confluent_kafka import Consumer

from streams.events import DEAD_LETTER, MESSAGE_STATUS, ORPHAN_REPORT, ROUTE_HEALTH
from streams.kafka.client import OptionRefused
from streams.runtime.errors import TopicsError, patiently
from streams.runtime.output import CHANGELOG
from streams.runtime.reading import INPUT_TOPICS
from streams.runtime.transaction import CALL_S

_NEW_TOPIC_S = 3.0
"""Topics made a moment ago are not known to every broker yet."""
_LOOK_AGAIN_S = 0.3


def refuse_new_protocol(kafka: Mapping[str, str]) -> None:
    """Refuse the group protocol of KIP-848, which moves some partitions while the others stay.

    Its member epoch changes without a rebalance, so offsets sent with the metadata of the assignment are refused.
    """
    for name in ("group.protocol", "consumer.group.protocol"):
        if kafka.get(name, "classic").strip().lower() != "classic":
            raise OptionRefused(f'Kafka option {name}="{kafka[name]}" is not for correlate: leave it out, or "classic"')


def check_topics(consumer: Consumer, prefix: str, stopping: Callable[[], bool]) -> None:
    """Make sure that the topics are there, and what is joined has one number of partitions."""
    joined = [prefix + topic for topic in (*INPUT_TOPICS, MESSAGE_STATUS, CHANGELOG)]
    wanted = [*joined, *(prefix + topic for topic in (DEAD_LETTER, ORPHAN_REPORT, ROUTE_HEALTH))]
    give_up_at = monotonic() + _NEW_TOPIC_S
    while True:
        known = patiently("topics", stopping, consumer.list_topics, None, CALL_S).topics
        missing = [topic for topic in wanted if topic not in known or not known[topic].partitions]
        if not missing:
            break
        if monotonic() > give_up_at:
            raise TopicsError(f"there is no topic {', '.join(missing)}: run `sms-streams topics create`")
        sleep(_LOOK_AGAIN_S)
    counts = {topic: len(known[topic].partitions) for topic in joined}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{topic} {count}" for topic, count in counts.items())
        raise TopicsError(f"these topics need one number of partitions, run `sms-streams topics check`: {shown}")
