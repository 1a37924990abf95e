"""Reading one line of Kannel's access log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.importers.kannel_fields import Part, closing_answer, network_error, parse_meta, parse_udh
from streams.importers.kannel_format import DEFAULT_FORMATS, FormatError, Line, compile_format, parse_line

OWN = compile_format(DEFAULT_FORMATS[0])
HEAD = (
    "2026-11-22 13:59:29 Sent SMS [SMSC:ALPHA] [SVC:web] [ACT:a] [BINF:b] [FID:77] [META:?smpp?x=y&] "
    "[from:Fjord Bank] [to:+34607417863] "
)


def read(line: str, **options: object) -> Line | None:
    return parse_line(line.encode("latin-1"), OWN)


def test_every_field_of_a_line_is_read() -> None:
    line = read(HEAD + "[flags:-1:0:-1:-1:31] [msg:5:Hello] [udh:0:]")
    assert line == Line(
        event="Sent SMS",
        time_text="2026-11-22 13:59:29",
        smsc="ALPHA",
        service="web",
        account="a",
        binfo="b",
        fid="77",
        meta="?smpp?x=y&",
        sender="Fjord Bank",
        recipient="+34607417863",
        coding=0,
        mask=31,
        octets=5,
        text="Hello",
    )


def test_the_text_is_read_by_its_length_whatever_it_holds() -> None:
    text = "x] [FID:123] [udh:0:]"
    line = read(f"{HEAD}[flags:-1:0:-1:-1:31] [msg:{len(text)}:{text}] [udh:6:0500032A0201]")
    assert line is not None
    assert (line.text, line.fid, line.udh) == (text, "77", "0500032A0201")


def test_a_binary_text_has_two_digits_for_each_byte() -> None:
    line = read(HEAD + "[flags:-1:2:-1:-1:31] [msg:2:039A] [udh:0:]")
    assert line is not None
    assert (line.text, line.octets) == ("039A", 2)


def test_a_text_that_somebody_shortened_ends_where_the_rest_begins() -> None:
    line = read(HEAD + "[flags:-1:0:-1:-1:31] [msg:153:only this] [udh:6:050003F70303]")
    assert line is not None
    assert (line.text, line.udh) == ("only this", "050003F70303")


def test_names_in_utf_8_are_read_and_other_bytes_do_no_harm() -> None:
    line = parse_line((HEAD.replace("Fjord", "Fjörd") + "[flags:0:0:0:0:0] [msg:0:] [udh:0:]").encode(), OWN)
    assert line is not None
    assert line.sender == "Fjörd Bank"
    broken = HEAD.encode().replace(b"Fjord", b"\xff\xfe") + b"[flags:0:0:0:0:0] [msg:0:] [udh:0:]"
    line = parse_line(broken, OWN)
    assert line is not None
    assert line.sender == "ÿþ Bank"


def test_older_versions_have_fewer_fields() -> None:
    raw = b"2017-08-09 11:51:17 Sent SMS [SMSC:s] [SVC:n] [from:f] [to:t] [flags:0:1:0:0:0] [msg:2:hi] [udh:0:]"
    line = parse_line(raw, compile_format(DEFAULT_FORMATS[-1]))
    assert line is not None
    assert (line.smsc, line.sender, line.text) == ("s", "f", "hi")


def test_a_custom_format_without_time_before_the_line() -> None:
    fmt = compile_format("%T %l %i %F %p>%P %d %L:%b", clean=True)
    line = parse_line(b"1795364534 Receive DLR ALPHA 77 38100>+346 1 11:stat:a 1 2:", fmt)
    assert line is not None
    assert (line.event, line.created_s, line.smsc, line.sender) == (
        "Receive DLR",
        1795364534,
        "ALPHA",
        "38100",
    )
    assert (line.recipient, line.mask, line.text) == ("+346", 1, "stat:a 1 2:")


def test_a_custom_format_with_the_text_in_the_middle_and_no_length() -> None:
    line = parse_line(b"2026-11-22 10:00:00 Sent SMS|a|b|c|7", compile_format("%l|%b|%F"))
    assert line is not None
    assert (line.text, line.fid) == ("a|b|c", "7")


@pytest.mark.parametrize(("format", "says"), [("%i %F", "%l"), ("%l %i%F", "%F")])
def test_a_format_that_cannot_be_read_back_is_refused(format: str, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        compile_format(format)


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("0500032A0302", Part(0x2A, 3, 2)),
        ("060804015A0201", Part(0x15A, 2, 1)),
        ("0B0504158200000003F70301", Part(0xF7, 3, 1)),
        ("0500032A0304", None),
        ("0500032A0101", None),
        ("06050415820000", None),
        ("05000", None),
        ("zz00032A0302", None),
    ],
)
def test_the_user_data_header_tells_the_part(header: str, part: Part | None) -> None:
    assert parse_udh(header) == part


def test_meta_data_is_a_map_of_maps() -> None:
    meta = "?smpp?campaign_ref=xmas+26&x=%5D&?orig_msg?dlr_mask=31&"
    assert parse_meta(meta) == {"smpp": {"campaign_ref": "xmas 26", "x": "]"}, "orig_msg": {"dlr_mask": "31"}}


def test_the_network_error_code_is_read_from_meta_data() -> None:
    assert network_error("?smpp?dlr_err=%03%00%1B&") == "027"
    assert network_error("?smpp?dlr_err=%03&") == ""
    assert network_error("?smpp?") == ""


@pytest.mark.parametrize(
    ("event", "nack", "code", "told"),
    [
        ("Sent SMS", None, "0", True),
        ("REJECTED Send SMS", "NACK/0x0000000b/Invalid Destination Address", "0x0000000b", True),
        ("REJECTED Send SMS", "NACK/", "KANNEL_REJECTED", False),
        ("REJECTED Send SMS", None, "KANNEL_REJECTED", False),
        ("DISCARDED SMS", "NACK/no SMSC", "KANNEL_NO_SMSC", False),
        ("DISCARDED SMS", "NACK/Retries Exceeded", "KANNEL_RETRIES_EXCEEDED", False),
        ("DISCARDED SMS", "NACK/something else", "KANNEL_DISCARDED", False),
        ("FAILED Send SMS", None, "KANNEL_FAILED", False),
        ("EXPIRED SMS", None, "KANNEL_EXPIRED", False),
    ],
)
def test_the_code_of_an_answer_is_told_or_said_to_be_unknown(
    event: str, nack: str | None, code: str, told: bool
) -> None:
    answer = closing_answer(event, nack)
    assert (answer.code, answer.told) == (code, told)


@given(st.binary(max_size=400))
def test_any_bytes_can_be_read(raw: bytes) -> None:
    assert parse_line(raw, OWN) is None or raw


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80), st.sampled_from([0, 1, 2]))
def test_any_text_comes_back(text: str, coding: int) -> None:
    shown = text if coding == 0 else text.encode().hex().upper()
    line = read(f"{HEAD}[flags:-1:{coding}:-1:-1:31] [msg:{len(text)}:{shown}] [udh:0:]")
    assert line is not None
    assert line.text == shown
