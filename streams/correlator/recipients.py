"""Recipients by the batch: a 64-bit value for each, the same that `streams.health.sketch` hashes one by one."""

from __future__ import annotations

import itertools
import warnings
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from streams.health import sketch
from streams.health.sketch import UInts

Ints = npt.NDArray[np.int64]

_MOST_DIGITS: Final = 18
_TOO_MUCH: Final = 10**_MOST_DIGITS
_NO_NUMBER: Final = 1 << 63
_RANK_BITS: Final = 54
_SPARSE: Final = b"\x01"
_DENSE_FROM: Final = 512
_NAME_BITS: Final = 44
_KEY_BITS: Final = 10


def value_of(recipient: str) -> int:
    """Return the digits of a recipient as a number; where it has none, or too many, a number from 2**63 on."""
    if len(recipient) <= _MOST_DIGITS and recipient.isascii():
        try:  # nearly always it is "+" and digits
            number = int(recipient)
        except ValueError:
            number = 0
        if number > 0:
            return number
    return sketch.digits(recipient) or (zlib.crc32(recipient.encode()) | _NO_NUMBER)


def values_of(recipients: Sequence[str]) -> UInts:
    """Return `value_of` of many; where all of them are "+" and digits, as nearly always, at a fifth of the cost."""
    text = ",".join(recipients)
    values = _numbers(text)
    if values is not None and 0 < len(values) == len(recipients) and values.min() > 0 and values.max() < _TOO_MUCH:
        # Nothing else is in the text: a number is never longer than what it was read from.
        found = values.view(np.uint64)
        if sketch.lengths(found).sum() + text.count("+") + len(found) - 1 == len(text):
            return found
    return np.fromiter([value_of(recipient) for recipient in recipients], np.uint64, len(recipients))


def _numbers(text: str) -> Ints | None:
    """Return the numbers of a list with commas, None where it is not all numbers; "+" and blanks are let pass."""
    if not text.isascii():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # what this numpy still says so, a later one raises
        try:
            return np.fromstring(text, np.int64, sep=",")
        except (DeprecationWarning, ValueError):
            return None


class Details:
    """What is said of the recipients of a route in a window: the sketch of the distinct ones, and the fullest ranges.

    A range is a number (a recipient without the last two digits); ``submits`` has how many there were in each. They are
    told again as long as their window changes, so whoever writes them out may leave there what is ``encoded`` of them.
    """

    __slots__ = ("distinct", "encoded", "ranges", "submits")

    def __init__(self, distinct: bytes, ranges: UInts, submits: Ints) -> None:
        """Hold what is given; nothing is encoded."""
        self.distinct = distinct
        self.ranges = ranges
        self.submits = submits
        self.encoded = b""

    def fullest(self) -> dict[str, int]:
        """Return the ranges by name."""
        return dict(zip(map(str, self.ranges.tolist()), self.submits.tolist(), strict=True))


NO_DETAILS: Final = Details(b"", np.empty(0, np.uint64), np.empty(0, np.int64))


def details_of(groups: Ints, values: UInts, many: int) -> list[Details]:
    """Return the details of `many` groups in one go, from each value and the number of its group, in any order.

    The same as `streams.health.sketch.Distinct` and `sketch.fullest` give for each.
    """
    if not len(values):
        return [NO_DETAILS] * many
    ranges, submits, cuts = _fullest(groups, values, many)
    slices = map(slice, cuts, cuts[1:])
    found = zip(_sketches(groups, values, many), slices, strict=True)
    return [Details(data, ranges[own], submits[own]) for data, own in found]


def _sketches(groups: Ints, values: UInts, many: int) -> list[bytes]:
    """Return `sketch.Distinct.data` of each group: of every register in use the highest rank."""
    hashes = sketch.mix_many(values)
    registers = (hashes >> np.uint64(_RANK_BITS)).astype(np.int64)
    rest = hashes & np.uint64((1 << _RANK_BITS) - 1)
    # The bit length of up to 54 bits, by halves that a float holds exactly.
    high, low = (rest >> np.uint64(27)).astype(np.float64), (rest & np.uint64((1 << 27) - 1)).astype(np.float64)
    length = np.where(high > 0, np.frexp(high)[1] + 27, np.frexp(low)[1])
    entries = np.sort(groups << 16 | registers << 6 | (_RANK_BITS + 1 - length))
    entries = entries[np.append(entries[1:] >> 6 != entries[:-1] >> 6, True)]
    cuts = np.searchsorted(entries >> 16, np.arange(many + 1)).tolist()
    sparse = (entries & 0xFFFF).astype(">u2").tobytes()
    found = []
    for start, end in itertools.pairwise(cuts):
        data = sparse[2 * start : 2 * end]
        if end - start >= _DENSE_FROM:  # so full that it has another form
            full = sketch.Distinct(_SPARSE + data)
            found.append(full.data())
        else:
            found.append(_SPARSE + data if data else b"")
    return found


def _fullest(groups: Ints, values: UInts, many: int) -> tuple[UInts, Ints, list[int]]:
    """Return the ranges of all groups, how many submits there were in each, and where each group begins and ends."""
    numeric = (values < np.uint64(_NO_NUMBER)) & (values >= np.uint64(100))
    groups, names = _sorted(groups[numeric], values[numeric] // np.uint64(100))
    first = np.flatnonzero(np.append(True, (groups[1:] != groups[:-1]) | (names[1:] != names[:-1]))[: len(names)])
    counts = np.diff(first, append=len(names))
    groups, names = groups[first], names[first]
    sizes = np.bincount(groups, minlength=many)
    if sizes.max() > sketch.KEPT_RANGES:
        kept = _kept(groups, names, counts, sizes)
        names, counts = names[kept], counts[kept]
        sizes = np.minimum(sizes, sketch.KEPT_RANGES)
    return names, counts, [0, *np.cumsum(sizes).tolist()]


def _kept(groups: Ints, names: UInts, counts: Ints, sizes: Ints) -> Ints:
    """Return the places of the fullest ranges of each group, group by group; equally full ones by their hash."""
    hashes = sketch.mix_many(names)
    if max(len(sizes), int(counts.max())) < 1 << _KEY_BITS:  # one key of all three sorts in a fraction of the time
        keys = (groups << _KEY_BITS | (1 << _KEY_BITS) - 1 - counts).astype(np.uint64) << np.uint64(64 - 2 * _KEY_BITS)
        order = np.argsort(keys | hashes >> np.uint64(2 * _KEY_BITS))
    else:
        order = np.lexsort((hashes, -counts, groups))
    place_in_group = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return order[place_in_group < sketch.KEPT_RANGES]


def _sorted(groups: Ints, names: UInts) -> tuple[Ints, UInts]:
    """Sort by group, then by name; as one number each where both fit into it, which is much faster."""
    if len(names) and int(names.max()) >> _NAME_BITS == 0 and int(groups.max()) >> (63 - _NAME_BITS) == 0:
        both = np.sort(groups.astype(np.uint64) << np.uint64(_NAME_BITS) | names)
        return (both >> np.uint64(_NAME_BITS)).astype(np.int64), both & np.uint64((1 << _NAME_BITS) - 1)
    order = np.lexsort((names, groups))
    return groups[order], names[order]
