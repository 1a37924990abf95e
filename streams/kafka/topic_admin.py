"""Make the topics on a cluster, and compare a cluster with what ``topics.yaml`` says."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from streams.kafka.asking import present_topics
from streams.kafka.client import KafkaUnavailable, admin_options, describe_error
from streams.kafka.topic_compare import Finding, Found, compare, partitions_of
from streams.kafka.topics import TopicSpec, load_topics

OK, WRONG = 0, 1  # exit codes of `topics create` and `topics check`; a cluster out of reach is KafkaUnavailable
_WAIT_S = 30.0
_BROKER_DEFAULT = -1  # replication: what the brokers have as default.replication.factor


@dataclass(frozen=True, slots=True)
class Created:
    """What `create` did about one topic."""

    topic: str
    outcome: Literal["created", "exists", "failed"]
    partitions: int
    detail: str = ""


def create(
    options: Mapping[str, Any],
    *,
    topics: Mapping[str, TopicSpec] | None = None,
    partitions: int | None = None,
    replication: int | None = None,
    prefix: str = "",
) -> list[Created]:
    """Make the topics that are not there yet; those that are stay as they are (`check` compares them).

    ``partitions`` overrides the number of every topic that has co-partitioned ones (and caps the others);
    ``replication`` None takes the brokers' default; ``prefix`` goes before every name.
    """
    specs = load_topics() if topics is None else topics
    present = present_topics(options, _WAIT_S)
    admin = AdminClient(admin_options(options))
    wanted = {prefix + name: _new_topic(prefix + name, spec, partitions, replication) for name, spec in specs.items()}
    missing = [new for name, new in wanted.items() if name not in present]
    futures = admin.create_topics(missing, operation_timeout=_WAIT_S) if missing else {}
    return [
        _created(new, futures[name]) if name in futures else Created(name, "exists", present[name])
        for name, new in wanted.items()
    ]


def check(
    options: Mapping[str, Any],
    *,
    topics: Mapping[str, TopicSpec] | None = None,
    partitions: int | None = None,
    prefix: str = "",
    wait_s: float = _WAIT_S,
) -> list[Finding]:
    """Compare the cluster with the file; no findings: all is as it says."""
    specs = load_topics() if topics is None else topics
    found = _describe(options, [prefix + name for name in specs], wait_s)
    bootstrap = str(options.get("bootstrap.servers", ""))
    return compare(specs, found, partitions=partitions, prefix=prefix, bootstrap=bootstrap)


def exit_code(results: list[Created] | list[Finding]) -> int:
    """0: all as it should be (notes are allowed); 1: something failed or is wrong."""
    bad = any(
        result.outcome == "failed" if isinstance(result, Created) else result.severity == "error" for result in results
    )
    return WRONG if bad else OK


def _new_topic(name: str, spec: TopicSpec, partitions: int | None, replication: int | None) -> NewTopic:
    return NewTopic(
        name,
        num_partitions=partitions_of(spec, partitions),
        replication_factor=_BROKER_DEFAULT if replication is None else replication,
        config=spec.settings(),
    )


def _created(new: NewTopic, future: Future[None]) -> Created:
    try:
        future.result(_WAIT_S)
    except KafkaException as failure:
        error: KafkaError = failure.args[0]
        if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:  # somebody else was quicker
            return Created(new.topic, "exists", new.num_partitions)
        return Created(new.topic, "failed", new.num_partitions, describe_error(error))
    return Created(new.topic, "created", new.num_partitions)


def _describe(options: Mapping[str, Any], names: list[str], wait_s: float) -> dict[str, Found]:
    present = present_topics(options, wait_s)
    admin = AdminClient(admin_options(options))
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names if name in present]
    futures = admin.describe_configs(resources, request_timeout=wait_s) if resources else {}
    found = {}
    for resource, future in futures.items():
        try:
            entries: dict[str, ConfigEntry] = future.result(wait_s)
        except KafkaException as failure:
            raise KafkaUnavailable(describe_error(failure.args[0])) from failure
        settings = {key: str(entry.value) for key, entry in entries.items() if entry.value is not None}
        found[resource.name] = Found(present[resource.name], settings)
    return found
