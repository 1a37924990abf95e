"""What to show of Kafka to a person: options without their secrets, errors with what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError

HIDDEN = "(hidden)"
_SECRET = re.compile(
    r"password|passphrase|secret|token|oauth|jaas|credential|api\.?key|basic\.auth|\.key\.pem$|\.key$|(^|\.)pem$"
)
_HARMLESS = frozenset(
    {
        "enable.sasl.oauthbearer.unsecure.jwt",
        "sasl.oauthbearer.client.id",
        "sasl.oauthbearer.method",
        "sasl.oauthbearer.scope",
        "sasl.oauthbearer.token.endpoint.url",
    }
)
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")

_DOWN = "no broker answers: is Kafka running, and is bootstrap.servers right and reachable from here?"
_LOGIN = "the broker refuses the login: check sasl.mechanism, sasl.username, sasl.password and security.protocol"
_ACCESS = "this user may not do that: ask for the right in Kafka's ACLs"
_TOPICS = "run `sms-streams topics create`"
_FENCED = "another worker runs under the same name: give each worker an instance of its own; this one stops"
_ADVICE: dict[int, str] = {
    KafkaError._ALL_BROKERS_DOWN: _DOWN,
    KafkaError._TRANSPORT: _DOWN,
    KafkaError._TIMED_OUT: _DOWN,
    KafkaError._RESOLVE: "the broker's name is not known: check the host names in bootstrap.servers",
    KafkaError._SSL: "TLS failed: check ssl.ca.location, the certificate's host names and security.protocol",
    KafkaError._AUTHENTICATION: _LOGIN,
    KafkaError.SASL_AUTHENTICATION_FAILED: _LOGIN,
    KafkaError.UNSUPPORTED_SASL_MECHANISM: _LOGIN,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _ACCESS,
    KafkaError.GROUP_AUTHORIZATION_FAILED: _ACCESS,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: _ACCESS,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: _ACCESS,
    KafkaError.UNKNOWN_TOPIC_OR_PART: _TOPICS,
    KafkaError._UNKNOWN_TOPIC: _TOPICS,
    KafkaError._UNKNOWN_PARTITION: _TOPICS,
    KafkaError._FENCED: _FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH: _FENCED,
    KafkaError.PRODUCER_FENCED: _FENCED,
    KafkaError.FENCED_INSTANCE_ID: _FENCED,
    KafkaError.ILLEGAL_GENERATION: "the partitions moved to another worker meanwhile; this transaction is undone",
    KafkaError.INVALID_REPLICATION_FACTOR: "the cluster has fewer brokers: give --replication a smaller number",
    KafkaError.POLICY_VIOLATION: "the cluster's policy forbids that: ask who runs it, or make the topics there",
    KafkaError.NOT_ENOUGH_REPLICAS: "too few replicas are in sync: bring the missing brokers back",
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND: "too few replicas are in sync: bring the missing brokers back",
    KafkaError.MSG_SIZE_TOO_LARGE: "the record is too large: raise max.message.bytes of the topic and "
    "message.max.bytes of the client, or find out why it is so large",
    KafkaError._QUEUE_FULL: "the broker takes records more slowly than they come: it is slow or not reachable",
    KafkaError._AUTO_OFFSET_RESET: "the committed position is no longer in the topic: records were deleted before they "
    "were read. Raise the retention; to go on, use kafka-consumer-groups.sh --reset-offsets",
    KafkaError.OFFSET_OUT_OF_RANGE: "the position is no longer in the topic: records were deleted before they were "
    "read; raise the topic's retention",
    KafkaError._MAX_POLL_EXCEEDED: "a batch took longer than max.poll.interval.ms: look for what blocks the worker",
}


def redact(options: Mapping[str, Any]) -> dict[str, str]:
    """Return options fit for printing: values that are or may hold secrets are hidden."""
    return {name: _shown(name, value) for name, value in options.items()}


def _shown(name: str, value: object) -> str:
    if callable(value):
        return "(function)"
    if name.lower() not in _HARMLESS and _SECRET.search(name.lower()):
        return HIDDEN
    return _USER_INFO.sub(HIDDEN, str(value))


def describe_error(error: KafkaError) -> str:
    """Say what happened and, where it is known, what to do about it."""
    what = f"Kafka: {error.str()} ({error.name()})"
    advice = _ADVICE.get(error.code())
    return f"{what}; {advice}" if advice else what
