"""Every codec turns the golden examples into their bytes and back, in both framings; older and newer writers too.

The schema registry is a fake behind the codecs' own interface: what is tested is the framing and what becomes of a
record whose schema is known, unknown or not to be had. The real client is confluent-kafka's.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import events
from streams.codec import schemas as schema_module
from streams.codec.avro import RECORD_TYPES, Decoder, Encoder
from streams.codec.schemas import AvroSchema, known_headers, parsed_schema, reader_schema, single_object_header
from tests.contract.examples import Evolved, Example, FakeRegistry, confluent, evolved, examples, topics

EXAMPLES = examples()
EVOLVED = evolved()
GARBAGE = b"{not avro}"
REFERENCE_ONLY = (events.DEAD_LETTER, events.ROUTE_HEALTH)
"""Topics with bytes fields, which the fast decoder does not know; few records, so nothing is lost."""


def by_topic(topic: str) -> list[Example]:
    return [example for example in EXAMPLES if example.topic == topic]


def dicts(topic: str, batch: Any) -> list[dict[str, Any]]:
    """Rows of a decoded batch as mappings; Arrow gives a map as a list of pairs."""
    maps = {f["name"] for f in reader_schema(topic)["fields"] if isinstance(f["type"], dict) and "values" in f["type"]}
    return [{name: dict(value) if name in maps else value for name, value in row.items()} for row in batch.to_pylist()]


def read(topic: str, values: list[bytes | None], registry: FakeRegistry | None = None) -> list[dict[str, Any]]:
    decoded = Decoder(topic, registry).columns(values)
    assert decoded.bad == []
    return dicts(topic, decoded.batch)


# ---- golden examples ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_fastavro_agrees_with_the_example(example: Example) -> None:
    written = io.BytesIO()
    fastavro.schemaless_writer(written, parsed_schema(example.topic), example.given)
    assert written.getvalue() == example.body
    assert fastavro.schemaless_reader(io.BytesIO(example.body), parsed_schema(example.topic), None) == example.record


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_single_object_framing_is_the_schemas_fingerprint_and_the_body(example: Example) -> None:
    assert example.value == single_object_header(reader_schema(example.topic)) + example.body
    assert example.value[:2] == b"\xc3\x01"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_an_example_alone_is_decoded(example: Example) -> None:
    assert read(example.topic, [example.value]) == [example.record]


@pytest.mark.parametrize("topic", topics())
def test_a_batch_of_one_writer_goes_the_fast_way(topic: str) -> None:
    batch = by_topic(topic)
    decoded = Decoder(topic).columns([example.value for example in batch])
    by_reference = decoded.good is not None
    assert by_reference == (topic in REFERENCE_ONLY)
    assert dicts(topic, decoded.batch) == [example.record for example in batch]


@pytest.mark.parametrize("topic", topics())
def test_fast_and_reference_path_give_the_same_columns(topic: str) -> None:
    values: list[bytes | None] = [example.value for example in by_topic(topic)]
    fast = Decoder(topic).columns(values)
    slow = Decoder(topic).columns([*values, GARBAGE])  # one bad record sends the batch down the reference path
    assert slow.good == list(range(len(values)))
    assert slow.batch.schema.names == fast.batch.schema.names == [f["name"] for f in reader_schema(topic)["fields"]]
    assert dicts(topic, slow.batch) == dicts(topic, fast.batch)


@pytest.mark.parametrize("topic", sorted(RECORD_TYPES))
def test_rows_are_the_records_of_streams_events(topic: str) -> None:
    batch = by_topic(topic)
    rows, good, bad = Decoder(topic).rows([example.value for example in batch])
    assert rows == [RECORD_TYPES[topic](example.record.values()) for example in batch]
    assert good in (None, list(range(len(batch))))
    assert bad == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_the_encoder_gives_the_bytes_of_the_example(example: Example) -> None:
    encoder = Encoder(example.topic)
    assert encoder.encode(example.record) == example.value
    if example.topic in RECORD_TYPES:
        assert encoder.encode(RECORD_TYPES[example.topic](example.record.values())) == example.value


def test_an_empty_batch_has_the_columns_and_no_rows() -> None:
    decoded = Decoder(events.SUBMIT).columns([])
    assert decoded.batch.num_rows == 0
    assert decoded.batch.schema.names == [f["name"] for f in reader_schema(events.SUBMIT)["fields"]]


# ---- Confluent framing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_with_a_registry_the_framing_is_confluents(example: Example) -> None:
    registry = FakeRegistry()
    value = Encoder(example.topic, registry).encode(example.record)
    assert value == confluent(1, example.body)
    assert registry.subjects == [f"{example.topic}-value"]
    assert read(example.topic, [value], registry) == [example.record]


def test_both_framings_in_one_batch_are_told_apart_by_their_first_bytes() -> None:
    batch = by_topic(events.SUBMIT)
    registry = FakeRegistry([reader_schema(events.SUBMIT)])
    values = [confluent(1, e.body) if n % 2 else e.value for n, e in enumerate(batch)]
    assert read(events.SUBMIT, [*values], registry) == [example.record for example in batch]


def test_a_registry_is_asked_once_for_each_schema() -> None:
    registry = FakeRegistry([reader_schema(events.SUBMIT)])
    decoder = Decoder(events.SUBMIT, registry)
    for example in by_topic(events.SUBMIT):
        decoder.columns([confluent(1, example.body), GARBAGE])
    assert registry.lookups == 1


class RegistryDown(FakeRegistry):
    """A registry that does not answer."""

    def schema(self, schema_id: int) -> AvroSchema:
        raise ConnectionError("the schema registry does not answer")


def test_a_registry_that_does_not_answer_stops_the_batch_and_condemns_no_record() -> None:
    example = by_topic(events.SUBMIT)[0]
    for batch in ([confluent(1, example.body)], [GARBAGE, confluent(1, example.body), example.value]):
        with pytest.raises(ConnectionError):
            Decoder(events.SUBMIT, RegistryDown()).columns([*batch])


# ---- what cannot be read -----------------------------------------------------------------------------------------

USUAL = next(e for e in EXAMPLES if e.name == "sms.submit/minimal")
VALUE, BODY = USUAL.value, USUAL.body


@pytest.mark.parametrize(
    ("value", "reason", "says"),
    [
        (None, "not_avro", "no value"),
        (b"", "not_avro", "neither Confluent framing"),
        (GARBAGE, "not_avro", "neither Confluent framing"),
        (VALUE[:-3], "not_avro", "does not decode"),
        (VALUE[:10], "not_avro", "does not decode"),
        (VALUE[:6], "unknown_schema", "fingerprint"),
        (b"\xc3\x01" + b"\xab" * 8 + BODY, "unknown_schema", "abababababababab"),
        (confluent(99, BODY), "unknown_schema", "no schema 99"),
    ],
)
def test_what_cannot_be_read_is_named_and_holds_nothing_up(value: bytes | None, reason: str, says: str) -> None:
    good = by_topic(events.SUBMIT)[1]
    decoded = Decoder(events.SUBMIT, FakeRegistry()).columns([good.value, value, good.value])
    assert dicts(events.SUBMIT, decoded.batch) == [good.record, good.record]
    assert decoded.good == [0, 2]
    ((position, told, detail),) = decoded.bad
    assert (position, told) == (1, reason)
    assert says in detail


@settings(max_examples=300)
@given(st.sampled_from([e for e in EXAMPLES if e.topic == events.SUBMIT]), st.data())
def test_a_damaged_record_never_stops_its_neighbours(example: Example, data: st.DataObject) -> None:
    body = bytearray(example.body)
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.sampled_from([len(body), data.draw(st.integers(0, len(body)))]))
    decoded = Decoder(events.SUBMIT).columns([VALUE, example.value[:10] + bytes(body[:end]), VALUE])
    rows = dicts(events.SUBMIT, decoded.batch)
    assert len(rows) + len(decoded.bad) == 3
    assert rows[0] == rows[-1] == USUAL.record


def test_an_int_of_more_than_32_bits_is_refused_and_its_neighbours_are_read() -> None:
    attempt = VALUE.index(b"\x02", len(VALUE) - len(BODY) + len("default" + USUAL.record["message_id"]))  # 1, zigzag
    wide = VALUE[:attempt] + b"\xfe\xff\xff\xff\xff\x01" + VALUE[attempt + 1 :]
    decoded = Decoder(events.SUBMIT).columns([VALUE, wide, GARBAGE, VALUE])
    assert decoded.good == [0, 3]
    assert [(bad.position, bad.reason) for bad in decoded.bad] == [(1, "not_avro"), (2, "not_avro")]


def test_confluent_framing_without_a_registry_says_which_setting_is_missing() -> None:
    (bad,) = Decoder(events.SUBMIT).columns([confluent(1, BODY)]).bad
    assert bad.reason == "unknown_schema"
    assert "schema_registry.url" in bad.detail


def test_strings_that_are_not_utf8_are_refused_by_both_paths() -> None:
    message_id = USUAL.record["message_id"].encode()
    broken = VALUE.replace(message_id, b"\xff" * len(message_id))
    assert broken != VALUE
    for batch in ([broken], [broken, GARBAGE]):
        assert Decoder(events.SUBMIT).columns([*batch]).bad[0].reason == "not_avro"


# ---- older and newer writers -------------------------------------------------------------------------------------


@pytest.fixture
def writers_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the fixtures' writer schemas lay in schemas/versions/."""
    known = {single_object_header(item.writer): item.writer for item in EVOLVED}
    monkeypatch.setattr(schema_module, "known_headers", lambda: known_headers() | known)


@pytest.mark.usefixtures("writers_known")
@pytest.mark.parametrize("item", EVOLVED, ids=lambda e: e.name)
def test_another_writers_record_is_read_as_todays(item: Evolved) -> None:
    reference = fastavro.schemaless_reader(io.BytesIO(item.body), item.writer, reader_schema(item.topic))
    assert reference == item.record
    assert read(item.topic, [item.value]) == [item.record]
    both = Decoder(item.topic).columns([item.value, GARBAGE])
    assert dicts(item.topic, both.batch) == [item.record]


@pytest.mark.parametrize("item", EVOLVED, ids=lambda e: e.name)
def test_another_writers_record_is_read_with_a_registry_too(item: Evolved) -> None:
    registry = FakeRegistry([reader_schema(item.topic), item.writer])
    today = by_topic(item.topic)[0]
    values: list[bytes | None] = [confluent(1, today.body), confluent(2, item.body)]
    assert read(item.topic, values, registry) == [today.record, item.record]


@pytest.mark.parametrize("item", [e for e in EVOLVED if "int-time" not in e.name], ids=lambda e: e.name)
def test_readers_of_another_version_read_what_we_write(item: Evolved) -> None:
    reader = {field["name"]: field for field in item.writer["fields"]}
    ours = {field["name"] for field in reader_schema(item.topic)["fields"]}
    for example in by_topic(item.topic):
        seen: Any = fastavro.schemaless_reader(io.BytesIO(example.body), reader_schema(item.topic), item.writer)
        assert set(seen) == set(reader)
        for name, value in seen.items():
            symbols = reader[name]["type"].get("symbols") if isinstance(reader[name]["type"], dict) else None
            if name not in ours:
                assert value == reader[name]["default"], name
            elif symbols and example.record[name] not in symbols:
                assert value == reader[name]["type"]["default"], name
            else:
                assert value == example.record[name], name


@pytest.fixture
def versions_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A schema folder of our own, with nothing in it."""
    monkeypatch.setattr(schema_module, "schemas_dir", lambda: tmp_path)
    known_headers.cache_clear()
    yield tmp_path / "versions" / "sms.submit"
    known_headers.cache_clear()


def test_a_schema_file_put_into_versions_makes_its_writers_readable(versions_folder: Path) -> None:
    older = next(item for item in EVOLVED if item.name == "sms.submit.older")
    assert single_object_header(older.writer) not in known_headers()
    versions_folder.mkdir(parents=True)
    (versions_folder / "0.avsc").write_text(json.dumps(older.writer))
    known_headers.cache_clear()
    assert known_headers()[single_object_header(older.writer)] == older.writer
