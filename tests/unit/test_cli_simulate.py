"""What `simulate` is to send, from its options: live traffic is now, a backlog ends now, a file is always the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.apps.simulate_plan import Plan, Wish, plan
from streams.cli import cli
from streams.cli.kafka import simulate
from streams.settings import SettingsError
from streams.simulator import Traffic

NOW = 1_800_000_000_000
DAY = 86_400_000
NOTHING = Wish(None, None, None, None, None, 60_000, live=True)


def _plan(wish: Wish, **providers: float) -> Plan:
    return plan(wish, NOW, None, providers, {})


def test_without_options_it_is_live_and_goes_on() -> None:
    planned = _plan(NOTHING)
    assert planned.config.start_ms == NOW
    assert planned.config.messages == 0
    assert (planned.speed, planned.until_ms, planned.endless) == (1.0, None, True)


def test_live_traffic_with_an_end_waits_a_little_for_reports() -> None:
    planned = _plan(NOTHING._replace(duration_ms=10_000, rate=5.0))
    assert planned.config.messages == 50
    assert planned.until_ms == NOW + 10_000 + 60_000
    assert not planned.endless


@pytest.mark.parametrize(
    ("wish", "start_ms", "messages"),
    [
        (NOTHING._replace(speed=0.0, duration_ms=3 * DAY, rate=0.1), NOW - 3 * DAY, 25_920),
        (NOTHING._replace(speed=1_000.0, messages=100, rate=1.0), NOW - 100_000, 100),
        (NOTHING._replace(speed=50.0, rate=1.0), NOW - DAY, 86_400),
        (NOTHING._replace(speed=0.0, start_ms=NOW - 10_000, rate=2.0), NOW - 10_000, 20),
    ],
)
def test_a_backlog_lies_in_the_past_and_nothing_of_it_in_the_future(wish: Wish, start_ms: int, messages: int) -> None:
    planned = _plan(wish)
    assert (planned.config.start_ms, planned.config.messages) == (start_ms, messages)
    assert planned.until_ms == NOW
    assert planned.speed == (wish.speed or None)


def test_a_file_depends_on_no_clock() -> None:
    wish = NOTHING._replace(live=False)
    assert plan(wish, NOW, None, {}, {}) == plan(wish, NOW + DAY, None, {}, {})
    assert plan(wish, NOW, None, {}, {}).until_ms is None


def test_providers_keep_their_habits_and_new_ones_are_made() -> None:
    providers = plan(NOTHING, NOW, None, {"borealis": 1.0, "zephyr": 3.0}, {"no_report": 0.5}).config.providers
    assert [(p.name, p.weight, p.no_report) for p in providers] == [("borealis", 1.0, 0.5), ("zephyr", 3.0, 0.5)]
    assert providers[0].code_form == "name"


def test_a_traffic_file_says_it_all(tmp_path: Path) -> None:
    file = tmp_path / "traffic.toml"
    file.write_text('messages_per_s = 7.0\n[[providers]]\nname = "only"\n')
    config = plan(NOTHING, NOW, file, {}, {}).config
    assert (config.messages_per_s, [p.name for p in config.providers]) == (7.0, ["only"])
    file.write_text("[[providers]]\nnam = 1\n")
    with pytest.raises(SettingsError, match=r"traffic\.toml"):
        plan(NOTHING, NOW, file, {}, {})


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(SettingsError, match="not both"):
        _plan(NOTHING._replace(messages=1, duration_ms=1))
    with pytest.raises(SettingsError, match="no habit thirst"):
        plan(NOTHING, NOW, None, {}, {"thirst": 1.0})


def test_two_runs_share_no_message_ids_though_the_seed_is_the_same() -> None:
    first, second = (
        {arrival.key for arrival in Traffic(plan(wish, now, None, {}, {}).config, 1)}
        for wish in (NOTHING._replace(messages=200),)
        for now in (NOW, NOW + 5_000)
    )
    assert not first & second


def test_every_habit_option_changes_the_traffic() -> None:
    if "topics" not in cli.commands:
        cli.add_command(simulate)
    runner = CliRunner()

    def lines(*options: str) -> list[str]:
        done = runner.invoke(cli, ["simulate", "--ndjson", "-", "--messages", "200", *options])
        assert done.exit_code == 0, done.output
        return done.stdout.splitlines()

    plain = lines()
    assert plain == lines("--seed", "1")
    assert len(lines("--loss", "1")) < len(plain) - 100
    assert len(lines("--duplicates", "1")) > len(plain) * 1.7
    for option in ("lateness", "reordered", "refused", "throttled", "unanswered"):
        assert lines(f"--{option}", "0.5") != plain
    assert lines("--habit", "no_report=1") == lines("--loss", "1")
    refused = runner.invoke(cli, ["simulate", "--loss", "2"])
    assert refused.exit_code == 2
