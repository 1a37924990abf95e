"""How many parts a text takes."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from streams.cli.segments import segments as command
from streams.segments import BASIC, EXTENSION, GSM7, UCS2, count_segments, parts_of_octets, plainer


@pytest.mark.parametrize(
    ("characters", "parts"),
    [(0, 1), (1, 1), (160, 1), (161, 2), (306, 2), (307, 3), (459, 3), (460, 4), (918, 6), (919, 7)],
)
def test_gsm_text_has_160_septets_or_153_in_each_part(characters: int, parts: int) -> None:
    told = count_segments("a" * characters)
    assert (told.encoding, told.units, told.parts) == (GSM7, characters, parts)


@pytest.mark.parametrize(("characters", "parts"), [(1, 1), (70, 1), (71, 2), (134, 2), (135, 3), (201, 3), (202, 4)])
def test_other_text_has_70_units_or_67_in_each_part(characters: int, parts: int) -> None:
    told = count_segments("ж" * characters)
    assert (told.encoding, told.units, told.parts) == (UCS2, characters, parts)


def test_one_character_outside_the_alphabet_changes_the_encoding_of_all() -> None:
    assert count_segments("a" * 71).parts == 1
    told = count_segments("a" * 70 + "ê")
    assert (told.encoding, told.parts, told.forcing) == (UCS2, 2, ("ê",))


def test_extension_characters_take_two_septets() -> None:
    assert count_segments("€" * 80).parts == 1
    assert count_segments("€" * 80 + "a").parts == 2
    assert {count_segments(char).units for char in EXTENSION} == {2}
    assert {count_segments(char).units for char in BASIC} == {1}
    assert len(BASIC) == 127  # and the escape makes 128


def test_emoji_take_two_units() -> None:
    assert count_segments("😊" * 35).parts == 1
    assert count_segments("😊" * 36).parts == 2


def test_a_pair_is_not_cut_in_two() -> None:
    assert count_segments("€" * 153).units == 306
    assert count_segments("€" * 153).parts == 3  # 76 in each part of 153 septets
    assert count_segments("😊" * 67).parts == 3  # 33 in each part of 67 units


def test_what_is_left_in_the_last_part() -> None:
    assert count_segments("a" * 150).left == 10
    assert count_segments("a" * 161).left == 145
    assert count_segments("a" * 306).left == 0


def test_a_16_bit_reference_leaves_152_and_66() -> None:
    assert count_segments("a" * 305, reference_bits=16).parts == 3
    assert count_segments("a" * 304, reference_bits=16).capacity == 152
    assert count_segments("ж" * 133, reference_bits=16).parts == 3


def test_binary_messages_have_140_octets_or_134() -> None:
    assert [parts_of_octets(octets) for octets in (0, 140, 141, 268, 269)] == [1, 1, 2, 2, 3]


def test_an_encoding_can_be_said_and_must_be_able_to_write_the_text() -> None:
    assert count_segments("a" * 71, UCS2).parts == 2
    with pytest.raises(ValueError, match="cannot write 'ж'"):
        count_segments("жa", GSM7)
    with pytest.raises(ValueError, match="encoding is"):
        count_segments("a", "latin1")


def test_plainer_text_keeps_what_the_alphabet_has() -> None:
    assert plainer("L’été à Noël – ça coûte 5 €…") == "L'été à Noel - ca coute 5 €..."
    assert plainer("Привет 😊") == "Привет 😊"


@given(st.text(max_size=800))
def test_more_text_never_takes_fewer_parts_and_fits_into_them(text: str) -> None:
    told = count_segments(text)
    assert told.units <= told.parts * told.capacity
    assert 0 <= told.left <= told.capacity
    assert count_segments(text + "a").parts >= told.parts
    assert told.parts == 1 or told.units > 140 * (8 / 7 if told.encoding == GSM7 else 0.5)
    assert count_segments(plainer(text)).parts <= told.parts + text.count("…") + text.count("œ")


def test_command_says_what_a_text_takes_and_what_would_take_less() -> None:
    told = CliRunner().invoke(command, ["L’été " + "a" * 100]).output
    assert "2 parts" in told
    assert "’" in told
    assert "1 part" in told.split("plainer", 1)[1]


def test_command_reads_lines() -> None:
    result = CliRunner().invoke(command, ["-"], input="abc\n" + "é" * 161 + "\n")
    first, second = (json.loads(line) for line in result.output.splitlines())
    assert (first["parts"], first["encoding"], first["units"]) == (1, "gsm7", 3)
    assert (second["parts"], second["left"]) == (2, 145)


def test_command_refuses_what_it_cannot_write() -> None:
    result = CliRunner().invoke(command, ["жa", "--encoding", "gsm7"])
    assert result.exit_code == 2
    assert "cannot write" in result.output
