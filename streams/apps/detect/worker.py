"""One worker of detect: the Faust application with its topics, its table and its two halves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.apps.correlate import registry_of
from streams.apps.detect.faust_app import AvroCodec, make_app
from streams.apps.detect.figures import Figures
from streams.apps.detect.forward import Forward
from streams.apps.detect.pages import add_pages
from streams.apps.detect.topics import CHANGELOG, GROUP_TOPIC, partitions
from streams.apps.detect.watch import Watch
from streams.detectors.engine import Engine
from streams.events import ANOMALY, DEAD_LETTER, ROUTE_HEALTH, SUBMIT
from streams.settings import Settings


class Detect:
    """The Faust application: `app`. `told`: what it has read and found since it started."""

    def __init__(self, settings: Settings, stopping: Callable[[], bool] = lambda: False) -> None:
        """Make it; asks the cluster for its topics, which must be there, and waits while it is away."""
        self._prefix = settings.topic_prefix
        registry = registry_of(settings)
        known = partitions(settings, stopping)
        health_partitions, group_partitions = known[self._prefix + ROUTE_HEALTH], known[self._prefix + GROUP_TOPIC]
        sources = known.get(self._prefix + SUBMIT, 1)
        self.app: Any = make_app(settings, group_partitions)
        codec = AvroCodec(ROUTE_HEALTH, registry)
        health = self._topic(ROUTE_HEALTH, "raw", value_type=bytes)  # most is handed on as it is
        grouped = self._topic(GROUP_TOPIC, codec)
        dead = self._topic(DEAD_LETTER, AvroCodec(DEAD_LETTER, registry))
        table = self.app.Table(
            "groups",
            partitions=group_partitions,
            key_type=bytes,
            value_type=bytes,
            changelog_topic=self._topic(CHANGELOG, "raw", acks=False, internal=True, allow_empty=True, maxsize=131_072),
        )
        expected = [(h, s) for h in range(health_partitions) for s in range(sources)]
        anomalies = self._topic(ANOMALY, AvroCodec(ANOMALY, registry))
        figures = Figures()
        self.told = figures.told
        self._watch = Watch(Engine(settings.detect.engine), figures, expected, table, anomalies)
        self._forward = Forward(settings, figures, grouped, group_partitions, dead, codec.loads)
        self.app.agent(health, name="forward")(self._forward.run)
        self.app.agent(grouped, name="watch")(self._watch.run)
        self.app.on_partitions_revoked.connect(self._revoked)
        add_pages(self.app, self._watch, figures.metrics)

    def _topic(self, name: str, values: Any, **more: Any) -> Any:
        return self.app.topic(
            self._prefix + name, key_serializer="raw", key_type=bytes, value_serializer=values, **more
        )

    async def _revoked(self, *_: Any, **__: Any) -> None:
        self._watch.hosts.clear()
        self._forward.forget()
