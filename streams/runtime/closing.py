"""When a worker looks for transactions that a broker has forgotten to close, and what it does about them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Producer

from streams.kafka.client import producer_options
from streams.kafka.forgotten import Forgotten, Stands, unchanged

log = logging.getLogger("sms-streams.runtime")

_TIMED_OUT_S = 20.0
"""Brokers look only every ten seconds for transactions that have had their time."""
_ADVICE = (
    "%s-%s: nothing is read from offset %s on: a transaction stays open there, and the brokers will not end it. If it "
    "is of a worker that runs no more, start that once under its --instance; else see docs/runtime.md, "
    '"Forgotten transactions"'
)


class Closing:
    """Looks at the start of a producer, and now and then; closes what may be closed, and tells of the rest once."""

    def __init__(self, forgotten: Forgotten, kafka: Mapping[str, Any]) -> None:
        """Look by `forgotten`, as seldom as a live transaction may last by the options `kafka`."""
        self._forgotten = forgotten
        longest_s = float(producer_options(kafka, transactional_id="any")["transaction.timeout.ms"]) / 1_000
        self._every_s = longest_s + _TIMED_OUT_S
        self._next_s = time.monotonic() + self._every_s
        self._seen: Stands = {}
        self._tried: Stands = {}
        self._told: Stands = {}

    def at_start(self, producer: Producer) -> None:
        """Close what the last producer of this name left open; `KafkaException` where that fails.

        Before anything else is written there: if that were aborted, so would be what was committed before.
        """
        self._close(self._forgotten.look_twice(), producer)

    def now_and_then(self, producer: Producer) -> None:
        """Look whether it is time to, between two transactions; `KafkaException` where closing fails."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + self._every_s
        seen = self._forgotten.look()
        stands, self._seen = unchanged(self._seen, seen), seen
        if self._close(stands, producer):
            stands = unchanged(stands, self._forgotten.look())
        for (topic, number), offset in stands.items() - self._told.items():
            log.error(_ADVICE, topic, number, offset)
        self._told = stands

    def _close(self, stands: Stands, producer: Producer) -> bool:
        """Close what has not been tried before and may be closed; tell whether there was anything."""
        fresh = dict(stands.items() - self._tried.items())
        if not fresh or not self._forgotten.can_be_closed():
            return False
        where = ", ".join(f"{topic}-{number}" for topic, number in sorted(fresh))
        log.warning("the broker has left a transaction open in %s: ending it", where)
        self._forgotten.close(fresh, producer)
        self._tried = stands
        log.warning("ended what the broker had left open in %s", where)
        return True
