"""topics.yaml: what it must say, and how a cluster that differs is told apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streams import events
from streams.kafka.topic_admin import OK, WRONG, check, create, exit_code
from streams.kafka.topic_compare import Finding, Found, compare
from streams.kafka.topics import TopicsFileError, TopicSpec, co_partition_groups, load_topics, select, written_by
from streams.runtime.correlate import correlate_processor
from streams.runtime.processor import Processor
from streams.runtime.resolve import resolve_processor
from streams.schemafiles import schemas_dir
from streams.settings import Settings, settings_from

EVERY_TOPIC = {value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)}

INNER_TOPICS = {"sms.correlate-changelog", "sms.resolve-changelog", "sms.resolve-repartition"}
"""What the workers write for themselves."""


def test_every_topic_of_the_system_is_described_and_has_its_schema() -> None:
    topics = load_topics()
    assert set(topics) == EVERY_TOPIC | INNER_TOPICS | {"sms.detect-group", "sms.detect-changelog"}
    own = {name for name, spec in topics.items() if spec.schema == f"{name}.avsc"}
    assert own == EVERY_TOPIC
    assert topics["sms.detect-group"].schema == topics["sms.route-health"].schema


def test_every_schema_file_belongs_to_a_topic() -> None:
    assert {spec.schema for spec in load_topics().values() if spec.schema} == {
        path.name for path in schemas_dir().glob("*.avsc")
    }


def test_what_correlate_joins_and_writes_by_partition_is_co_partitioned() -> None:
    groups = co_partition_groups(load_topics())
    assert {"sms.submit", "sms.submit-response", "sms.delivery-report", "sms.correlate-changelog"} <= set(
        groups["correlate"]
    )
    assert set(groups["resolve"]) == {
        *("sms.provider-receipt", "sms.receipt-index", "sms.resolve-repartition", "sms.resolve-changelog")
    }


@pytest.mark.parametrize("make", [correlate_processor, resolve_processor])
def test_what_a_worker_writes_to_is_described_as_written_by_it(make: Callable[[Settings], Processor]) -> None:
    processor = make(settings_from({}))
    assert set(written_by(processor.name)) >= {processor.changelog, *processor.joined, *processor.others}


def test_no_revision_is_ever_compacted_away_and_the_changelog_always_is() -> None:
    topics = load_topics()
    assert topics["sms.message-status"].cleanup == "delete"
    for changelog in ("sms.correlate-changelog", "sms.resolve-changelog"):
        assert topics[changelog].settings()["cleanup.policy"] == "compact"
        assert topics[changelog].retention_ms == -1


def test_arrival_is_by_the_brokers_clock_where_strangers_write() -> None:
    for name, spec in load_topics().items():
        outside = {"senders", "gateways"} & set(spec.writers)
        assert (spec.settings().get("message.timestamp.type") == "LogAppendTime") == bool(outside), name


ONE = """
topics:
  sms.a: {meaning: m, key: [i], schema: null, partitions: 3, retention: 7d, cleanup: delete, writers: [w], readers: [r]}
"""


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("partitions: 3", "partitions: 0", "partitions must be 1 or more"),
        ("retention: 7d", "retention: week", '"forever"'),
        ("schema: null", "schema: nope.avsc", "nope.avsc is not in"),
        ("cleanup: delete", "cleanup: compact", "retention: forever"),
        ("cleanup: delete", "cleanup: shrink", r"sms.a.*cleanup|cleanup"),
        ("writers: [w]", "writers: []", "must say something"),
        ("writers: [w]", "writers: [w], config: {retention.ms: 5}", "with the field `retention`"),
        ("writers: [w]", "wirters: [w]", "wirters"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_reason(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = tmp_path / "topics.yaml"
    path.write_text(ONE)
    assert load_topics(path)["sms.a"].retention_ms == 7 * 86_400_000
    path.write_text(ONE.replace(old, new))
    with pytest.raises(TopicsFileError, match=complaint):
        load_topics(path)


def test_co_partitioned_topics_with_differing_numbers_are_refused(tmp_path: Path) -> None:
    line = ONE.strip().splitlines()[1]
    grouped = line.replace("writers", "co_partitioned: g, writers")
    path = tmp_path / "topics.yaml"
    path.write_text(
        f"topics:\n{grouped}\n{grouped.replace('sms.a', 'sms.b').replace('partitions: 3', 'partitions: 4')}"
    )
    with pytest.raises(TopicsFileError, match=r"group g needs one number of partitions, has: sms\.a 3, sms\.b 4"):
        load_topics(path)


def test_selecting_an_unknown_topic_lists_the_known_ones() -> None:
    assert list(select(load_topics(), ["sms.submit"])) == ["sms.submit"]
    with pytest.raises(TopicsFileError, match=r"sms\.submitted.*has sms\.submit,"):
        select(load_topics(), ["sms.submitted"])


# ---- comparing with a cluster ------------------------------------------------------------------------------------


def _as_described(specs: dict[str, TopicSpec]) -> dict[str, Found]:
    return {name: Found(spec.partitions, spec.settings()) for name, spec in specs.items()}


def _after(name: str, change: Callable[[Found], Found | None]) -> list[Finding]:
    specs = load_topics()
    found = _as_described(specs)
    changed = change(found.pop(name))
    return compare(specs, found | ({name: changed} if changed else {}), bootstrap="k:9092")


def _setting(**settings: str) -> Callable[[Found], Found]:
    changed = {name.replace("_", "."): value for name, value in settings.items()}
    return lambda found: Found(found.partitions, {**found.settings, **changed})


def test_a_cluster_as_described_has_no_findings() -> None:
    specs = load_topics()
    assert compare(specs, _as_described(specs)) == []


def test_the_order_of_policies_and_the_form_of_numbers_do_not_matter() -> None:
    assert _after("sms.route-health", _setting(cleanup_policy="delete,compact")) == []
    assert _after("sms.correlate-changelog", _setting(min_cleanable_dirty_ratio="0.30")) == []


def test_a_missing_topic_is_an_error_and_create_mends_it() -> None:
    [finding] = _after("sms.submit", lambda _: None)
    assert (finding.topic, finding.severity, finding.fix) == ("sms.submit", "error", "sms-streams topics create")
    assert exit_code([finding]) == WRONG


@pytest.mark.parametrize(
    ("topic", "settings", "severity"),
    [
        ("sms.message-status", {"cleanup_policy": "compact"}, "error"),
        ("sms.correlate-changelog", {"cleanup_policy": "delete"}, "error"),
        ("sms.submit", {"retention_ms": "3600000"}, "error"),  # records are gone before they are read
        ("sms.correlate-changelog", {"retention_ms": "604800000"}, "error"),
        ("sms.submit", {"retention_ms": "-1"}, "note"),  # costs disk only
        ("sms.submit", {"message_timestamp_type": "CreateTime"}, "note"),
    ],
)
def test_a_setting_that_loses_records_is_an_error_others_are_notes(
    topic: str, settings: dict[str, str], severity: str
) -> None:
    [finding] = _after(topic, _setting(**settings))
    assert finding.severity == severity
    name, value = next(iter(settings.items()))
    assert f"{name.replace('_', '.')} is {value}, topics.yaml says" in finding.problem
    assert f"--entity-name {topic}" in finding.fix
    assert "--bootstrap-server k:9092" in finding.fix
    assert exit_code([finding]) == (WRONG if severity == "error" else OK)


def test_uneven_co_partitioned_topics_are_an_error_and_the_lesser_one_is_named() -> None:
    findings = _after("sms.delivery-report", lambda found: Found(8, found.settings))
    [error] = [finding for finding in findings if finding.severity == "error"]
    assert error.topic == "sms.delivery-report"
    assert "has 8 partitions, but others it is co-partitioned with (correlate) have 12" in error.problem


def test_another_number_for_all_of_a_group_is_only_a_note() -> None:
    specs = load_topics()
    found = {name: Found(4, spec.settings()) for name, spec in specs.items()}
    findings = compare(specs, found)
    assert {finding.severity for finding in findings} == {"note"}
    assert exit_code(findings) == OK
    assert {finding.topic for finding in compare(specs, found, partitions=4)} == {"sms.anomaly", "sms.dead-letter"} | {
        "sms.orphan-report"
    }


def test_a_broker_that_does_not_list_a_setting_is_not_blamed() -> None:
    assert _after("sms.submit", lambda found: Found(found.partitions, {})) == []


def test_topics_are_made_on_a_broker_once(tmp_path: Path) -> None:
    from streams.kafka.embedded import EmbeddedBroker

    with EmbeddedBroker(tmp_path) as broker:
        options = {"bootstrap.servers": broker.bootstrap}
        assert {result.outcome for result in create(options, partitions=2, prefix="p.")} == {"created"}
        assert {result.outcome for result in create(options, partitions=2, prefix="p.")} == {"exists"}
        assert check(options, partitions=2, prefix="p.") == []
        assert exit_code(check(options)) == WRONG
