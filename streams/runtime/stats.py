"""What a worker has done so far, for logs, progress displays and tests."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Stats:
    """Counters since the worker started. `records` were read; all others count what is committed."""

    records: int = 0
    processed: int = 0
    events: int = 0
    revisions: int = 0
    indexed: int = 0
    reports: int = 0
    rerouted: int = 0
    misplaced: int = 0
    timeouts: int = 0
    duplicates: int = 0
    orphans: int = 0
    dead_letters: int = 0
    clock_skew: int = 0
    transactions: int = 0
    aborts: int = 0
    restored: int = 0
    stream_time_ms: int = 0
    open_messages: int = 0

    def line(self) -> str:
        """Return the counters in one line, those that are zero left out."""
        return " ".join(f"{name}={value}" for name, value in asdict(self).items() if value)
