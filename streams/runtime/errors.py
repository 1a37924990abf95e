"""Why a worker ends, and which of Kafka's errors mean what."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException

from streams.kafka.messages import describe_error

log = logging.getLogger("sms-streams.runtime")


class FencedError(RuntimeError):
    """Another worker has taken this one's place."""

    def __init__(self) -> None:
        """Say what happened and what to do."""
        super().__init__(
            "another worker has taken this one's place: either it runs under the same instance name (give each its "
            "own, --instance), or this one stood still for longer than transaction.timeout.ms. Nothing is lost or "
            "doubled; start it again if it was the latter"
        )


class TopicsError(RuntimeError):
    """The topics are not as they must be; the message says what to do."""


class TooManyDeadLettersError(RuntimeError):
    """More of the input is unusable than configured: something is wrong upstream."""


_FENCED = {KafkaError._FENCED, KafkaError.FENCED_INSTANCE_ID, KafkaError.PRODUCER_FENCED}
_TEMPORARY = {
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._RESOLVE,
    KafkaError._WAIT_COORD,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError.UNSTABLE_OFFSET_COMMIT,
    KafkaError._MAX_POLL_EXCEEDED,  # the partitions are lost, which the client says separately
}


def is_fenced(error: KafkaError) -> bool:
    """Tell whether another worker has this one's name.

    A consumer that was fenced says so only once; afterwards all its errors are "fatal", with the cause in the text.
    """
    return error.code() in _FENCED or (error.code() == KafkaError._FATAL and "fenced" in str(error.str()).lower())


def is_temporary(error: KafkaError) -> bool:
    """Tell whether it is worth waiting: a broker is away or busy, the cluster elects."""
    return error.retriable() or (error.code() in _TEMPORARY and not error.fatal())


def raise_for(error: KafkaError) -> None:
    """Raise what a worker must end with; return where it is worth waiting."""
    if is_fenced(error):
        raise FencedError
    if not is_temporary(error):
        raise KafkaException(error)


T = TypeVar("T")
_PAUSE_S = 0.5


def patiently(what: str, stopping: Callable[[], bool], call: Callable[..., T], *arguments: Any) -> T:
    """Make a call to Kafka again and again while the cluster is away, until told to stop."""
    while True:
        try:
            return call(*arguments)
        except KafkaException as error:
            cause = error.args[0]
            if is_fenced(cause):
                raise FencedError from error
            if not is_temporary(cause) or cause.txn_requires_abort() or stopping():
                raise
            log.warning("%s: Kafka does not answer, trying again: %s", what, describe_error(cause))
            time.sleep(_PAUSE_S)
