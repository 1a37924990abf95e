"""Recipients by the batch: a 64-bit value for each, the same that `streams.health.sketch` hashes one by one."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streams.health import sketch
from streams.health.sketch import UInts

_MOST_DIGITS = 18
_NO_NUMBER = 1 << 63


def value_of(recipient: str) -> int:
    """Return the digits of a recipient as a number; where it has none, or too many, a number from 2**63 on."""
    return sketch.digits(recipient) or (zlib.crc32(recipient.encode()) | _NO_NUMBER)


def values_of(recipients: Sequence[str]) -> UInts:
    """Return `value_of` of many: at once where all are plain numbers, as they nearly always are."""
    numbers = pc.ascii_ltrim(pa.array(recipients, pa.string()), characters="+")
    longest = pc.max(pc.binary_length(numbers)).as_py()
    if longest is None or longest > _MOST_DIGITS or not pc.all(pc.ascii_is_decimal(numbers)).as_py():
        return np.array([value_of(recipient) for recipient in recipients], np.uint64)
    values: UInts = pc.cast(numbers, pa.uint64()).to_numpy()
    if not values.all():  # "000" is no number either
        return np.array([value_of(recipient) for recipient in recipients], np.uint64)
    return values
