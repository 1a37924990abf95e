"""The topics of detect: their names, and that they are there before Faust looks for them."""

from __future__ import annotations

from collections.abc import Callable

from streams.events import ANOMALY, DEAD_LETTER, ROUTE_HEALTH
from streams.runtime.errors import TopicsError
from streams.runtime.preflight import present_topics
from streams.settings import Settings

GROUP_TOPIC = "sms.detect-group"
CHANGELOG = "sms.detect-changelog"
BEAT = "from:"
"""Keys of the group topic: the name of a group, or this and the partition from which a heartbeat comes."""
_TOPICS = (ROUTE_HEALTH, GROUP_TOPIC, CHANGELOG, ANOMALY, DEAD_LETTER)


def partitions(settings: Settings, stopping: Callable[[], bool]) -> dict[str, int]:
    """Return the partitions of the cluster's topics; Faust would wait for ever for one that is missing."""
    known = present_topics(settings.kafka, [settings.topic_prefix + name for name in _TOPICS], stopping)
    grouped, changelog = (known[settings.topic_prefix + name] for name in (GROUP_TOPIC, CHANGELOG))
    if grouped != changelog:
        raise TopicsError(
            f"{GROUP_TOPIC} has {grouped} partitions and {CHANGELOG} {changelog}: they need the same number"
        )
    return known
