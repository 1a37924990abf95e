"""Recipients in little room: a hash of numbers, distinct counts, number ranges, and a sample to find repetitions in.

All of it is deterministic and merges: the sketch of two partitions or windows is the sketch of all their recipients.

- **Hash.** `number_hash` of a recipient: its digits as a number, mixed to 64 bits (splitmix64). What has no digits, or
  too many, is hashed by its CRC-32. "+33 6 12" and "33612" are the same recipient.
- **Distinct recipients.** HyperLogLog with 1,024 registers: register = top 10 bits, rank = position of the first one
  in the other 54 (standard error 3.3 %; linear counting below 2,560). Bytes: empty = nothing seen; ``01`` and two
  bytes for each register in use, big endian, ``register << 6 | rank``, in order; or ``02`` and 1,024 bytes of ranks,
  from 512 registers on.
- **Ranges.** `number_range`: the recipient without its last two digits, that is a hundred numbers next to each
  other. Each window keeps the fullest; numbers in sequence fill a range within minutes, ordinary traffic never does.
- **Sample.** One recipient in `SAMPLE` (by hash) is in the sample: all submits to it are counted exactly, whatever
  window or partition they are in, so a repetition that is seen there is a fact and no estimate.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

SAMPLE: Final = 16
"""One recipient in so many is in the sample."""

KEPT_RANGES: Final = 24
"""A window names at most so many number ranges."""

_MASK: Final = (1 << 64) - 1
_BITS: Final = 10
_REGISTERS: Final = 1 << _BITS
_DENSE_FROM: Final = 512
_POWERS: Final = np.array([10**power for power in range(20)], np.uint64)
_SPARSE, _DENSE = b"\x01", b"\x02"

UInts = npt.NDArray[np.uint64]


def digits(recipient: str) -> int:
    """Return the digits of a recipient as a number; 0 where there are none or more than 18."""
    text = recipient.removeprefix("+")
    if not (text.isascii() and text.isdigit()):
        text = "".join(c for c in text if "0" <= c <= "9")
    return int(text) if 0 < len(text) <= 18 else 0


def number_hash(recipient: str) -> int:
    """Return the 64-bit hash of a recipient."""
    number = digits(recipient)
    return mix(number or (zlib.crc32(recipient.encode()) | 1 << 63))


def mix(value: int) -> int:
    """Spread a 64-bit number over 64 bits (splitmix64, Steele, Lea and Flood 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def mix_many(values: UInts) -> UInts:
    """`mix` of many numbers at once."""
    with np.errstate(over="ignore"):
        values = values + np.uint64(0x9E3779B97F4A7C15)
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return values ^ (values >> np.uint64(31))


def lengths(numbers: UInts) -> npt.NDArray[np.int64]:
    """Return how many decimal digits each number has; 0 has none."""
    if not len(numbers):
        return np.zeros(0, np.int64)
    # Numbers of recipients are nearly all of one length or two, so a few comparisons do instead of a search for each.
    shortest, longest = (_length(int(number)) for number in (numbers.min(), numbers.max()))
    found = np.full(len(numbers), shortest, np.int64)
    for power in range(shortest, longest):
        found += numbers >= _POWERS[power]
    return found


def _length(number: int) -> int:
    return len(str(number)) if number else 0


# ---- number ranges and the sample --------------------------------------------------------------------------------


def number_range(recipient: str) -> str:
    """Return the range of a recipient: its digits without the last two ("" where there are no more)."""
    return str(digits(recipient) // 100 or "")


def fullest(ranges: Mapping[str, int], kept: int = KEPT_RANGES) -> dict[str, int]:
    """Return the fullest ranges, `kept` of them, in a fixed order; equally full ones are chosen by their hash.

    By hash, not by name: so a flood of numbers that are near each other, each in a range of its own, is thinned out
    as everything else is, and not lost or kept as a whole.
    """
    order = sorted((-count, mix(int(name)), name) for name, count in ranges.items() if name.isdecimal())
    return {name: -count for count, _, name in order[:kept]}


def sample_key(campaign: str, hash_: int) -> str:
    """Return the key under which `campaign_sample` counts a submit; "" where the recipient is not in the sample."""
    if hash_ % SAMPLE:
        return ""
    return f"{campaign}/{((hash_ >> 4) & 0xFF_FFFF_FFFF).to_bytes(5).hex()}"


def sampled_campaign(key: str) -> tuple[str, str]:
    """Split a key of `campaign_sample` into campaign and hash."""
    campaign, _, hash_ = key.rpartition("/")
    return campaign, hash_


# ---- distinct recipients -----------------------------------------------------------------------------------------


class Distinct:
    """Counts distinct recipients (HyperLogLog, Flajolet et al. 2007)."""

    __slots__ = ("_ranks",)

    def __init__(self, data: bytes = b"") -> None:
        """Begin empty, or go on from `data`; what is no sketch is taken for an empty one."""
        self._ranks = np.zeros(_REGISTERS, np.uint8)
        self.merge(data)

    def add(self, hash_: int) -> None:
        """Take in the hash of a recipient."""
        register, rank = hash_ >> (64 - _BITS), 65 - _BITS - (hash_ & ((1 << (64 - _BITS)) - 1)).bit_length()
        if rank > self._ranks[register]:
            self._ranks[register] = rank

    def add_many(self, hashes: UInts) -> None:
        """Take in many hashes at once."""
        registers = (hashes >> np.uint64(64 - _BITS)).astype(np.intp)
        rest = hashes & np.uint64((1 << (64 - _BITS)) - 1)
        # float64 holds 53 bits exactly; frexp's exponent is the bit length unless rounding carries, which needs
        # 54 ones in a row: cut the last two bits off first (a rank beyond 53 does not occur in practice)
        length = np.frexp((rest >> np.uint64(2)).astype(np.float64))[1] + 2
        length[rest < 4] = np.array([0, 1, 2, 2])[rest[rest < 4].astype(np.intp)]
        np.maximum.at(self._ranks, registers, (65 - _BITS - length).astype(np.uint8))

    def merge(self, data: bytes) -> None:
        """Take in everything another sketch has seen."""
        if data[:1] == _SPARSE:
            entries = np.frombuffer(data[1 : 1 + (len(data) - 1) // 2 * 2], ">u2").astype(np.intp)
            np.maximum.at(self._ranks, entries >> 6, (entries & 63).astype(np.uint8))
        elif data[:1] == _DENSE and len(data) == 1 + _REGISTERS:
            np.maximum(self._ranks, np.frombuffer(data[1:], np.uint8), out=self._ranks)

    def data(self) -> bytes:
        """Return the sketch as bytes, always the same for the same recipients."""
        used = np.flatnonzero(self._ranks)
        if not len(used):
            return b""
        if len(used) >= _DENSE_FROM:
            return _DENSE + self._ranks.tobytes()
        return _SPARSE + ((used << 6) | self._ranks[used]).astype(">u2").tobytes()

    def count(self) -> float:
        """Return about how many distinct recipients were seen."""
        zeros = _REGISTERS - int(np.count_nonzero(self._ranks))
        raw = 0.7213 / (1 + 1.079 / _REGISTERS) * _REGISTERS**2 / float(np.sum(2.0 ** -self._ranks.astype(np.float64)))
        return _REGISTERS * math.log(_REGISTERS / zeros) if zeros and raw <= 2.5 * _REGISTERS else raw


def distinct(sketches: Iterable[bytes]) -> float:
    """Return about how many distinct recipients several sketches have seen together."""
    total = Distinct()
    for data in sketches:
        total.merge(data)
    return total.count()
