"""Everything that can be configured, by section, with its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.catalog import Catalog, default_catalog
from streams.correlator.timeouts import Keeping, Policy, Rules
from streams.detectors.config import DetectConfig
from streams.resolver.rules import IdPolicy, ResolveKeeping, ResolveRules


@dataclass(frozen=True)
class WorkerSettings:
    """How a worker of our own runtime runs."""

    group: str = ""
    instance: str = ""
    state_dir: str = ""
    commit_interval_ms: int = 1_000
    batch_events: int = 20_000
    dead_letter_share: float = 0.2


@dataclass(frozen=True)
class CorrelateSettings(WorkerSettings):
    """How a correlate worker runs."""

    group: str = "sms-correlate"
    hot_messages: int = 300_000
    route_health: bool = True


@dataclass(frozen=True)
class ResolveSettings(WorkerSettings):
    """How a resolve worker runs, and how long it keeps what."""

    group: str = "sms-resolve"
    hot_ids: int = 300_000
    park_ms: int = ResolveKeeping().park_ms
    keep_index_ms: int = ResolveKeeping().index_ms
    early_ms: int = ResolveKeeping().early_ms

    @property
    def hot_messages(self) -> int:
        """How many pieces of state stay in memory, by the name that `CorrelateSettings` has for it."""
        return self.hot_ids


@dataclass(frozen=True)
class LoadSettings:
    """How a load worker runs."""

    group: str = "sms-load"
    instance: str = ""
    batch_rows: int = 50_000
    interval_ms: int = 1_000


@dataclass(frozen=True)
class DetectSettings:
    """How a detect worker runs, and what its detectors take for an anomaly (`streams.detectors.config`)."""

    group: str = "sms-detect"
    instance: str = ""
    web_host: str = "127.0.0.1"
    web_port: int = 6066
    max_age_ms: int = 0
    engine: DetectConfig = field(default_factory=DetectConfig)


@dataclass(frozen=True)
class ClickHouseSettings:
    """Where the tables are: a server's ``url`` (clickhouse://user@host:9000/), or an embedded one's folder ``db``.

    ``password`` is better given as ``password_file`` or in the environment.
    """

    url: str = ""
    db: str = ""
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class IngestSettings:
    """How the HTTP endpoint runs. ``public_url`` is the address that vendors call, where a proxy stands before it."""

    host: str = "127.0.0.1"
    port: int = 8480
    public_url: str = ""
    trusted_proxies: str = ""
    max_body_bytes: int = 900_000
    body_timeout_ms: int = 10_000
    ack_timeout_ms: int = 5_000
    max_requests: int = 1_000
    refused_per_second: float = 10.0


@dataclass(frozen=True)
class Settings:
    """Everything that can be configured."""

    kafka: Mapping[str, str] = field(default_factory=dict, repr=False)
    schema_registry: Mapping[str, str] = field(default_factory=dict, repr=False)
    topic_prefix: str = ""
    correlate: CorrelateSettings = field(default_factory=CorrelateSettings)
    resolve: ResolveSettings = field(default_factory=ResolveSettings)
    load: LoadSettings = field(default_factory=LoadSettings)
    detect: DetectSettings = field(default_factory=DetectSettings)
    clickhouse: ClickHouseSettings = field(default_factory=ClickHouseSettings)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    receipts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    vendors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    default_policy: Policy = field(default_factory=Policy)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    keeping: Keeping = field(default_factory=Keeping)
    catalog: Catalog = field(default_factory=default_catalog, repr=False)
    default_ids: IdPolicy = field(default_factory=IdPolicy)
    ids: Mapping[str, IdPolicy] = field(default_factory=dict)

    def rules(self) -> Rules:
        """Return what the status of a message depends on."""
        return Rules(self.catalog, self.default_policy, self.policies, self.keeping)

    def resolve_rules(self) -> ResolveRules:
        """Return what finding the message of a provider's id depends on."""
        own = self.resolve
        keeping = ResolveKeeping(own.park_ms, own.keep_index_ms, own.early_ms)
        return ResolveRules(self.default_ids, self.ids, keeping)
