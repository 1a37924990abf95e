"""`demo` and `up` as a person runs them: they do the whole job, say what to type next, and leave nothing running."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.integration.terminals import environment, run, running, still_there

SMALL = ("demo", "--messages", "600", "--live", "2s", "--no-incident")
LONG = ("demo", "--messages", "600", "--live", "10m", "--no-incident")
ANY_PORT = ("--port", "0")


def test_the_demo_ends_by_itself_and_what_it_says_to_type_works(tmp_path: Path) -> None:
    done = run(tmp_path, *SMALL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"(\d+) of \1 statuses are what the raw events give", done.stdout.replace(",", ""))
    report, _, commands = done.stdout.partition("Type next:")
    for title in ("the funnel", "by provider and status", "how long it took", "why messages", "timed out", "the story"):
        assert f"{title}" in report
    assert "no report within the receipt timeout" in report
    assert "12 reports that found no message" in report
    assert "3 records that could not be read" in report
    assert max(map(len, report.splitlines())) <= 100
    query, message, up = [line.strip() for line in commands.strip().splitlines()]
    for command, expected in ((query, "aurora"), (message, "handed over to")):
        typed = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60
        )
        assert typed.returncode == 0, typed.stderr
        assert expected in typed.stdout
    with running(tmp_path, *shlex.split(up)[3:], *ANY_PORT) as again:
        again.wait_for(lambda out: "nothing waits" in out)
        assert again.signal(signal.SIGINT) == 0


def test_the_demo_shows_that_a_provider_fails_and_that_it_was_found(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "--messages", "300", "--live", "2s")
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = " ".join(done.stdout.partition("what is wrong")[2].partition("the funnel")[0].split())
    assert re.search(r"critical since \d\d:\d\d:\d\d: aurora to FR: [\d.]+ % of [\d,]+ final reports", wrong), wrong
    assert wrong.count("since") == 1, wrong  # and nothing else is wrong


def test_a_second_demo_replaces_the_first_but_nothing_else(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("ten years of work")
    refused = run(tmp_path, *SMALL, "--data", "mine")
    assert refused.returncode == 2
    assert "choose another one with --data" in refused.stderr
    assert (mine / "thesis.txt").read_text() == "ten years of work"
    with running(tmp_path, *LONG, "--data", "demo") as first:  # it still runs when the other one has been refused
        first.wait_for(lambda out: "[3/" in out)
        beside = run(tmp_path, *SMALL, "--data", "demo")
        assert beside.returncode == 2
        assert "another `up` or `demo` runs on" in beside.stderr
        assert first.signal(signal.SIGTERM) == 130
    with running(tmp_path, *SMALL, "--data", "demo") as second:
        second.wait_for(lambda out: "[4/" in out)


@pytest.mark.parametrize("step", ["[1/", "[3/", "[4/"])
def test_ctrl_c_stops_the_demo_cleanly_at_any_moment(tmp_path: Path, step: str) -> None:
    with running(tmp_path, *SMALL) as demo:
        demo.wait_for(lambda out: step in out)
        everybody = demo.everybody()
        assert demo.signal(signal.SIGINT) == 130
        assert "stopped; what there was by then is in" in demo.output
        assert "Traceback" not in demo.output
        assert not still_there(everybody, 5)


def test_a_killed_demo_leaves_nothing_running(tmp_path: Path) -> None:
    with running(tmp_path, *SMALL) as demo:
        demo.wait_for(lambda out: "[3/" in out)
        everybody = demo.everybody()
        assert len(everybody) >= 4  # broker and its lifeline, loader, correlate
        demo.signal(signal.SIGKILL)
        assert not still_there(everybody, 20)


def test_up_takes_traffic_answers_meanwhile_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    ids: list[list[str]] = []
    for _ in range(2):
        with running(tmp_path, "up", *ANY_PORT) as up:
            up.wait_for(lambda out: "nothing waits" in out)
            bootstrap = re.search(r"127\.0\.0\.1:\d+", up.output)
            assert bootstrap
            kafka = ("-X", f"bootstrap.servers={bootstrap[0]}")
            sent = run(tmp_path, *kafka, "simulate", "--messages", "100", "--rate", "100", "--tail", "1s")
            assert sent.returncode == 0, sent.stderr
            # a few submits lie around for seconds before they would be sent, and are not: it ends before
            ids.append(_wait_for_messages(tmp_path, 90 * (len(ids) + 1)))
            checked = run(tmp_path, *kafka, "topics", "check", "--partitions", "4")
            assert checked.returncode == 0, checked.stdout
            verified = run(tmp_path, "verify", "--db", "sms-data/db")
            assert verified.returncode == 0, verified.stdout
            story = run(tmp_path, "message", ids[0][0], "--db", "sms-data/db")
            assert f"Message {ids[0][0]}" in story.stdout
            everybody = up.everybody()
            assert up.signal(signal.SIGINT) == 0
            assert "goes on where it was" in up.output
            assert not still_there(everybody, 5)
    assert set(ids[0]) < set(ids[1])
    assert _messages(tmp_path) == ids[1]  # and without `up`, from the folder


def _messages(folder: Path) -> list[str]:
    sql = "SELECT message_id FROM message_latest ORDER BY message_id"
    asked = run(folder, "query", sql, "--db", "sms-data/db", "--format", "json")
    assert asked.returncode == 0, asked.stderr
    return [row["message_id"] for row in json.loads(asked.stdout)]


def _wait_for_messages(folder: Path, count: int) -> list[str]:
    deadline = time.monotonic() + 60
    while len(found := _messages(folder)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return found


def test_up_says_what_is_wrong_when_a_worker_ends(tmp_path: Path) -> None:
    with running(tmp_path, "up", *ANY_PORT) as up:
        up.wait_for(lambda out: "nothing waits" in out)
        everybody = up.everybody()
        worker = next(p for p in everybody if "spawn_main" in " ".join(_command(p)))
        worker.kill()
        assert up.process.wait(60) == 3
        assert "worker has stopped" in up.output
        assert not still_there(everybody, 5)


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with running(tmp_path, "up", *ANY_PORT) as up:
        up.wait_for(lambda out: re.search(r"127\.0\.0\.1:\d+", out))
        port = re.search(r"127\.0\.0\.1:(\d+)", up.output)
        assert port
        other = run(tmp_path, "up", "--port", port[1], "--data", "other")
        assert other.returncode == 3
        assert f"port {port[1]} is in use" in other.stderr
