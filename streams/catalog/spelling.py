"""How codes and words are compared: what people and systems write differently without meaning something else."""

from __future__ import annotations

import re
import unicodedata

_SIGNS = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u2010": "-", "\u2011": "-", "\u2012": "-"} | {
    "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u00ad": None, "\u200b": None, "\ufeff": None,
    "\u0153": "oe", "\u0152": "oe", "\u00e6": "ae", "\u00c6": "ae",
})  # fmt: skip
_WORD = re.compile(r"[^\W_]+")
_HEX = re.compile(r"0x[0-9a-f]{1,16}|[0-9a-f]{8}")
_ERR_HEX = re.compile(r"[0-9a-f]{1,8}")
_DECIMAL = re.compile(r"([0-9]{1,20})(?:\.0)?", re.ASCII)


def fold(word: str) -> str:
    """Fold a code: case, accents, typographic signs, and surrounding or doubled blanks do not count."""
    if word.isascii():
        return " ".join(word.lower().split())
    plain = unicodedata.normalize("NFKD", word.translate(_SIGNS))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).casefold().split())


def words_only(text: str) -> str:
    """Return the words of a text, folded, one blank between them: punctuation does not count either."""
    return " ".join(_WORD.findall(fold(text)))


def run_together(folded: str) -> str:
    """Return the letters and digits of a folded code: ``wait_approval`` is ``WaitApproval``.

    "" for what has no letter: in numbers a sign matters (``-1``, ``1.5``).
    """
    joined = "".join(_WORD.findall(folded))
    return joined if any(c.isalpha() for c in joined) else ""


def as_number(folded: str, hexadecimal: bool) -> str | None:
    """Give a number in the form the files use, decimal without leading zeros; None for what is none.

    ``16.0`` is what spreadsheets and data frames make of 16. Where numbers may be hexadecimal, eight digits are:
    a command_status as SMPP tools print it (``00000058``).
    """
    if hexadecimal and _HEX.fullmatch(folded):
        return str(int(folded, 16))
    decimal = _DECIMAL.fullmatch(folded)
    return None if decimal is None else str(int(decimal[1]))


def as_error_number(folded: str, hexadecimal: bool) -> str | None:
    """Give the number of an ``err:`` as the files write it, decimal without leading zeros; None for what is none.

    Where the numbering is hexadecimal, all its digits are (``010`` is 16).
    """
    if not hexadecimal:
        return as_number(folded, False)
    digits = folded.removeprefix("0x")
    return str(int(digits, 16)) if _ERR_HEX.fullmatch(digits) else None


def hexadecimal_forms(number: str, *widths: int) -> list[str]:
    """Return how a decimal number is written in hexadecimal: plain, padded to widths, with 0x; none for a word."""
    if not number.isascii() or not number.isdigit() or len(number) > 10:
        return []
    digits = f"{int(number):x}"
    padded = [digits.zfill(width) for width in widths]
    plain = padded if widths == (8,) else [digits, *padded]
    return list(dict.fromkeys([*plain, *(f"0x{form}" for form in (digits, *padded))]))
