"""Real Apache Kafka for the tests in this folder.

``KAFKA_BOOTSTRAP`` names a cluster to use; without it one broker is fetched and started (Java 17+, mvn). Where neither
is possible the tests fail and say what is missing: they never skip in silence.
"""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from streams.kafka import topic_admin
from streams.kafka.client import Options

_SCRIPT = Path(__file__).parents[2] / "deploy" / "kafka" / "kafka"
_START_S = 600  # the first time it fetches some 150 MB of jars


@dataclass(frozen=True)
class KafkaNode:
    """One self-started broker that a test may kill and start again."""

    folder: Path
    bootstrap: str

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        _run("kill", str(self.folder), "1")

    def stop(self) -> None:
        """End it in an orderly way."""
        _run("stop", str(self.folder), "1")

    def start(self) -> None:
        """Start it again on the same port with the same data; returns when it takes connections."""
        _run("start", str(self.folder), "1")


@dataclass(frozen=True)
class Names:
    """Names that no other test has."""

    prefix: str

    def topic(self, name: str) -> str:
        return self.prefix + name

    def group(self, name: str) -> str:
        return f"{self.prefix}{name}"


def _run(*arguments: str) -> str:
    environment = os.environ | {"KAFKA_OWNER": str(os.getpid())}
    done = subprocess.run(
        [str(_SCRIPT), *arguments], capture_output=True, text=True, timeout=_START_S, check=False, env=environment
    )
    if done.returncode:
        pytest.fail(
            f"real Kafka is needed here and `{_SCRIPT.name} {' '.join(arguments)}` failed:\n{done.stderr.strip()}\n"
            "Install what is missing, or set KAFKA_BOOTSTRAP to a cluster that these tests may use.",
            pytrace=False,
        )
    return done.stdout.strip()


def _free_port() -> int:
    """Return a port that is free together with the one for the controller, 101 above."""
    for _ in range(100):
        port = random.randrange(20_000, 32_000)
        try:
            for number in (port, port + 101):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port
    raise RuntimeError("no free port found between 20000 and 32000")


@pytest.fixture(scope="session")
def kafka_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaNode]:
    """A broker of our own, also where KAFKA_BOOTSTRAP names another: this one may be killed."""
    folder = tmp_path_factory.mktemp("kafka")
    try:
        yield KafkaNode(folder, _run("up", str(folder), "1", str(_free_port())))
    finally:
        _run("down", str(folder))


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> str:
    """The bootstrap address of a real Kafka."""
    given = os.environ.get("KAFKA_BOOTSTRAP", "")
    if given:
        return given
    node: KafkaNode = request.getfixturevalue("kafka_node")
    return node.bootstrap


@pytest.fixture
def names(request: pytest.FixtureRequest) -> Names:
    """Unique names for the topics and groups of one test."""
    test = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-")
    return Names(f"{test}-{uuid.uuid4().hex[:8]}.")


@pytest.fixture
def make_topics(kafka: str, names: Names) -> Iterator[Callable[..., str]]:
    """Call it with a number of partitions: makes all topics of the system under this test's prefix, returns that."""
    options: Options = {"bootstrap.servers": kafka}
    made: list[str] = []

    def make(partitions: int = 4) -> str:
        results = topic_admin.create(options, partitions=partitions, prefix=names.prefix)
        assert not topic_admin.exit_code(results), results
        made.extend(result.topic for result in results)
        return names.prefix

    yield make
    if made:
        admin = AdminClient(options)
        for future in admin.delete_topics(made).values():
            future.result(30)
