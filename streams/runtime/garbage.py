"""Python's garbage collector, kept off the hot path.

The collector walks all long-lived state again and again to look for reference cycles, of which ours has none; with many
open messages that took a sixth to a third of the processor time. Reference counting frees everything else, so the
collector runs only where the worker has nothing to do.
"""

from __future__ import annotations

import gc
import time

_EVERY_S = 600.0


class Housekeeping:
    """Switches the collector off; `idle` lets it run now and then."""

    def __init__(self) -> None:
        """Switch it off for this process."""
        gc.disable()
        self._last = time.monotonic()

    def idle(self) -> None:
        """Collect, if it is time to; call it when there is nothing else to do."""
        if time.monotonic() - self._last > _EVERY_S:
            gc.collect()
            self._last = time.monotonic()
