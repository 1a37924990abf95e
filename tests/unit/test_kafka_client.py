"""Client options: everything passes through but what would break a guarantee; secrets are never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient

from streams.kafka import topic_admin
from streams.kafka.client import (
    KafkaUnavailable,
    OptionRefused,
    admin_options,
    consumer_options,
    describe_error,
    producer_options,
    redact,
)
from streams.kafka.embedded import EmbeddedBroker, EmbeddedBrokerError

SASL = {
    "bootstrap.servers": "k:9093",
    "security.protocol": "sasl_ssl",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "sms",
    "sasl.password": "hunter2",
}


def test_what_the_user_says_reaches_every_client() -> None:
    for options in (consumer_options(SASL, group_id="g"), producer_options(SASL), admin_options(SASL)):
        assert SASL.items() <= options.items()


def test_options_of_one_kind_reach_only_that_kind() -> None:
    user = {"consumer.fetch.min.bytes": 5, "producer.linger.ms": 7, "admin.client.id": "boss"}
    assert consumer_options(user, group_id="g")["fetch.min.bytes"] == 5
    assert producer_options(user)["linger.ms"] == 7
    assert admin_options(user)["client.id"] == "boss"
    assert "linger.ms" not in consumer_options(user, group_id="g")
    assert not [name for name in producer_options(user) if name.startswith(("consumer.", "admin.", "fetch"))]


def test_the_client_library_takes_our_options() -> None:
    Consumer(consumer_options({}, group_id="g", instance_id="i")).close()
    Consumer(consumer_options({"group.protocol": "consumer"}, group_id="g")).close()
    Producer(producer_options({}, transactional_id="t"))
    AdminClient(admin_options({}))


def test_defaults_that_the_guarantees_rest_on() -> None:
    consumer = consumer_options({}, group_id="g")
    assert consumer["partition.assignment.strategy"] == "range"
    assert consumer["isolation.level"] == "read_committed"
    assert consumer["enable.auto.commit"] is False
    assert producer_options({}, transactional_id="t")["transaction.timeout.ms"] == 10_000
    assert producer_options({})["partitioner"] == "murmur2_random"
    assert "transactional.id" not in producer_options({})


def test_the_new_group_protocol_gets_the_servers_range_assignor() -> None:
    options = consumer_options({"group.protocol": "consumer"}, group_id="g")
    assert options["group.remote.assignor"] == "range"
    assert not {"partition.assignment.strategy", "session.timeout.ms"} & set(options)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("partition.assignment.strategy", "range,roundrobin"),
        ("consumer.partition.assignment.strategy", "roundrobin"),
        ("group.remote.assignor", "uniform"),
        ("isolation.level", "read_uncommitted"),
        ("enable.auto.commit", True),
        ("enable.auto.commit", "true"),
        ("enable.partition.eof", "false"),
        ("auto.offset.reset", "latest"),
        ("group.id", "mine"),
    ],
)
def test_a_consumer_option_that_breaks_a_guarantee_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(OptionRefused, match=name.removeprefix("consumer.")):
        consumer_options({name: value}, group_id="g")


@pytest.mark.parametrize(
    ("name", "value"),
    [("enable.idempotence", "false"), ("acks", 1), ("partitioner", "random"), ("transactional.id", "mine")],
)
def test_a_producer_option_that_breaks_a_guarantee_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(OptionRefused, match=name):
        producer_options({name: value})


def test_saying_what_holds_anyway_is_no_error() -> None:
    user = {"isolation.level": "READ_COMMITTED", "enable.auto.commit": "false", "acks": "-1"}
    assert consumer_options(user, group_id="g")["enable.auto.commit"] == "false"


@pytest.mark.parametrize(
    "name",
    [
        "sasl.password",
        "ssl.key.password",
        "ssl.keystore.password",
        "ssl.key.pem",
        "sasl.oauthbearer.config",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "basic.auth.user.info",
        "producer.sasl.password",
        "bearer.auth.token",
    ],
)
def test_secrets_are_hidden(name: str) -> None:
    assert "hunter2" not in str(redact({name: "hunter2"}))


def test_what_is_no_secret_is_shown() -> None:
    shown: dict[str, Any] = {"bootstrap.servers": "k:9092", "sasl.username": "sms", "ssl.key.location": "/k.pem"}
    assert redact(shown) == shown
    assert redact({"url": "https://user:hunter2@registry"}) == {"url": "https://(hidden)@registry"}
    assert redact({"on_delivery": print}) == {"on_delivery": "(function)"}


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (KafkaError._ALL_BROKERS_DOWN, "bootstrap.servers"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, "sms-streams topics create"),
        (KafkaError._AUTHENTICATION, "sasl.password"),
        (KafkaError._FENCED, "instance"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "ACL"),
    ],
)
def test_an_error_says_what_to_do(code: int, advice: str) -> None:
    assert advice in describe_error(KafkaError(code))


def test_a_cluster_out_of_reach_is_one_clear_error() -> None:
    options = {"bootstrap.servers": "127.0.0.1:1", "admin.socket.timeout.ms": 500, "log_level": 0}
    with pytest.raises(KafkaUnavailable, match=r"bootstrap\.servers"):
        topic_admin.check(options, wait_s=1.0)


def test_an_embedded_broker_keeps_its_records_and_its_folder_to_itself(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path) as broker:
        assert broker.running
        topic_admin.create({"bootstrap.servers": broker.bootstrap}, partitions=1)
        with pytest.raises(EmbeddedBrokerError, match="already runs"):
            EmbeddedBroker(tmp_path).start()
        with pytest.raises(EmbeddedBrokerError, match="in use"):
            EmbeddedBroker(tmp_path / "other", port=int(broker.bootstrap.split(":")[1])).start()
    assert not broker.running
    with pytest.raises(EmbeddedBrokerError, match="not running"):
        _ = broker.bootstrap
    with EmbeddedBroker(tmp_path) as broker:
        assert topic_admin.check({"bootstrap.servers": broker.bootstrap}, partitions=1) == []
