"""The text of a delivery receipt."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.receipts.dates import parse_date
from streams.receipts.text import EMPTY, parse_receipt

NOVEMBER_2026 = 1_795_355_966_000


def test_the_form_of_the_specification() -> None:
    receipt = parse_receipt(
        "id:1234567890 sub:001 dlvrd:001 submit date:1608011415 done date:1608011417 stat:DELIVRD err:000 Text:Hi you"
    )
    assert receipt._asdict() == {
        "id": "1234567890",
        "sub": "001",
        "dlvrd": "001",
        "submit_date": "1608011415",
        "done_date": "1608011417",
        "stat": "DELIVRD",
        "err": "000",
        "text": "Hi you",
        "word": None,
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("STAT:UNDELIV ERR:21b ID:AB-1", ("AB-1", "UNDELIV", "21b")),
        ("4790000000SMSAlert^id:7 stat:DELIVRD", ("7", "DELIVRD", None)),
        ("stat:DELIVRD err:", (None, "DELIVRD", "")),
        ("id:7+sub:001+stat:DELIVRD+err:000", ("7", "DELIVRD", "000")),
        ("msgid:MM-7 stat:DELIVRD", ("MM-7", "DELIVRD", None)),
        ("id:7 stat:DELIVRD err:000\0", ("7", "DELIVRD", "000")),
        ("stat:DELIVRD err:000 text:id:666 stat:UNDELIV", (None, "DELIVRD", "000")),
        ("id:7 text: stat:DELIVRD", ("7", "DELIVRD", None)),
    ],
)
def test_keys_come_in_any_order_and_case_and_the_message_cannot_add_any(
    body: str, expected: tuple[str | None, ...]
) -> None:
    receipt = parse_receipt(body)
    assert (receipt.id, receipt.stat, receipt.err) == expected


def test_dates_without_the_space() -> None:
    receipt = parse_receipt("id:1 submitdate:1608011415 donedate:1608011417 stat:DELIVRD")
    assert (receipt.submit_date, receipt.done_date) == ("1608011415", "1608011417")


@pytest.mark.parametrize(
    ("date", "ms"),
    [
        ("2611221359", 1795355940000),
        ("261122135926", 1795355966000),
        ("202611221359", 1795355940000),
        ("20261122135926", 1795355966000),
        ("261122135926008+", 1795348766000),
        ("261122135926508-", 1795363166500),
        ("0000000000", None),
        ("2613221359", None),
        ("1608", None),
        ("", None),
        (None, None),
        ("26112213x9", None),
    ],
)
def test_dates_have_ten_to_sixteen_digits(date: str | None, ms: int | None) -> None:
    moment = parse_date(date, NOVEMBER_2026)
    assert (moment.ms if moment else None) == ms


def test_twelve_digits_are_read_as_the_date_that_is_near() -> None:
    in_2020 = 1_577_836_800_000
    moment = parse_date("200102030405", in_2020)
    assert moment is not None
    assert moment.ms == 1_577_934_245_000  # 2020-01-02 03:04:05, not the year 2001


@given(st.text(max_size=300))
def test_reading_never_fails(body: str) -> None:
    receipt = parse_receipt(body)
    assert isinstance(receipt, type(EMPTY))
    parse_date(receipt.done_date, NOVEMBER_2026)
    parse_date(body)


def test_reading_takes_linear_time() -> None:
    started = time.process_time()
    parse_receipt("id: text: " * 50_000 + "id" * 50_000 + ":" * 50_000)
    assert time.process_time() - started < 2.0
