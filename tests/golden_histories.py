"""Loader of tests/golden/histories.jsonl: small histories and the columns that the rules give them.

Every expected value was worked out by hand from docs/status-rules.md. The same file is run through the core,
the oracle, ``replay`` and Kafka; so each history is of one message, and no two share a message_id.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from streams.events import (
    DELIVERY_REPORT,
    SUBMIT,
    SUBMIT_RESPONSE,
    DeliveryReport,
    Event,
    Submit,
    SubmitResponse,
)

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden" / "histories.jsonl"
RECORDS: dict[str, type[Submit] | type[SubmitResponse] | type[DeliveryReport]] = {
    SUBMIT: Submit,
    SUBMIT_RESPONSE: SubmitResponse,
    DELIVERY_REPORT: DeliveryReport,
}


class GoldenHistory(NamedTuple):
    """``config`` is the TOML text, ``expect`` some of the row's columns (those the history is about)."""

    name: str
    config: str
    events: list[Event]
    as_of_ms: int
    message_id: str
    expect: dict[str, Any]

    @property
    def parsed_config(self) -> dict[str, Any]:
        return tomllib.loads(self.config)


@cache
def defaults(topic: str) -> Mapping[str, Any]:
    """The optional fields of a topic's schema and what they are where they are missing."""
    schema = json.loads((ROOT / "schemas" / f"{topic}.avsc").read_text())
    return {field["name"]: field["default"] for field in schema["fields"] if "default" in field}


def event(line: Mapping[str, Any]) -> Event:
    """An event from one object of the NDJSON format; raises TypeError on a field too many or too few."""
    fields = dict(line)
    topic = fields.pop("topic")
    return RECORDS[topic](**{**defaults(topic), **fields})


def load(path: Path = GOLDEN) -> list[GoldenHistory]:
    """All histories of the file, in its order."""
    histories = []
    for line in path.read_text().splitlines():
        record = json.loads(line)
        ((message_id, expect),) = record["expect"].items()
        events = [event(e) for e in record["events"]]
        histories.append(
            GoldenHistory(record["name"], record["config"], events, record["as_of_ms"], message_id, expect)
        )
    return histories
