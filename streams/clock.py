"""The one place where the wall clock is read."""

import time


def now_ms() -> int:
    """Return the wall-clock time, epoch milliseconds UTC."""
    return time.time_ns() // 1_000_000
