"""Asking a cluster for its topics; where it does not answer, why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streams.kafka.client import KafkaUnavailable, admin_options, describe_error

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


def present_topics(options: Mapping[str, Any], wait_s: float) -> dict[str, int]:
    """As `topic_partitions`, but raise `KafkaUnavailable`, whose message says what to do."""
    try:
        return topic_partitions(options, wait_s)
    except KafkaException as failure:
        raise KafkaUnavailable(describe_error(failure.args[0])) from failure


def require_topics(options: Mapping[str, Any], topics: Iterable[str], wait_s: float) -> None:
    """Raise `KafkaUnavailable` where topics are missing, or the cluster is away or refuses us.

    A broker that makes topics on the way makes them wrong.
    """
    present = present_topics(options, wait_s)
    missing = [topic for topic in topics if topic not in present]
    if missing:
        raise KafkaUnavailable(f"no topic {', '.join(missing)}: run `sms-streams topics create`")


def check_login(options: Mapping[str, Any]) -> None:
    """Raise `KafkaUnavailable` where the cluster refuses us; that it is away is for others to find."""
    try:
        topic_partitions(options, _LISTEN_EVERY_S)
    except KafkaException as failure:
        if failure.args[0].code() in _REFUSED:
            raise KafkaUnavailable(describe_error(failure.args[0])) from failure
