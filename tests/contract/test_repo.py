"""What a person meets first keeps what it says: make, locks, docs, examples, containers, the package."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from hatchling.builders.wheel import WheelBuilder

from streams import __version__, cli
from streams.correlator.timeouts import Keeping, Policy
from streams.detectors.config import DetectConfig
from streams.resolver.rules import IdPolicy
from streams.settings import (
    ClickHouseSettings,
    CorrelateSettings,
    DetectSettings,
    IngestSettings,
    LoadSettings,
    ResolveSettings,
    Settings,
    load_settings,
    settings_from,
)

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("*/*/README.md")})
PAGES = [page for page in PAGES if not page.relative_to(ROOT).parts[0].startswith(".")]
OURS = ("streams", "tests", "docs", "deploy", "benchmarks", "examples", "schemas", ".ci")
TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".sql", ".sh", ".java", ".xml", ".csv", ".in", ""}


def run(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


# ---- make and CI -------------------------------------------------------------------------------------------------


def test_make_alone_lists_every_target() -> None:
    declared = set(re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    listed = set(re.findall(r"^  make (\S+) +\S", run("make"), re.MULTILINE))
    assert listed == declared
    wanted = "help install demo test test-kafka bench compile test-compiled lint format check lock clean"
    assert set(wanted.split()) <= listed


def test_ci_runs_what_people_run() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert re.findall(r"^make (\S+)", script.read_text(), re.MULTILINE) == [
        "install",
        "lint",
        "test-kafka",
        "test-compiled",
    ]


def test_every_test_in_the_kafka_folder_is_left_out_of_make_test() -> None:
    for path in (ROOT / "tests" / "kafka").glob("test_*.py"):
        text = path.read_text()
        marked = "pytestmark = pytest.mark.kafka" in text or "pytestmark = [pytest.mark.kafka" in text
        assert marked or text.count("@pytest.mark.kafka") >= len(re.findall(r"^def test_", text, re.MULTILINE)), path
        assert "skip" not in text, f"{path}: what needs Kafka fails where there is none, it never skips"


# ---- dependencies ------------------------------------------------------------------------------------------------


def locked(name: str) -> dict[str, str]:
    """Package to its pins of a lock file (a package may have several, by Python version)."""
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=[a-z])", (ROOT / name).read_text()):
        match = re.match(r"([a-z0-9-]+)==(\S+)", entry)
        assert match, entry
        assert "--hash=sha256:" in entry, f"{name}: {match[1]} has no hash"
        found[match[1]] = found.get(match[1], "") + match[2] + " "
    return found


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[>=<~! ;]", requirement)[0].lower() for requirement in requirements}


def test_everything_that_is_needed_is_locked_with_its_hash() -> None:
    groups = PROJECT["dependency-groups"]
    runtime, dev = locked("requirements.lock"), locked("requirements-dev.lock")
    assert names(PROJECT["project"]["dependencies"]) | names(groups["build"]) <= set(runtime)
    assert names(groups["dev"]) <= set(dev)
    assert {name: dev.get(name) for name in runtime} == runtime, "run `make lock`"


def test_a_wheel_has_the_schemas_the_codes_and_the_migrations_and_nothing_else(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    packed = set(zipfile.ZipFile(wheel).namelist())
    for source, target in (("schemas", "streams/_schemas"), ("streams", "streams")):
        for path in (ROOT / source).rglob("*"):
            if path.suffix in {".avsc", ".yaml", ".csv", ".sql", ".toml", ".py"} and "examples" not in path.parts:
                assert f"{target}/{path.relative_to(ROOT / source)}" in packed
    assert {name.split("/")[0] for name in packed} == {"streams", f"sms_streams-{__version__}.dist-info"}


# ---- docs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_of_the_docs_is_in_their_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    assert [p.name for p in (ROOT / "docs").glob("*.md") if p.name != "README.md" and f"({p.name})" not in index] == []


def test_every_command_in_the_docs_exists() -> None:
    shown = re.search(r"^Commands:\n((?:  .*\n)+)", run(sys.executable, "-m", "streams", "--help"), re.MULTILINE)
    assert shown
    commands = set(re.findall(r"^  (\S+)", shown[1], re.MULTILINE))
    for page in PAGES:
        code = "\n".join(re.findall(r"^    .*$|`[^`\n]+`", page.read_text(), re.MULTILINE))
        used = re.findall(r"(?:^ +|\.venv/bin/|`)sms-streams(?: -X \S+| --\w+ \S+)* ([a-z]+)", code, re.MULTILINE)
        assert set(used) <= commands, page


def test_the_reading_order_names_files_that_are_there() -> None:
    section = (ROOT / "README.md").read_text().split("## Reading the code")[1].split("\n## ")[0]
    lines = re.findall(r"^\d+\. .*", section, re.MULTILINE)
    assert len(lines) == 10
    for line in lines:
        folder = ROOT
        for name in re.findall(r"`([\w/.]+)`", line):
            path = ROOT / name if (ROOT / name).exists() else folder / name
            candidates = [path, ROOT / "streams" / "clickhouse" / name]
            assert any(candidate.exists() for candidate in candidates), name
            folder = path.parent


def test_exit_codes_are_those_of_the_command_line() -> None:
    table = dict(re.findall(r"^\| (\d+) \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE))
    codes = {value for name, value in vars(cli).items() if name.startswith("EXIT_")}
    assert {int(code) for code in table} == {0, 130} | codes


def test_the_changelog_knows_this_version() -> None:
    assert __version__ in (ROOT / "CHANGELOG.md").read_text()


def test_nothing_tells_of_the_machine_it_was_written_on() -> None:
    homes = re.compile(r"(?<![\w.<])/(work|root|home)/\w")
    for folder in OURS:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in TEXT and not {"__pycache__", "target"} & set(path.parts):
                found = homes.search(path.read_text(errors="replace"))
                assert not found, f"{path.relative_to(ROOT)}: {found and found[0]}"


# ---- configuration -----------------------------------------------------------------------------------------------

CONFIGURATION = ROOT / "docs" / "configuration.md"


def documented(section: str) -> set[str]:
    """The names in the tables of a section of the page."""
    text = CONFIGURATION.read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize(
    ("section", "names_of"),
    [
        ("`[correlate]`", {f.name for f in fields(CorrelateSettings)}),
        ("`[resolve]`", {f.name for f in fields(ResolveSettings)}),
        ("`[load]`", {f.name for f in fields(LoadSettings)}),
        ("`[detect]`", {f.name for f in fields(DetectSettings) if f.name != "engine"} | {*DetectConfig._fields}),
        ("`[ingest]`", {f.name for f in fields(IngestSettings)}),
        ("`[clickhouse]`", {f.name for f in fields(ClickHouseSettings)}),
        (
            "`[defaults]` and `[providers.NAME]`",
            {*Policy._fields, *IdPolicy._fields, *(f"keep_{name}" for name in Keeping._fields)},
        ),
    ],
)
def test_every_setting_is_documented_and_no_other(section: str, names_of: set[str]) -> None:
    assert documented(section) == {name.removesuffix("_ms") for name in names_of}


def test_every_section_is_documented() -> None:
    page = CONFIGURATION.read_text()
    other_names = {
        "topic_prefix": "topics",
        "default_policy": "defaults",
        "policies": "providers",
        "keeping": "defaults",
        "default_ids": "defaults",
        "ids": "providers",
    }
    for field in fields(Settings):
        assert f"`[{other_names.get(field.name, field.name)}" in page


SECTIONS = {
    "correlate": "`[correlate]`",
    "resolve": "`[resolve]`",
    "load": "`[load]`",
    "detect": "`[detect]`",
    "ingest": "`[ingest]`",
    "clickhouse": "`[clickhouse]`",
    "defaults": "`[defaults]` and `[providers.NAME]`",
}


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_the_documented_defaults_are_the_defaults(section: str) -> None:
    text = CONFIGURATION.read_text().split(f"\n## {SECTIONS[section]}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \|", text, re.MULTILINE)
    given = tomllib.loads("\n".join(f"{name} = {default}" for name, default in rows))
    assert settings_from({section: given}) == settings_from({})
    assert len(given) >= 2


def test_the_example_has_every_setting_and_is_one() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", CONFIGURATION.read_text(), re.DOTALL)
    sections = tomllib.loads(example)
    settings = settings_from(sections)
    assert settings.default_policy == settings_from({}).default_policy
    assert settings.policies["aurora"].receipt_parts == "last"
    assert settings.kafka["consumer.fetch.min.bytes"] == "10000"
    for section in ("correlate", "resolve", "load", "detect", "ingest", "defaults"):
        assert set(sections[section]) == documented(SECTIONS[section])


# ---- containers --------------------------------------------------------------------------------------------------

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_images_are_pinned() -> None:
    images = [service["image"] for service in COMPOSE["services"].values()]
    images += re.findall(r"^FROM (\S+)", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    for image in images:
        assert re.search(r":v?\d+\.\d+", image), image


def test_what_a_service_names_is_declared() -> None:
    for name, service in COMPOSE["services"].items():
        assert set(service.get("depends_on", {})) <= set(COMPOSE["services"]), name
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        configs = [config if isinstance(config, str) else config["source"] for config in service.get("configs", [])]
        assert set(configs) <= set(COMPOSE["configs"]), name
        volumes = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert volumes <= set(COMPOSE["volumes"]), name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} can be reached from outside: {port}"
    for config in COMPOSE["configs"].values():
        assert (ROOT / config["file"]).is_file()


def test_what_others_wait_for_has_a_health_check() -> None:
    for service in COMPOSE["services"].values():
        for name, condition in service.get("depends_on", {}).items():
            if condition["condition"] == "service_healthy":
                assert COMPOSE["services"][name]["healthcheck"]["test"]


def test_the_configuration_of_the_containers_is_one(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x\n")
    for service in ("init", "load"):
        environment = dict(COMPOSE["services"][service]["environment"])
        assert environment["SMS_CLICKHOUSE_PASSWORD_FILE"].startswith("/run/secrets/")
        environment["SMS_CLICKHOUSE_PASSWORD_FILE"] = str(secret)
        settings = load_settings(ROOT / "deploy" / "compose" / "sms-streams.toml", environment)
        assert settings.clickhouse.password == "x"
        assert settings.kafka["bootstrap.servers"].split(":")[0] in COMPOSE["services"]


def test_no_password_is_in_the_repository() -> None:
    folder = ROOT / "deploy" / "compose" / "secrets"
    assert (folder / ".gitignore").read_text().split() == ["*", "!.gitignore"]
    assert "PASSWORD:" not in (ROOT / "docker-compose.yml").read_text()
