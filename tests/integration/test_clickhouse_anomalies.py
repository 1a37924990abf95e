"""Route health and anomalies in the tables: every field, heartbeats left out, the newest record of each holds."""

from __future__ import annotations

from typing import Any

import pytest

from streams.clickhouse.backend import Database
from streams.clickhouse.loader import Block, write
from streams.codec.avro import Decoder, Encoder
from streams.events import ANOMALY, ROUTE_HEALTH, Anomaly, RouteHealth
from streams.health.heartbeat import heartbeat
from tests.contract.examples import examples

from .records import T0


def full(topic: str) -> dict[str, Any]:
    return dict(next(example for example in examples() if example.name == f"{topic}/full").record)


def load(db: Database, topic: str, records: list[Any], token: str) -> None:
    encoder, places = Encoder(topic), range(len(records))
    values: list[bytes | None] = [encoder.encode(record) for record in records]
    write(db, Decoder(topic), 0, Block([*places], [T0 + n for n in places], [None for _ in places], values), token)


def health(window: int, **fields: Any) -> RouteHealth:
    start_ms = T0 + window * 10_000
    route: dict[str, Any] = {"account": "acme", "provider": "aurora", "country": "FR", "traffic_type": "otp"}
    return heartbeat(fields.pop("source_partition", 0), start_ms + 11_000)._replace(
        window_start_ms=start_ms, **route, **fields
    )


def anomaly(anomaly_id: str, revision: int, state: str, **fields: Any) -> Anomaly:
    example = full(ANOMALY)
    known = {"anomaly_id": anomaly_id, "revision": revision, "state": state, "first_seen_ms": T0} | fields
    return Anomaly(**{**example, **known})


@pytest.mark.parametrize(("topic", "table"), [(ROUTE_HEALTH, "route_health"), (ANOMALY, "anomalies")])
def test_every_field_of_a_record_is_in_the_table(db: Database, topic: str, table: str) -> None:
    record = full(topic)
    load(db, topic, [record], f"full-{table}")
    row = db.query(f"SELECT * FROM sms.{table}").dicts()[0]
    for name, value in record.items():
        column = name.removesuffix("_ms") if name.removesuffix("_ms") in row else name
        if isinstance(value, int | float | str) and column == name:
            assert row[column] == value, name
        elif isinstance(value, dict):
            assert dict(row[column]) == value, name
        else:
            assert row[column] is not None or value is None, name


def test_heartbeats_are_not_loaded(db: Database) -> None:
    load(db, ROUTE_HEALTH, [heartbeat(3, T0), health(0, submits=4), heartbeat(3, T0 + 10_000)], "beats")
    assert db.query("SELECT count(), sum(submits) FROM sms.route_health").rows == [(1, 4)]
    load(db, ROUTE_HEALTH, [heartbeat(3, T0 + 20_000)], "beats alone")
    assert db.query("SELECT count() FROM sms.route_health").rows == [(1,)]


def test_what_is_told_again_replaces_what_was_told_and_source_partitions_add_up(db: Database) -> None:
    first = health(0, submits=4, failure_reasons={"expired": 1})
    again = health(0, submits=5, failure_reasons={"expired": 2})._replace(stream_time_ms=T0 + 16_000)
    other = health(0, source_partition=1, submits=7, failure_reasons={"absent_subscriber": 3})
    load(db, ROUTE_HEALTH, [first, other], "a")
    load(db, ROUTE_HEALTH, [again], "b")
    load(db, ROUTE_HEALTH, [first], "read again")
    rows = db.query("SELECT submits, failure_reasons FROM sms.route_health_windows").rows
    assert [(submits, dict(reasons)) for submits, reasons in rows] == [(12, {"absent_subscriber": 3, "expired": 2})]


def test_open_anomalies_are_those_whose_last_revision_is_not_resolved(db: Database) -> None:
    told = [
        anomaly("a", 0, "opened", severity="warning", stream_time_ms=T0 + 20_000),
        anomaly("b", 0, "opened", severity="critical", stream_time_ms=T0 + 30_000),
        anomaly("a", 1, "updated", severity="critical", stream_time_ms=T0 + 40_000, last_seen_ms=T0 + 40_000),
        anomaly("b", 1, "resolved", severity="critical", stream_time_ms=T0 + 50_000),
        anomaly("a", 0, "opened", severity="warning", stream_time_ms=T0 + 20_000),  # written again after a crash
    ]
    load(db, ANOMALY, told, "told")
    rows = db.query(
        "SELECT anomaly_id, severity, lasted_s, toUnixTimestamp64Milli(opened_at) FROM sms.anomalies_open"
    ).rows
    assert rows == [("a", "critical", 40, T0 + 20_000)]
    assert db.query("SELECT count() FROM sms.anomaly_latest").rows == [(2,)]
