"""Recipients by the batch: a 64-bit value for each, the same that `streams.health.sketch` hashes one by one."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.health import sketch
from streams.health.sketch import UInts

Ints = npt.NDArray[np.int64]

_MOST_DIGITS: Final = 18
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
    """Return `value_of` of many; where all of them are "+" and digits, as nearly always, at a third of the cost."""
    text = ",".join(recipients).replace("+", "")
    if text.replace(",", "").isdigit() and text.isascii() and ",," not in f",{text},":
        values = np.fromstring(text, np.int64, sep=",")
        if len(values) == len(recipients) and values.all() and max(map(len, recipients)) <= _MOST_DIGITS:
            return values.view(np.uint64)
    return np.fromiter([value_of(recipient) for recipient in recipients], np.uint64, len(recipients))


class Details(NamedTuple):
    """What is said of the recipients of a window: the sketch of the distinct ones, and the fullest ranges."""

    distinct: bytes
    ranges: dict[str, int]


NO_DETAILS: Final = Details(b"", {})


def details_of(windows: Sequence[Sequence[UInts]]) -> list[Details]:
    """Return the details of many windows (of the values of each), all of them in one go.

    The same as `streams.health.sketch.Distinct` and `sketch.fullest` give for each.
    """
    sizes = [sum(map(len, values)) for values in windows]
    if not any(sizes):
        return [NO_DETAILS] * len(sizes)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    values = np.concatenate([part for window in windows for part in window])
    sketches, ranges = _sketches(groups, values, len(sizes)), _fullest(groups, values, len(sizes))
    return [Details(*both) for both in zip(sketches, ranges, strict=True)]


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


def _fullest(groups: Ints, values: UInts, many: int) -> list[dict[str, int]]:
    numeric = (values < np.uint64(_NO_NUMBER)) & (values >= np.uint64(100))
    groups, names = _sorted(groups[numeric], values[numeric] // np.uint64(100))
    first = np.flatnonzero(np.append(True, (groups[1:] != groups[:-1]) | (names[1:] != names[:-1]))[: len(names)])
    counts = np.diff(first, append=len(names))
    groups, names = groups[first], names[first]
    sizes = np.bincount(groups, minlength=many)
    if len(sizes) and sizes.max() > sketch.KEPT_RANGES:
        kept = _kept(groups, names, counts, sizes)
        names, counts = names[kept], counts[kept]
        sizes = np.minimum(sizes, sketch.KEPT_RANGES)
    texts = [str(name) for name in names.tolist()]
    all_counts: list[int] = counts.tolist()
    found: list[dict[str, int]] = []
    start = 0
    for size in sizes.tolist():
        found.append(dict(zip(texts[start : start + size], all_counts[start : start + size], strict=True)))
        start += size
    return found


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
    if len(names) and int(names.max()) >> _NAME_BITS == 0 and int(groups[-1]) >> (63 - _NAME_BITS) == 0:
        both = np.sort(groups.astype(np.uint64) << np.uint64(_NAME_BITS) | names)
        return (both >> np.uint64(_NAME_BITS)).astype(np.int64), both & np.uint64((1 << _NAME_BITS) - 1)
    order = np.lexsort((names, groups))
    return groups[order], names[order]
