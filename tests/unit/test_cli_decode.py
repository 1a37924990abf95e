"""`decode receipt`: one line in, one object out, in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.cli.context import Context
from streams.cli.decode import decode

WRITTEN = ["message_id", "sub", "dlvrd", "submit_date", "done_date", "stat", "err", "text"]
TOLD = ["status", "final", "reason", "reason_class"]


def run(lines: bytes | str, *options: str, config: Path | None = None) -> list[dict[str, Any]]:
    result = CliRunner().invoke(decode, ["receipt", *options], obj=Context(config, ()), input=lines)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_line_is_an_object_with_the_values_as_written_and_their_meaning() -> None:
    (told,) = run("id:0042 sub:001 dlvrd:000 submit date:2611221359 done date: stat:UNDELIV err:00C text:\n")
    assert list(told) == WRITTEN + TOLD
    assert [told[name] for name in WRITTEN] == ["0042", "001", "000", "2611221359", "", "UNDELIV", "00C", ""]
    assert [told[name] for name in TOLD] == ["failed", True, "undeliverable", "undetermined"]


def test_what_a_receipt_does_not_say_is_null() -> None:
    (told,) = run("stat:ENROUTE\n")
    assert {name for name in told if told[name] is None} == set(WRITTEN) - {"stat"}
    (nothing,) = run("hello\n")
    assert set(nothing.values()) == {None}


def test_a_state_that_the_catalog_does_not_know_is_kept_and_intermediate() -> None:
    (told,) = run("id:1 stat:FOOBAR\n")
    assert [told[name] for name in ("stat", *TOLD)] == ["FOOBAR", "enroute", False, "unknown_code", "undetermined"]


def test_a_state_without_its_key_is_understood_but_not_made_up() -> None:
    (told,) = run("id:1 done date:2611221401 DELIVRD err:000\n")
    assert (told["stat"], told["status"], told["final"]) == (None, "delivered", True)


def test_lines_that_begin_with_a_quote_are_json_strings() -> None:
    body = 'id:1\nstat:DELIVRD\0err:000 text:a\r\n"b"'
    (told,) = run(json.dumps(body) + "\n")
    assert (told["message_id"], told["stat"], told["text"]) == ("1", "DELIVRD", 'a\r\n"b"')
    (odd,) = run('"id:2 stat:DELIVRD\n')
    assert odd["message_id"] == "2"
    (lone,) = run('"\\ud800 id:3"\n')
    assert lone["message_id"] == "3"


def test_a_byte_order_mark_before_the_first_line_is_no_part_of_it() -> None:
    (told,) = run(b'\xef\xbb\xbf"id:1 stat:DELIVRD\\u0000"\n')
    assert (told["message_id"], told["stat"]) == ("1", "DELIVRD")


def test_an_object_has_tlvs_beside_the_text() -> None:
    line = {"text": "id:9 stat:DELIVRD err:000", "receipted_message_id": "1a", "message_state": 5}
    line["network_error_code"] = "03001b"
    (told,) = run(json.dumps(line) + "\n")
    assert (told["message_id"], told["stat"], told["err"], told["status"]) == ("1a", "UNDELIV", "27", "failed")
    for odd in ('{"message_state": 999}', '{"network_error_code": "xyz"}', '{"text": null}', "{}", "{id:1}", "[1]"):
        assert run(odd + "\n")[0]["message_id"] in (None, "1}")


def test_every_line_gives_an_object_in_order_whatever_it_is() -> None:
    lines = [
        b"id:1",
        b"",
        b"\xff\xfe id:2 \xe9",
        b"\0",
        b'"',
        b"{",
        b"[" * 100_000,
        b"id:3\r",
        b'{"a":' * 50_000,
        b"id:4",
    ]
    told = run(b"\n".join(lines))
    assert [one["message_id"] for one in told] == ["1", None, "2", None, None, None, None, "3", None, "4"]
    assert run("") == []


@given(st.lists(st.binary(max_size=60).map(lambda octets: octets.replace(b"\n", b"")), max_size=8))
@settings(max_examples=50)
def test_as_many_objects_as_lines(lines: list[bytes]) -> None:
    assert len(run(b"".join(line + b"\n" for line in lines))) == len(lines)


def test_a_provider_has_its_dialect_and_its_numbering_of_errors(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        '[providers.gsm]\nerrors = "map"\n[providers.sinch]\nerrors = "sinch-smpp"\n[providers.box]\nerrors = "esme"\n'
        '[providers.mf]\ndialect = "mediasflow"\n[providers.uk]\ndialect = "vodafone"\n'
    )
    line = "id:1 stat:UNDELIV err:{}\n"

    def reason(provider: str, err: str) -> tuple[str, str]:
        (told,) = run(line.format(err), "--provider", provider, config=config)
        return told["reason"], told["reason_class"]

    assert reason("", "006") == ("undeliverable", "undetermined")
    assert reason("gsm", "006") == ("absent_subscriber", "temporary")
    assert reason("sinch", "006") == ("unknown", "permanent")
    assert reason("box", "00B") == ("invalid_recipient", "permanent")
    assert reason("gsm", "00B") == ("undeliverable", "undetermined")
    (told,) = run("id:1 stat:31\n", "--provider", "mf", config=config)
    assert (told["status"], told["reason"]) == ("enroute", "absent_subscriber")
    (told,) = run("00,2611221401,2611221359,,33600000001,367,w2e4\n", "--provider", "uk", config=config)
    assert (told["message_id"], told["status"]) == ("w2e4", "delivered")


def test_a_dialect_can_be_named_without_a_configuration() -> None:
    (told,) = run("id:1 stat:UNDELIV err:00C\n", "--dialect", "kannel")
    assert told["status"] == "failed"
    (told,) = run("id:1 stat:16\n", "--dialect", "mediasflow")
    assert told["status"] == "delivered"
    refused = CliRunner().invoke(decode, ["receipt", "--dialect", "nope"], obj=Context(None, ()), input="")
    assert refused.exit_code == 2
    assert "is not one of" in refused.output


def test_a_provider_that_the_configuration_does_not_name_is_told_and_read_as_the_default() -> None:
    result = CliRunner().invoke(decode, ["receipt", "--provider", "nobody"], obj=Context(None, ()), input="stat:2\n")
    assert json.loads(result.stdout)["status"] == "delivered"
    assert "does not name 'nobody'" in result.stderr


def test_help_shows_an_example_that_works() -> None:
    told = CliRunner().invoke(decode, ["receipt", "--help"]).output
    assert "id:7 stat:UNDELIV err:027" in told


@pytest.mark.parametrize("line", ["id:7 stat:DELIVRD", "\u2028id:7\u0085stat:DELIVRD"])
def test_only_a_line_feed_ends_a_line(line: str) -> None:
    assert len(run(line.encode() + b"\n")) == 1
