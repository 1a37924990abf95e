"""How two spellings of one id are told to be one, and two ids not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.resolver.ids import RULE_NAMES, TEXT_RULES, IdRules, UnknownRuleError, kafka_key
from streams.resolver.partitioner import murmur2, partition_of

SAME = [
    ("as_is", "7f3a-22", "7f3a-22"),
    ("as_is", "7f3a-22", " 7f3a-22\0"),
    ("case", "5e0b.AA.01", "5E0B.aa.01"),
    ("zeros", "000451", "451"),
    ("zeros", "451", "0000000451"),
    ("zeros", "00B8C1", "B8C1"),
    ("zeros", "0", "000"),
    ("case+zeros", "00b8c1", "B8C1"),
    ("separators", "3b241101-e2bb-4255-8caf-4136c566a962", "3b241101e2bb42558caf4136c566a962"),
    ("separators", "12.34.56", "123456"),
    ("separators+case", "3B241101-E2BB", "3b241101e2bb"),
    ("hex_to_decimal", "1A2B3C4D", "439041101"),
    ("hex_to_decimal", "1a2b3c4d", "0439041101"),
    ("hex_to_decimal", "0x1A2B3C4D", "439041101"),
    ("hex_to_decimal", "F000000000000001", "17293822569102704641"),  # above 2^63: unsigned
    ("hex_to_decimal", "1" + "0" * 24, str(16**24)),  # far beyond 64 bits
    ("hex_to_signed", "F0000001", "-268435455"),
    ("hex_to_signed", "F000000000000001", "-1152921504606846975"),
    ("hex_to_signed", "1A2B3C4D", "439041101"),
    ("decimal_to_hex", "439041101", "1A2B3C4D"),
    ("decimal_to_hex", "439041101", "0x001a2b3c4d"),
    ("decimal_to_hex", "123456789012345678901234567890", format(123456789012345678901234567890, "x")),
    ("text_to_hex", "ab-1", "61622D31"),
    ("hex_to_text", "61622D31", "ab-1"),
]
DIFFERENT = [
    ("as_is", "000451", "451"),
    ("as_is", "ab", "AB"),
    ("case", "000451", "451"),
    ("zeros", "ab", "AB"),
    ("zeros", "00-451", "451"),
    ("zeros", "00-451", "0-451"),  # zeros before a dash mean something
    ("zeros", "04062581461644996000241", "4062581461644996000141"),
    ("hex_to_decimal", "16", "16"),  # 0x16 is 22
    ("hex_to_decimal", "439041101", "1A2B3C4D"),
    ("hex_to_decimal", "1A2B3C4D", "1A2B3C4D"),
    ("hex_to_decimal", "1A2B-3C4D", "439041101"),
    ("hex_to_decimal", "FFFFFFFFFFFFFFFF", "9223372036854775807"),  # what a saturating conversion makes of it
    ("decimal_to_hex", "1A2B3C4D", "439041101"),
    ("separators", "1-2", "1-3"),
    ("text_to_hex", "ab", "6263"),
]


@pytest.mark.parametrize(("rule", "answer", "receipt"), SAME)
def test_a_rule_relates_the_two_spellings_it_is_for(rule: str, answer: str, receipt: str) -> None:
    rules = IdRules([rule])
    assert rules.related(answer, receipt)
    assert rules.receipt_key(receipt) in rules.answer_keys(answer)


@pytest.mark.parametrize(("rule", "answer", "receipt"), DIFFERENT)
def test_a_rule_relates_nothing_else(rule: str, answer: str, receipt: str) -> None:
    assert not IdRules([rule]).related(answer, receipt)


@pytest.mark.parametrize(("rule", "answer", "receipt"), [pair for pair in SAME if pair[0] != "as_is"])
def test_no_rule_holds_that_was_not_declared(rule: str, answer: str, receipt: str) -> None:
    if answer != receipt:
        assert not IdRules().related(answer, receipt)


def test_several_rules_hold_beside_each_other() -> None:
    rules = IdRules(["as_is", "hex_to_decimal"])  # the TLV of a receipt has the id in hex, its text in decimal
    assert rules.related("1A2B3C4D", "1A2B3C4D")
    assert rules.related("1A2B3C4D", "439041101")
    assert not rules.related("1A2B3C4D", "1a2b3c4d"), "one rule's tolerance does not rub off on another"


def test_an_unknown_rule_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownRuleError, match="hex_to_decimal"):
        IdRules(["hexdec"])
    with pytest.raises(UnknownRuleError):
        IdRules(["case+hex_to_decimal"])


def test_ids_of_absurd_length_take_no_time() -> None:
    rules = IdRules([*RULE_NAMES])
    for id_ in ("9" * 1_000_000, "f" * 1_000_000, "0" * 1_000_000):
        assert rules.related(id_, id_)
        assert rules.receipt_key(id_)


names = st.lists(
    st.sampled_from([*RULE_NAMES, "case+zeros", "zeros+separators", "+".join(TEXT_RULES)]), min_size=1, unique=True
)
ids = st.one_of(
    st.text("0123456789abcdefABCDEFx-._ ", max_size=12),
    st.text("0aAx-", max_size=6),
    st.integers(0, 1 << 70).map(str),
    st.integers(0, 1 << 70).map(lambda n: f"{n:X}"),
    st.integers(-(1 << 63), 1 << 63).map(str),
    st.uuids().map(str),
    st.text(max_size=5),
)


@given(names=names, answer=ids, receipt=ids)
def test_what_is_related_has_a_key_in_common(names: list[str], answer: str, receipt: str) -> None:
    rules = IdRules(names)
    if rules.related(answer, receipt):
        assert rules.receipt_key(receipt) in rules.answer_keys(answer)


@given(names=names, answer=ids, data=st.data())
def test_every_spelling_that_a_rule_allows_is_found(names: list[str], answer: str, data: st.DataObject) -> None:
    """Spelled anew at random in the ways the declared rules overlook, an id is related and has a key in common."""
    rules = IdRules(names)
    spelled = answer.strip(" \t\r\n\0")
    if "zeros" in names and spelled.isascii() and spelled.isalnum():
        spelled = "0" * data.draw(st.integers(0, 3)) + spelled
    elif "case" in names and spelled.isascii():
        spelled = spelled.swapcase()
    elif "hex_to_decimal" in names and spelled.isascii() and spelled.isdigit():
        spelled = "0" * data.draw(st.integers(0, 3)) + str(int(spelled, 16))
    elif "as_is" not in names:
        return
    assert rules.related(answer, spelled)
    assert rules.receipt_key(spelled) in rules.answer_keys(answer)


def test_keys_land_where_java_clients_put_them() -> None:
    """Values of Kafka's own UtilsTest.testMurmur2."""
    known = {
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
        b"a-little-bit-longer-string": -1486304829,
        b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
        b"abc": 479470107,
    }
    for data, signed in known.items():
        assert murmur2(data) == signed & 0xFFFFFFFF
    assert partition_of(b"21", 12) == ((-973932308) & 0x7FFFFFFF) % 12


def test_a_key_is_bytes_whatever_the_id() -> None:
    assert kafka_key("p", "\ud800x") == b"p:?x"
