"""What differs between ``topics.yaml`` and the topics of a cluster, and the command that mends it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from streams.kafka.topics import FOREVER_MS, TopicSpec, co_partition_groups


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a topic that is not as topics.yaml says, and the command that mends it.

    ``error``: statuses would be wrong or records lost; ``note``: works, but is not what the file says.
    """

    topic: str
    severity: Literal["error", "note"]
    problem: str
    fix: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a cluster has of one topic."""

    partitions: int
    settings: Mapping[str, str]


def compare(
    specs: Mapping[str, TopicSpec],
    found: Mapping[str, Found],
    *,
    partitions: int | None = None,
    prefix: str = "",
    bootstrap: str = "HOST:9092",
) -> list[Finding]:
    """Say what differs between the file and what a cluster has."""
    findings: list[Finding] = []
    for name, spec in specs.items():
        topic = prefix + name
        if topic not in found:
            findings.append(Finding(topic, "error", "is missing", "sms-streams topics create"))
            continue
        findings += _compare_settings(topic, spec, found[topic].settings, bootstrap)
        findings += _compare_partitions(topic, partitions_of(spec, partitions), found[topic].partitions, bootstrap)
    return findings + _compare_groups(specs, found, prefix, bootstrap)


def partitions_of(spec: TopicSpec, override: int | None) -> int:
    """Return how many partitions a topic shall have; an override only lowers those that are not co-partitioned."""
    if override is None:
        return spec.partitions
    return override if spec.co_partitioned else min(spec.partitions, override)


def _compare_settings(topic: str, spec: TopicSpec, has: Mapping[str, str], bootstrap: str) -> list[Finding]:
    findings = []
    for setting, wanted in spec.settings().items():
        actual = has.get(setting)
        if actual is None or _same(actual, wanted):  # a broker that does not know a setting does not list it
            continue
        fix = (
            f"kafka-configs.sh --bootstrap-server {bootstrap} --alter --entity-type topics --entity-name {topic} "
            f"--add-config {setting}={_bracket(wanted)}"
        )
        problem = f"{setting} is {actual}, topics.yaml says {wanted}"
        findings.append(Finding(topic, _severity(setting, actual, wanted), problem, fix))
    return findings


def _severity(setting: str, actual: str, wanted: str) -> Literal["error", "note"]:
    """A wrong cleanup policy or a shorter retention loses records; everything else costs only speed or disk."""
    if setting == "cleanup.policy":
        return "error"
    if setting == "retention.ms":
        kept, needed = int(actual), int(wanted)
        return "error" if kept != FOREVER_MS and (needed == FOREVER_MS or kept < needed) else "note"
    return "note"


def _same(actual: str, wanted: str) -> bool:
    if sorted(actual.split(",")) == sorted(wanted.split(",")):
        return True
    try:
        return float(actual) == float(wanted)
    except ValueError:
        return False


def _bracket(value: str) -> str:
    """Write a value the way kafka-configs.sh takes it: lists in brackets."""
    return f"[{value}]" if "," in value else value


def _compare_partitions(topic: str, wanted: int, has: int, bootstrap: str) -> list[Finding]:
    if has == wanted:
        return []
    if has < wanted:
        fix = (
            f"kafka-topics.sh --bootstrap-server {bootstrap} --alter --topic {topic} --partitions {wanted} "
            "(moves keys to other partitions: only while all topics of its group are empty)"
        )
    else:
        fix = f"run with --partitions {has}, or delete the topic while it is empty and `sms-streams topics create`"
    return [Finding(topic, "note", f"has {has} partitions, expected {wanted}", fix)]


def _compare_groups(
    specs: Mapping[str, TopicSpec], found: Mapping[str, Found], prefix: str, bootstrap: str
) -> list[Finding]:
    findings = []
    for group, names in co_partition_groups(specs).items():
        counts = {prefix + name: found[prefix + name].partitions for name in names if prefix + name in found}
        most = max(counts.values(), default=0)
        for topic, count in counts.items():
            if count < most:
                problem = f"has {count} partitions, but others it is co-partitioned with ({group}) have {most}"
                fix = (
                    f"stop the workers and the writers, then kafka-topics.sh --bootstrap-server {bootstrap} --alter "
                    f"--topic {topic} --partitions {most}; records already in it stay on their old partitions"
                )
                findings.append(Finding(topic, "error", problem, fix))
    return findings
