"""How many parts a text takes: GSM 03.38 (3GPP TS 23.038) or UCS-2, whole or concatenated (3GPP TS 23.040).

One message holds 140 octets: 160 septets of the GSM alphabet, or 70 units of UCS-2. In a long message each part gives
up 6 octets to the header that joins them: 153 septets or 67 units are left; with a 16-bit reference (7 octets) 152, 66.
Characters of the GSM extension table take two septets, characters outside the basic plane (emoji) two units; neither
pair is cut in two, so a part can end one short. National language tables are not used: few networks offer them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

GSM7, UCS2 = "gsm7", "ucs2"

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The GSM 7-bit default alphabet, one septet each (TS 23.038, section 6.2.1; without the escape itself)."""

EXTENSION = frozenset("\f^{}\\[~]|€")
"""Its extension table, two septets each (section 6.2.1.1)."""

_OCTETS = 140
_HEADER = {8: 6, 16: 7}
_LOOK_ALIKE: Mapping[str, str] = {
    **dict.fromkeys("‘’‚‛ʼ`´′", "'"),
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2009\u202f\t", " "),
    **{"…": "...", "•": "-", "œ": "oe", "Œ": "OE", "ﬁ": "fi", "ﬂ": "fl", "\u200b": "", "\ufeff": "", "\u00ad": ""},
}


class Segments(NamedTuple):
    """What a text takes. ``units``: septets of gsm7, 16-bit units of ucs2; ``capacity``: of one part, in units.

    ``left``: units that still fit into the last part; ``forcing``: characters that the GSM alphabet does not have.
    """

    encoding: str
    characters: int
    units: int
    parts: int
    capacity: int
    left: int
    forcing: tuple[str, ...]


def count_segments(text: str, encoding: str = "", reference_bits: int = 8) -> Segments:
    """Return what a text takes; the encoding is the smaller one that can write it, unless said.

    `reference_bits`: 8 or 16, the size of the number that joins the parts of a long message. Raises ValueError where
    the GSM alphabet is asked for and cannot write the text. An empty text is one part.
    """
    if encoding not in ("", GSM7, UCS2) or reference_bits not in _HEADER:
        raise ValueError(f"encoding is {GSM7} or {UCS2}, and reference_bits 8 or 16")
    forcing = tuple(dict.fromkeys(char for char in text if char not in BASIC and char not in EXTENSION))
    if encoding == GSM7 and forcing:
        raise ValueError(f"the GSM alphabet cannot write {' '.join(forcing)!r}")
    encoding = encoding or (UCS2 if forcing else GSM7)
    double = sum(char in EXTENSION for char in text) if encoding == GSM7 else sum(char > "\uffff" for char in text)
    units = len(text) + double
    whole, part = _capacities(encoding, reference_bits)
    if units <= whole:
        return Segments(encoding, len(text), units, 1, whole, whole - units, forcing)
    parts, used = _packed(text, encoding, part) if double else (-(-units // part), (units - 1) % part + 1)
    return Segments(encoding, len(text), units, parts, part, part - used, forcing)


def parts_of_octets(octets: int, reference_bits: int = 8) -> int:
    """Return how many parts a binary message of so many octets takes: 140, or 134 in each of several."""
    part = _OCTETS - _HEADER[reference_bits]
    return 1 if octets <= _OCTETS else -(-octets // part)


def plainer(text: str) -> str:
    """Return the text in the GSM alphabet as far as it can be without changing what it says.

    Typographic signs become plain ones, and letters lose accents that the alphabet does not have (ç, ê, â become c, e,
    a; é, è, à, ù stay). What has no plain form stays as it is.
    """
    return "".join(char if char in BASIC or char in EXTENSION else _plain(char) for char in text)


def _plain(char: str) -> str:
    known = _LOOK_ALIKE.get(char)
    if known is not None:
        return known
    letters = "".join(one for one in unicodedata.normalize("NFKD", char) if not unicodedata.combining(one))
    return letters if letters and all(one in BASIC for one in letters) else char


def _capacities(encoding: str, reference_bits: int) -> tuple[int, int]:
    """Units of a message that is whole, and of one part of several."""
    left = _OCTETS - _HEADER[reference_bits]
    return (_OCTETS * 8 // 7, left * 8 // 7) if encoding == GSM7 else (_OCTETS // 2, left // 2)


def _packed(text: str, encoding: str, capacity: int) -> tuple[int, int]:
    """The parts, and the units used in the last, where pairs are not cut in two."""
    parts, used = 1, 0
    for char in text:
        width = 2 if (char in EXTENSION if encoding == GSM7 else char > "\uffff") else 1
        if used + width > capacity:
            parts, used = parts + 1, 0
        used += width
    return parts, used
