"""The analysts' page: its commands make a database, and every question on it has an answer there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.clickhouse.backend import Database
from streams.clickhouse.embedded import EmbeddedDatabase

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "analysts.md").read_text()
TABLES = (ROOT / "docs" / "tables.md").read_text()
QUESTIONS = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
MAY_BE_EMPTY = ("FROM dead_letters", "FROM orphan_summary", "FROM anomalies_open", "FROM route_health")


def commands_to_try() -> list[list[str]]:
    """The two commands under "To try these at home"."""
    section = PAGE.split("To try these at home:")[1].split("\n## ")[0]
    return [shlex.split(line)[1:] for line in section.splitlines() if line.startswith("    sms-streams ")]


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("try")
    simulate, replay = commands_to_try()
    for command in (simulate, replay):
        subprocess.run(
            [sys.executable, "-m", "streams", *command],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=120,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        )
    database = EmbeddedDatabase(folder / replay[-1])
    yield database
    database.close()


@pytest.mark.parametrize("sql", QUESTIONS, ids=lambda sql: " ".join(sql.split())[:60])
def test_a_question_has_an_answer(tried: Database, sql: str) -> None:
    rows = tried.query(sql).rows
    assert rows or any(name in sql for name in MAY_BE_EMPTY)


def test_the_page_has_every_view(tried: Database) -> None:
    views = {
        row[0] for row in tried.query("SELECT name FROM system.tables WHERE database = 'sms' AND engine = 'View'").rows
    }
    assert views <= set(re.findall(r"`(\w+)`", PAGE + TABLES))
