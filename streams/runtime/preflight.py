"""What a worker makes sure of before it joins the group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic, sleep

from streams.kafka.asking import topic_partitions
from streams.kafka.client import OptionRefused
from streams.runtime.errors import TopicsError, patiently
from streams.runtime.processor import Processor
from streams.runtime.transaction import CALL_S

_NEW_TOPIC_S = 3.0
"""Topics made a moment ago are not known to every broker yet."""
_LOOK_AGAIN_S = 0.3


def refuse_new_protocol(processor: str, kafka: Mapping[str, str]) -> None:
    """Refuse the group protocol of KIP-848, which moves some partitions while the others stay.

    Its member epoch changes without a rebalance, so offsets sent with the metadata of the assignment are refused.
    """
    for name in ("group.protocol", "consumer.group.protocol"):
        if kafka.get(name, "classic").strip().lower() != "classic":
            raise OptionRefused(
                f'Kafka option {name}="{kafka[name]}" is not for {processor}: leave it out, or "classic"'
            )


def check_topics(kafka: Mapping[str, str], processor: Processor, prefix: str, stopping: Callable[[], bool]) -> int:
    """Make sure that the topics are there, and what is joined has one number of partitions; return that number."""
    inputs = [source.topic for source in processor.sources]
    joined = [prefix + topic for topic in (*inputs, *processor.joined, processor.changelog)]
    wanted = [*joined, *(prefix + topic for topic in processor.others)]
    known = present_topics(kafka, wanted, stopping)
    counts = {topic: known[topic] for topic in joined}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{topic} {count}" for topic, count in counts.items())
        raise TopicsError(f"these topics need one number of partitions, run `sms-streams topics check`: {shown}")
    return counts[joined[0]]


def present_topics(kafka: Mapping[str, str], wanted: Sequence[str], stopping: Callable[[], bool]) -> dict[str, int]:
    """Return the partitions of the cluster's topics; raises `TopicsError` where one that is wanted is not there."""
    give_up_at = monotonic() + _NEW_TOPIC_S
    while True:
        known = patiently("topics", stopping, topic_partitions, kafka, CALL_S)
        missing = [topic for topic in wanted if not known.get(topic)]
        if not missing:
            return known
        if monotonic() > give_up_at:
            raise TopicsError(f"there is no topic {', '.join(missing)}: run `sms-streams topics create`")
        sleep(_LOOK_AGAIN_S)
