"""Options for confluent-kafka clients: the user's own, our defaults, and what may not be changed.

Every librdkafka option passes through. An option that starts with ``consumer.``, ``producer.`` or ``admin.`` goes to
clients of that kind only (``consumer.fetch.min.bytes``); the others go to all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from streams.kafka.messages import describe_error, redact

__all__ = [
    "KafkaUnavailable",
    "OptionRefused",
    "Options",
    "admin_options",
    "consumer_options",
    "describe_error",
    "producer_options",
    "redact",
    "refuse_unsafe",
]

Options = dict[str, Any]
TRANSACTION_TIMEOUT_MS = 10_000  # readers of a killed worker's open transaction wait this long at most
SESSION_TIMEOUT_MS = 10_000  # a killed worker's partitions move after this long
PARTITIONER = "murmur2_random"  # what Java clients do; all writers of co-partitioned topics must agree

_KINDS = ("consumer.", "producer.", "admin.")
_COMMON: Options = {"client.id": "sms-streams", "socket.keepalive.enable": True}
_CONSUMER: Options = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
    "queued.min.messages": 200_000,
    "queued.max.messages.kbytes": 131_072,
    "fetch.wait.max.ms": 100,
    "max.partition.fetch.bytes": 4_194_304,
}
_CLASSIC_GROUP: Options = {  # the new group protocol refuses these: there the broker decides
    "partition.assignment.strategy": "range",
    "session.timeout.ms": SESSION_TIMEOUT_MS,
}
_PRODUCER: Options = {
    "acks": "all",
    "enable.idempotence": True,
    "partitioner": PARTITIONER,
    "compression.type": "lz4",
    "linger.ms": 20,
    "batch.num.messages": 50_000,
    "batch.size": 1_000_000,
    "queue.buffering.max.messages": 2_000_000,
    "queue.buffering.max.kbytes": 1_048_576,
}


class OptionRefused(ValueError):
    """A client option that would break a guarantee; the message says which and why."""


class KafkaUnavailable(RuntimeError):
    """The cluster cannot be reached or refuses us; the message says what to do."""


def consumer_options(user: Mapping[str, Any], *, group_id: str, instance_id: str = "") -> Options:
    """Options for a consumer of `group_id`; an `instance_id` makes it a static member (keeps its partitions)."""
    own = _for_kind(user, "consumer.")
    refuse_unsafe(own)
    options = _COMMON | _CONSUMER
    options |= {"group.remote.assignor": "range"} if _new_protocol(own) else _CLASSIC_GROUP
    options |= own | {"group.id": group_id}
    if instance_id:
        options["group.instance.id"] = instance_id
    return options


def producer_options(user: Mapping[str, Any], *, transactional_id: str = "") -> Options:
    """Options for a producer, transactional if it gets an id: one stable id for each worker instance."""
    own = _for_kind(user, "producer.")
    refuse_unsafe(own)
    options = _COMMON | _PRODUCER | own
    if transactional_id:
        options["transactional.id"] = transactional_id
        options.setdefault("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS)
    return options


def admin_options(user: Mapping[str, Any]) -> Options:
    """Options for an admin client."""
    own = _for_kind(user, "admin.")
    refuse_unsafe(own)
    return _COMMON | own


def _for_kind(user: Mapping[str, Any], kind: str) -> Options:
    common = {name: value for name, value in user.items() if not name.startswith(_KINDS)}
    return common | {name.removeprefix(kind): value for name, value in user.items() if name.startswith(kind)}


def _new_protocol(options: Mapping[str, Any]) -> bool:
    return _text(options.get("group.protocol", "")) == "consumer"


# ---- what may not be changed -------------------------------------------------------------------------------------


def _text(value: object) -> str:
    return str(value).strip().lower()


def _unless(*allowed: str) -> Callable[[str], bool]:
    return lambda value: value not in allowed


_FALSE, _TRUE = ("false", "0", "f"), ("true", "1", "t")
_CO_PARTITION = (
    "must be range: it gives one worker the same partition numbers of all topics; with any other, the events of one "
    "message end up in different workers"
)
_UNSAFE: dict[str, tuple[Callable[[str], bool], str]] = {
    "partition.assignment.strategy": (_unless("range"), _CO_PARTITION),
    "group.remote.assignor": (_unless("range"), _CO_PARTITION),
    "isolation.level": (_unless("read_committed"), "must be read_committed: else aborted records are read"),
    "enable.auto.commit": (_unless(*_FALSE), "must be false: offsets are committed with the results"),
    "enable.auto.offset.store": (_unless(*_FALSE), "must be false: offsets are committed with the results"),
    "enable.partition.eof": (_unless(*_TRUE), "must be true: it tells when an input is read to its end"),
    "auto.offset.reset": (
        _unless("earliest", "smallest", "beginning", "error"),
        "must be earliest or error: anything else skips records in silence (to skip on purpose, stop the workers and "
        "use kafka-consumer-groups.sh --reset-offsets)",
    ),
    "enable.idempotence": (_unless(*_TRUE), "must be true: else a retry doubles records"),
    "acks": (_unless("all", "-1"), "must be all: else an acknowledged record can be lost with one broker"),
    "request.required.acks": (_unless("all", "-1"), "must be all: else an acknowledged record can be lost"),
    "partitioner": (
        _unless("murmur2", "murmur2_random", "consistent", "consistent_random", "fnv1a", "fnv1a_random"),
        "must choose the partition by the key, as all other writers of these topics do (Java: murmur2_random)",
    ),
    "transactional.id": (_unless(), "is given by each worker itself: set the worker's instance instead"),
    "group.id": (_unless(), "is given by each worker itself: set the worker's group instead"),
    "group.instance.id": (_unless(), "is given by each worker itself: set the worker's instance instead"),
}


def refuse_unsafe(options: Mapping[str, Any]) -> None:
    """Raise `OptionRefused` naming every option that would break a guarantee, and why."""
    found = [
        f'Kafka option {name}="{value}" {_UNSAFE[name][1]}'
        for name, value in options.items()
        if name in _UNSAFE and _UNSAFE[name][0](_text(value))
    ]
    if found:
        raise OptionRefused("\n".join(found))
