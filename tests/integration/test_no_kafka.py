"""Where Kafka lets nobody in or is away, every worker says which it is and what to do."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.integration.terminals import run, running
from tests.refusing import refusing_broker

WORKERS = (("detect", "--web-port", "0"), ("correlate",), ("resolve",))


def _kafka(options: dict[str, str]) -> list[str]:
    return [part for name, value in options.items() for part in ("-X", f"{name}={value}")]


OTHERS = (("topics", "check"), ("load", "--db", "tables"), ("ingest", "--port", "0"), ("simulate", "--messages", "10"))

CONFIGURATION = """
[receipts.infobip]
auth = "none"
[providers.infobip]
dialect = "infobip"
"""


@pytest.mark.parametrize("command", [*WORKERS, *OTHERS])
def test_a_wrong_password_is_told_as_that_and_ends_the_command(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "sms-streams.toml").write_text(CONFIGURATION)
    with refusing_broker() as options:
        done = run(tmp_path, "--config", "sms-streams.toml", *_kafka(options), *command)
    assert done.returncode == 3, done.stderr
    told = done.stderr.splitlines()[-1]
    assert told.startswith("sms-streams: Kafka: ")
    assert "Invalid username or password" in told
    assert "check sasl.mechanism, sasl.username, sasl.password" in told
    assert "wrong" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", WORKERS)
def test_a_worker_waits_for_a_broker_that_is_away_and_says_so(command: tuple[str, ...], tmp_path: Path) -> None:
    with running(tmp_path, *_kafka({"bootstrap.servers": "127.0.0.1:1"}), *command) as worker:
        worker.wait_for(lambda out: "is Kafka running, and is bootstrap.servers right" in out)
        assert "trying again" in worker.output
        assert worker.signal(signal.SIGTERM) == 3
        assert "Traceback" not in worker.output
