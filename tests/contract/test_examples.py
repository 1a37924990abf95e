"""The examples for people who write events: what they send is what the schemas and our own encoder say."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams.codec.avro import Encoder
from streams.codec.ndjson import parse_line
from streams.codec.schemas import reader_schema
from streams.events import DELIVERY_REPORT, SUBMIT, SUBMIT_RESPONSE
from streams.schemafiles import schemas_dir

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
INPUTS = (SUBMIT, SUBMIT_RESPONSE, DELIVERY_REPORT)


def test_plain_python_writes_the_bytes_of_our_encoder() -> None:
    spec = importlib.util.spec_from_file_location("produce_plain", EXAMPLES / "python" / "produce_plain.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    encode: Callable[[Path, dict[str, Any]], bytes] = module.encode
    for line in (EXAMPLES / "events.ndjson").read_bytes().splitlines():
        topic, event, _ = parse_line(line)
        assert encode(schemas_dir() / f"{topic}.avsc", event._asdict()) == Encoder(topic).encode(event)


def test_the_recorded_events_are_events_of_every_kind_with_fields_that_exist() -> None:
    parsed = [parse_line(line) for line in (EXAMPLES / "events.ndjson").read_bytes().splitlines()]
    assert {event.topic for event in parsed} == set(INPUTS)
    assert all(event.ignored == () for event in parsed)


@pytest.mark.parametrize("name", ["python/produce_events.py", "python/produce_plain.py", "java/ProduceEvents.java"])
def test_fields_in_the_examples_are_those_of_the_schemas(name: str) -> None:
    text = (EXAMPLES / name).read_text()
    known = {field["name"] for topic in INPUTS for field in reader_schema(topic)["fields"]}
    used = set(re.findall(r'"([a-z_]+)": ', text)) | set(re.findall(r'"([a-z]+_[a-z_]+)", (?!true)', text))
    assert {"submitted_at_ms", "responded_at_ms"} <= used
    assert used - {"shop", "partitioner"} <= known


def test_lines_that_are_no_events_are_named() -> None:
    script = EXAMPLES / "python" / "produce_ndjson.py"
    done = subprocess.run(
        [sys.executable, str(script), "127.0.0.1:1"],
        input='nonsense\n{"topic": "sms.provider-receipt"}\n{"topic": "sms.submit"}\n',
        capture_output=True,
        text=True,
        timeout=60,
        cwd=EXAMPLES.parent,
        env={"PYTHONPATH": str(EXAMPLES.parent)},
    )
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stderr.splitlines() if line.startswith("line")] == [
        "line 1",
        "line 2",
        "line 3",
    ]
