"""The topics of the system as data: ``schemas/topics.yaml``, read and checked. Touches no cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from streams.schemafiles import schemas_dir
from streams.settings import duration_ms

Cleanup = Literal["delete", "compact", "compact,delete"]
FOREVER_MS = -1  # Kafka's own value of retention.ms for "never"
_OWN_FIELDS = {"cleanup.policy": "cleanup", "retention.ms": "retention"}


class TopicsFileError(ValueError):
    """topics.yaml is not what it must be; the message names the topic and what to write instead."""


class TopicSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One topic as ``topics.yaml`` describes it; the comments at the top of that file explain the fields."""

    meaning: str
    key: list[str]
    schema: str | None
    partitions: int
    retention: str
    cleanup: Cleanup
    writers: list[str]
    readers: list[str]
    co_partitioned: str = ""
    config: dict[str, str | int | float] = {}

    @property
    def retention_ms(self) -> int:
        """Retention in milliseconds, -1 for ever."""
        return FOREVER_MS if self.retention == "forever" else duration_ms(self.retention, "retention")

    def settings(self) -> dict[str, str]:
        """Return the topic settings to ask Kafka for, as its own names and strings."""
        own = {"cleanup.policy": self.cleanup, "retention.ms": str(self.retention_ms)}
        return own | {name: str(value) for name, value in self.config.items()}


class _TopicsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    topics: dict[str, TopicSpec]


def load_topics(path: Path | None = None) -> dict[str, TopicSpec]:
    """Read and check a topics file (default: the project's own); topic name to its description."""
    path = path or schemas_dir() / "topics.yaml"
    try:
        topics = msgspec.yaml.decode(path.read_bytes(), type=_TopicsFile).topics
    except msgspec.MsgspecError as error:
        raise TopicsFileError(f"{path}: {error}") from error
    problems = [problem for name, spec in topics.items() for problem in _problems(name, spec, path.parent)]
    problems += _unequal_groups({name: spec.partitions for name, spec in topics.items()}, topics)
    if problems:
        raise TopicsFileError(f"{path}:\n" + "\n".join(f"  {problem}" for problem in problems))
    return topics


def written_by(writer: str) -> list[str]:
    """Return the names of the topics that a part of the system writes to, in the order of the file."""
    return [name for name, spec in load_topics().items() if writer in spec.writers]


def co_partition_groups(topics: Mapping[str, TopicSpec]) -> dict[str, list[str]]:
    """Return the names of each co-partitioned group, in the order of the file."""
    groups: dict[str, list[str]] = {}
    for name, spec in topics.items():
        if spec.co_partitioned:
            groups.setdefault(spec.co_partitioned, []).append(name)
    return groups


def select(topics: Mapping[str, TopicSpec], names: Iterable[str]) -> dict[str, TopicSpec]:
    """Return only the topics named; an unknown name is an error that lists the known ones."""
    wanted = list(names)
    unknown = [name for name in wanted if name not in topics]
    if unknown:
        raise TopicsFileError(f"no such topic: {', '.join(unknown)}; topics.yaml has {', '.join(topics)}")
    return {name: spec for name, spec in topics.items() if name in wanted}


def _problems(name: str, spec: TopicSpec, folder: Path) -> list[str]:
    found = []
    if spec.schema is not None and not (folder / spec.schema).is_file():
        found.append(f"{name}: its schema {spec.schema} is not in {folder}")
    if spec.partitions < 1:
        found.append(f"{name}: partitions must be 1 or more, not {spec.partitions}")
    if not (spec.key and spec.writers and spec.readers and spec.meaning):
        found.append(f"{name}: key, writers, readers and meaning must say something")
    for setting, field in _OWN_FIELDS.items():
        if setting in spec.config:
            found.append(f"{name}: say {setting} with the field `{field}`, not under config")
    try:
        retention_ms = spec.retention_ms
    except ValueError as error:
        found.append(f'{name}: {error}, or "forever"')
    else:
        if spec.cleanup == "compact" and retention_ms != FOREVER_MS:
            found.append(f"{name}: a compacted topic keeps the newest record of a key for ever: retention: forever")
    return found


def _unequal_groups(partitions: Mapping[str, int], topics: Mapping[str, TopicSpec]) -> list[str]:
    """Tell which co-partitioned groups have topics with differing numbers of partitions or keys."""
    found = []
    for group, names in co_partition_groups(topics).items():
        if len({partitions[name] for name in names}) > 1:
            counts = ", ".join(f"{name} {partitions[name]}" for name in names)
            found.append(f"co-partitioned group {group} needs one number of partitions, has: {counts}")
    return found
