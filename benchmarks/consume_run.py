"""Consuming and decoding alone, with the worker's client and codec: what no worker can get below.

`benchmarks.bench` starts it: `python -m benchmarks.consume_run BOOTSTRAP PREFIX RECORDS LAST CORE`.
"""

from __future__ import annotations

import gc
import json
import sys
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.traffic import INPUTS
from benchmarks.usage import Window, bind_to, usage
from streams.codec.avro import Decoder
from streams.kafka.client import consumer_options
from streams.settings import CorrelateSettings

_BATCH = CorrelateSettings().batch_events
_EMPTY_ROUNDS = 30


def run(consumer: Consumer, prefix: str, records: int, window: Window) -> dict[str, Any]:
    """Read `records` from all partitions of the inputs and decode them by the batch."""
    known = consumer.list_topics(timeout=30).topics
    topics = {prefix + topic: Decoder(topic).rows for topic in INPUTS}
    consumer.assign([TopicPartition(t, p, OFFSET_BEGINNING) for t in topics for p in known[t].partitions])
    done = empty = 0
    while done < records:
        before = usage()
        values: dict[str, list[bytes | None]] = {topic: [] for topic in topics}
        messages: list[Any] = consumer.consume(_BATCH, 1.0)
        for message in messages:
            if message.error() is None:
                values[message.topic()].append(message.value())
        decoded = 0
        for topic, found in values.items():
            if found:
                rows, _, bad = topics[topic](found)
                if bad:
                    raise RuntimeError(f"{topic}: {bad[0].detail}")
                decoded += len(rows)
        done += decoded
        empty = 0 if decoded else empty + 1
        if empty > _EMPTY_ROUNDS:
            raise TimeoutError(f"only {done} of {records} records came")
        if done:
            window.begin(before)
        window.mark(done)
    return window.result()


def main(arguments: list[str]) -> None:
    """Run as the module's docstring says."""
    bootstrap, prefix, records, last, core = arguments
    bind_to(core)
    gc.disable()  # as the worker does
    options = {"bootstrap.servers": bootstrap, "queued.min.messages": "50000"}
    consumer = Consumer(consumer_options(options, group_id=prefix + "consume-alone"))
    try:
        print(json.dumps(run(consumer, prefix, int(records), Window(int(last)))))
    finally:
        consumer.close()


if __name__ == "__main__":
    main(sys.argv[1:])
