"""The Faust joins that `make bench` compares with: the same three topics, state and changelog on, statuses out.

The *plain* one (`--plain`) is what Faust's documentation shows: an agent a topic, fastavro as a codec, a table of
dictionaries, `await topic.send(...)`, and Faust's own settings. The *tuned* one is what somebody writes who knows Faust
and wants it fast: raw bytes in place of codecs, a table of packed bytes, messages sent without waiting, the producer's
buffer raised from 100 to 100,000 messages, larger fetches and batches, no monitor.

Both keep the table in memory, and have no web server, no debug logging and no leader topic. At-least-once, Faust's
default. Per message they do less than correlate: no timeouts, no parts, no attempts, no duplicates, and a status by the
last word that came.

    python benchmarks/peers/faust_join.py --bootstrap 127.0.0.1:9092 --prefix bench. --events 30000 --json [--plain]

Prints one JSON object: events, seconds, events per second, and CPU time (user and system of this process, all of its
threads) per event, counted from the first event to the last.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import logging
import os
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterable, Callable
from importlib.util import find_spec
from typing import Any

import fastavro
import faust
import msgspec
from confluent_kafka.admin import AdminClient, NewTopic

from streams.schemafiles import schemas_dir

SUBMIT, RESPONSE, REPORT = "sms.submit", "sms.submit-response", "sms.delivery-report"
_HEADER = {0x00: 5, 0xC3: 10}  # bytes before the Avro body: Confluent framing, single-object encoding
_OUT_HEADER = b"\xc3\x01" + bytes(8)
_FINAL = {"DELIVRD": "delivered", "ACCEPTD": "accepted", "ENROUTE": "enroute"}


def reader(topic: str) -> Callable[[bytes], dict[str, Any]]:
    """Return a function that decodes the values of a topic."""
    schema = fastavro.parse_schema(json.loads((schemas_dir() / f"{topic}.avsc").read_text()))
    read = fastavro.schemaless_reader

    def decode(value: bytes) -> dict[str, Any]:
        record: Any = read(io.BytesIO(value[_HEADER[value[0]] :]), schema, schema)
        return dict(record)

    return decode


def writer() -> Callable[[dict[str, Any]], bytes]:
    """Return a function that encodes a status record."""
    schema = fastavro.parse_schema(json.loads((schemas_dir() / "sms.message-status.avsc").read_text()))
    write = fastavro.schemaless_writer

    def encode(record: dict[str, Any]) -> bytes:
        out = io.BytesIO()
        out.write(_OUT_HEADER)
        write(out, schema, record)
        return out.getvalue()

    return encode


def status_of(submit: dict[str, Any], response: dict[str, Any] | None, report: dict[str, Any] | None) -> dict[str, Any]:
    """The full status record from the last submit, answer and report."""
    accepted = response is not None and response["code"] in ("0", "ESME_ROK", "0x00000000")
    if report is not None:
        status = _FINAL.get(report["code"], "failed")
    elif response is not None:
        status = "accepted" if accepted else "failed"
    else:
        status = submit["disposition"]
    record = {name: submit[name] for name in _COPIED}
    record["created_at_ms"] = submit["created_at_ms"] or submit["submitted_at_ms"]
    record.update(
        status=status,
        derived=False,
        settled=status in ("delivered", "failed", "excluded"),
        late=False,
        conflict=False,
        duplicate_delivery=False,
        unknown_code=False,
        reason="",
        reason_class="none",
        recipient_action="keep",
        billable_parts=submit["parts"] if accepted else 0,
        version=256 * (1 + (response is not None) + (report is not None)),
        response_code=response["code"] if response else "",
        report_code=report["code"] if report else "",
        report_err=report["err"] if report else "",
        provider_message_id=(response or report or {}).get("provider_message_id", ""),
        responded_at_ms=response["responded_at_ms"] if response else None,
        done_at_ms=report["done_at_ms"] if report else None,
        received_at_ms=report["received_at_ms"] if report else None,
    )
    return record


_COPIED = (
    *("account", "message_id", "campaign", "attempt", "provider", "sender", "recipient", "country", "traffic_type"),
    *("encoding", "parts", "submitted_at_ms", "price_micros", "currency", "attributes"),
)


class Meter:
    """Counts events, and the CPU time from the first to the last."""

    def __init__(self, wanted: int) -> None:
        """Set `done` after `wanted` events."""
        self.wanted = wanted
        self.events = 0
        self.statuses = 0
        self.done = asyncio.Event()
        self._first = self._last = (0.0, 0.0)

    def count(self) -> None:
        """One more event is processed."""
        if not self.events:
            self._first = _now()
        self.events += 1
        if self.events == self.wanted:
            self._last = _now()
            self.done.set()

    def result(self) -> dict[str, Any]:
        """What was measured."""
        complete = self.events >= self.wanted
        if not self.events:
            self._first = _now()
        cpu_s, wall_s = (
            end - start for end, start in zip(self._last if complete else _now(), self._first, strict=True)
        )
        events = min(self.events, self.wanted)
        return {
            "peer": f"faust-streaming {faust.__version__}",
            "events": events,
            "statuses": self.statuses,
            "complete": complete,
            "seconds": round(wall_s, 3),
            "events_per_s": round(events / wall_s, 1) if wall_s else 0.0,
            "cpu_us_per_event": round(cpu_s / events * 1e6, 2) if events else None,
        }


def _now() -> tuple[float, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, time.perf_counter()


def make_topics(bootstrap: str, names: list[str], like: str) -> int:
    """Make topics with as many partitions as `like` has, and return that: Faust waits for ever on missing ones."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    present = admin.list_topics(timeout=30).topics
    if like not in present:
        sys.exit(f"there is no topic {like}: fill the three input topics first, or mend --prefix")
    partitions = len(present[like].partitions)
    new = [NewTopic(name, partitions, 1) for name in names if name not in present]
    for future in (admin.create_topics(new) if new else {}).values():
        future.result(30)
    return partitions


def make_app(arguments: argparse.Namespace, app_id: str, partitions: int, meter: Meter) -> faust.App:
    """The app: three agents, one table, one output topic."""
    tuned = {} if arguments.plain else _TUNED
    app = faust.App(
        app_id,
        broker=f"kafka://{arguments.bootstrap}",
        store="memory://",
        datadir=arguments.folder,
        topic_partitions=partitions,
        topic_allow_declare=False,  # made beforehand
        topic_disable_leader=True,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        **tuned,
    )
    (_plain_agents if arguments.plain else _tuned_agents)(app, arguments.prefix, partitions, meter)
    return app


_TUNED: dict[str, Any] = {
    "stream_buffer_maxsize": 16_384,
    "consumer_max_fetch_size": 4 * 1024 * 1024,
    "producer_linger": 0.02,
    "producer_max_batch_size": 512 * 1024,
}


class _Codec(faust.Codec):
    """Avro by fastavro, as a codec of Faust's."""

    def __init__(self, decode: Callable[[bytes], Any], encode: Callable[[Any], bytes], **options: Any) -> None:
        """Translate with these functions."""
        super().__init__(decode=decode, encode=encode, **options)
        self._decode, self._encode = decode, encode

    def _dumps(self, value: Any) -> bytes:
        return self._encode(value)

    def _loads(self, data: bytes) -> Any:
        return self._decode(data)


def _plain_agents(app: faust.App, prefix: str, partitions: int, meter: Meter) -> None:
    out = app.topic(prefix + "faust-status", key_serializer="raw", value_serializer=_Codec(bytes, writer()))
    state = app.Table("state", partitions=partitions, key_type=bytes, value_type=dict)

    def agent(name: str) -> None:
        topic = app.topic(
            prefix + name, key_type=bytes, key_serializer="raw", value_serializer=_Codec(reader(name), bytes)
        )

        async def join(stream: Any) -> None:
            events: AsyncIterable[tuple[bytes, Any]] = stream.items()
            async for key, event in events:
                facts = {**(state.get(key) or {}), name: event}
                state[key] = facts
                if SUBMIT in facts:
                    await out.send(key=key, value=status_of(facts[SUBMIT], facts.get(RESPONSE), facts.get(REPORT)))
                    meter.statuses += 1
                meter.count()

        app.agent(topic, name=f"join-{name}")(join)

    for name in (SUBMIT, RESPONSE, REPORT):
        agent(name)


def _tuned_agents(app: faust.App, prefix: str, partitions: int, meter: Meter) -> None:
    out = app.topic(prefix + "faust-status", value_serializer="raw")
    state = app.Table("state", partitions=partitions, key_type=bytes, value_type=bytes)
    encode = writer()
    pack, unpack = msgspec.msgpack.encode, msgspec.msgpack.decode

    def agent(position: int, name: str) -> None:
        decode = reader(name)
        topic = app.topic(prefix + name, key_type=bytes, key_serializer="raw", value_serializer="raw", value_type=bytes)

        async def join(stream: Any) -> None:
            events: AsyncIterable[tuple[bytes, bytes]] = stream.items()
            async for key, value in events:
                packed = state.get(key)
                facts = unpack(packed) if packed else [None, None, None]
                facts[position] = decode(value)
                state[key] = pack(facts)
                if facts[0] is not None:
                    out.send_soon(key=key, value=encode(status_of(*facts)))
                    meter.statuses += 1
                meter.count()

        app.agent(topic, name=f"join-{position}")(join)

    for position, name in enumerate((SUBMIT, RESPONSE, REPORT)):
        agent(position, name)


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the join until enough events are processed or the time is over."""
    app_id = f"{arguments.prefix}faust-{uuid.uuid4().hex[:8]}"
    changelog = f"{app_id}-state-changelog"
    names = [arguments.prefix + "faust-status", changelog]
    partitions = make_topics(arguments.bootstrap, names, arguments.prefix + SUBMIT)
    meter = Meter(arguments.events)
    app = make_app(arguments, app_id, partitions, meter)
    app.finalize()
    await app.start()
    if not arguments.plain:
        app.sensors.remove(app.monitor)  # it is added while starting
        app.producer.buffer.max_messages = 100_000  # the default, 100, throttles
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(meter.done.wait(), arguments.timeout)
    result = meter.result()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(app.stop(), 30)
    return result


def main() -> int:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description="A Faust join of the three topics, measured.")
    parser.add_argument("--plain", action="store_true", help="as Faust's documentation shows it, not tuned")
    parser.add_argument("--bootstrap", required=True, help="address of a real Kafka")
    parser.add_argument("--prefix", default="", help="what the topics' names begin with")
    parser.add_argument("--events", type=int, default=30_000, help="how many events to process")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds to wait for them")
    parser.add_argument("--core", default="", help="number of the core to run on (default: any)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    if find_spec("cramjam") is None:
        sys.exit("faust_join needs the package cramjam to read lz4 records: pip install cramjam")
    if arguments.core:
        os.sched_setaffinity(0, [int(arguments.core)])
    logging.basicConfig(level=logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="sms-streams-bench-") as folder:
        arguments.folder = folder  # Faust makes empty folders of the app there
        result = asyncio.run(run(arguments))
    if arguments.json:
        print(json.dumps(result))
    else:
        print(f"{result['peer']}: {result['events']} events, {result['cpu_us_per_event']} us CPU per event")
    return 0 if result["complete"] else 1


if __name__ == "__main__":
    sys.exit(main())
