"""The text of a delivery receipt, read however it is written."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.receipts.dates import parse_date
from streams.receipts.text import EMPTY, ReceiptText, parse_receipt
from tests.unit.receipt_cases import CASES, IDS, NOTHING, Case

NOVEMBER_2026 = 1_795_355_966_000


def test_the_form_of_the_specification() -> None:
    receipt = parse_receipt(
        "id:1234567890 sub:001 dlvrd:001 submit date:1608011415 done date:1608011417 stat:DELIVRD err:000 Text:Hi you"
    )
    assert tuple(receipt) == ("1234567890", "001", "001", "1608011415", "1608011417", "DELIVRD", "000", "Hi you", None)
    assert receipt.code == "DELIVRD"


@pytest.mark.parametrize("deviation", CASES, ids=lambda one: one.name)
def test_deviation(deviation: Case) -> None:
    told = {name: value for name, value in parse_receipt(deviation.body)._asdict().items() if value is not None}
    assert told == deviation.fields


@pytest.mark.parametrize("message_id", IDS)
def test_ids_of_every_form_are_kept_as_written(message_id: str) -> None:
    for body in (
        f"id:{message_id} sub:001 dlvrd:001 submit date:1 done date:2 stat:DELIVRD err:000 text:",
        f"id:{message_id}",
    ):
        assert parse_receipt(body).id == message_id
    assert parse_receipt(f"stat:DELIVRD id:{message_id}\0").id == message_id


@pytest.mark.parametrize("body", NOTHING)
def test_what_is_no_receipt_says_nothing(body: str) -> None:
    assert parse_receipt(body) == EMPTY


def test_a_state_without_its_key_is_what_the_catalog_is_asked() -> None:
    assert parse_receipt("id:7 done date:2611221401 UNDELIV err:021").code == "UNDELIV"
    assert parse_receipt("id:7 EXPIRED stat:UNDELIV").code == "UNDELIV"
    assert parse_receipt("id:7 stat:DELIVRD err:000 message DELIVRD to you").word is None


@pytest.mark.parametrize(
    ("date", "ms"),
    [
        ("2611221359", 1795355940000),
        ("261122135926", 1795355966000),
        ("202611221359", 1795355940000),
        ("20261122135926", 1795355966000),
        ("2026112213592650", 1795355966500),
        ("261122135926008+", 1795348766000),
        ("261122135926508-", 1795363166500),
        ("2026-11-22 13:59:26", 1795355966000),
        ("2026-11-22T13:59:26.250Z", 1795355966250),
        ("2026-11-22T14:59:26+01:00", 1795355966000),
        ("2026/11/22 13:59", 1795355940000),
        ("20261122 135926", 1795355966000),
        ("1795355966000", 1795355966000),
        ("1795355966", 1795355966000),
        *[(nothing, None) for nothing in ("0000000000", "2613221359", "2602301200", "1608", "", None, "26112213x9")],
        *[
            (nothing, None)
            for nothing in ("26112212", "000000000001000R", "2026-13-22 13:59:26", "9999999999", "x" * 500)
        ],
    ],
)
def test_dates_have_ten_to_sixteen_digits_and_other_forms(date: str | None, ms: int | None) -> None:
    moment = parse_date(date, NOVEMBER_2026)
    assert (moment.ms if moment else None) == ms


def test_twelve_digits_are_read_as_the_date_that_is_near() -> None:
    in_2020 = 1_577_836_800_000
    moment = parse_date("200102030405", in_2020)
    assert moment is not None
    assert moment.ms == 1_577_934_245_000  # 2020-01-02 03:04:05, not the year 2001


def test_a_number_counts_from_1970_only_where_that_is_near() -> None:
    assert parse_date("1795355966000") is None
    assert parse_date("1000000000000", NOVEMBER_2026) is None


# ---- laws --------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *("id:", "sub:", "stat:", "err:", "text:", "submit date:", "done date:", "dlvrd:", "DELIVRD", "7", "[", "]"),
        *("\0", " ", "+", "%20", "%3A", "[content:", "[msg:9:", "=", ",", ";", "'", '"', "\n"),
        *("\u4e00", "\ud800", "é", "00", "2611221359"),
    ]
)


@given(st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=60).map("".join)))
def test_reading_never_fails(body: str) -> None:
    receipt = parse_receipt(body)
    assert isinstance(receipt, ReceiptText)
    assert all(value is None or isinstance(value, str) for value in receipt)
    parse_date(receipt.done_date, NOVEMBER_2026)
    parse_date(body)


@given(st.binary(max_size=200))
def test_reading_octets_never_fails(octets: bytes) -> None:
    for encoding in ("latin-1", "utf-16-be", "utf-16-le", "utf-8"):
        parse_receipt(octets.decode(encoding, "replace"))


@given(st.text(max_size=120), st.sampled_from(["text:", "Text:", "TEXT:", "text: "]))
def test_no_id_is_ever_taken_from_the_message(message: str, key: str) -> None:
    receipt = parse_receipt(f"sub:001 stat:DELIVRD err:000 {key}{message}")
    assert (receipt.id, receipt.stat, receipt.err) == (None, "DELIVRD", "000")


@given(st.text(max_size=120))
def test_the_message_changes_nothing_that_stands_before_it(message: str) -> None:
    body = "id:7 sub:001 dlvrd:001 submit date:2611221359 done date:2611221401 stat:DELIVRD err:000 text:"
    assert parse_receipt(body + message)[:7] == parse_receipt(body)[:7]


KEYS = [("id", "a-1"), ("sub", "001"), ("dlvrd", "000"), ("submit date", "2611221359"), ("done date", "2611221401")]


@given(
    st.permutations([*KEYS, ("stat", "UNDELIV"), ("err", "027")]),
    st.sampled_from([" ", "  ", "\t", "\n", ";", ",", "|"]),
)
def test_the_order_and_the_separator_do_not_matter(order: list[tuple[str, str]], separator: str) -> None:
    receipt = parse_receipt(separator.join(f"{key}:{value}" for key, value in order))
    assert receipt[:7] == ("a-1", "001", "000", "2611221359", "2611221401", "UNDELIV", "027")


@given(st.permutations([*KEYS[1:], ("stat", "UNDELIV"), ("err", "027")]))
def test_glued_keys_are_told_apart_in_any_order(order: list[tuple[str, str]]) -> None:
    receipt = parse_receipt("id:42" + "".join(f"{key}:{value}" for key, value in order))
    assert receipt[:7] == ("42", "001", "000", "2611221359", "2611221401", "UNDELIV", "027")


MEGABYTE = 1_000_000
ADVERSE = [
    *(
        "id:",
        "id: text: ",
        "sub:1",
        "id:1sub:1",
        "[id:",
        "[id: ",
        " ",
        "\0",
        "text: ",
        "done ",
        "submit",
        "+sub:",
        "+",
        "%20id",
    ),
    *(
        "ab",
        "ab ",
        "\u4e00",
        "\0a",
        "[msg:9:",
        "[content:",
        ",1",
        "DELIVRD:",
        "DELIVRD ",
        "message_",
        "receipted ",
        "x",
        ":",
        "id: ",
    ),
    *(
        "submit date:2026-11-22 13:59:26 ",
        "id=",
        "id=1,",
        "id=1 id:",
        "stat=,",
        "text: stat: ",
        "id:7 x ",
        "'",
        '"',
        "b'",
        "]",
        "9",
        "-id:",
        "é",
        "00,",
        "[status:",
    ),
]


@pytest.mark.parametrize("piece", ADVERSE)
def test_reading_takes_linear_time(piece: str) -> None:
    def seconds(size: int) -> float:
        body = "id:7 " * (piece[0] in "Dx") + piece * (size // len(piece)) + " err:1"
        started = time.process_time()
        parse_receipt(body)
        return time.process_time() - started

    assert min(seconds(MEGABYTE // 4) for _ in range(2)) < 1.5
