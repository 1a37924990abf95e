"""Asking a cluster for its topics; where it does not answer, why."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streams.kafka.client import admin_options

_LISTEN_EVERY_S = 3.0
_REFUSED = (KafkaError._AUTHENTICATION, KafkaError._SSL)


def topic_partitions(options: Mapping[str, Any], wait_s: float) -> dict[str, int]:
    """Return every topic of the cluster with its number of partitions, or raise `KafkaException`.

    A broker that lets nobody in looks like one that is away: what it said comes beside, and is what is raised then.
    """
    said: list[KafkaError] = []
    admin = AdminClient(admin_options(options) | {"error_cb": said.append})
    give_up_at = monotonic() + wait_s
    while True:
        left_s = give_up_at - monotonic()
        try:
            known = admin.list_topics(timeout=min(left_s, _LISTEN_EVERY_S)).topics
        except KafkaException as failure:
            admin.poll(0)
            refused = next((error for error in said if error.code() in _REFUSED), None)
            if refused is not None:
                raise KafkaException(refused) from failure
            if left_s <= _LISTEN_EVERY_S:
                raise
        else:
            return {name: len(topic.partitions) for name, topic in known.items()}
