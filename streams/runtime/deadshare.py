"""When too much of the input is unusable for this to be an accident."""

from __future__ import annotations

from streams.events import DeadLetter
from streams.runtime.errors import TooManyDeadLettersError

_FEW_RECORDS = 1_000
"""The share of dead letters is judged on at least so many records."""


class DeadShare:
    """Counts the records that a worker read, and the unusable ones among them."""

    def __init__(self, worker: str, most: float) -> None:
        """`worker` is the section of the configuration that says how much is too much: `most`, a share up to 1."""
        self._worker = worker
        self._most = most
        self._records = 0
        self._unusable = 0

    def add(self, records: int, unusable: int) -> None:
        """Count some more."""
        self._records += records
        self._unusable += unusable

    def check(self, last: DeadLetter | None, many: int) -> None:
        """Raise `TooManyDeadLettersError` where it is too much; `last` is the last one, to be shown.

        Judged are not many more than the latest `many` records.
        """
        if last and self._records >= _FEW_RECORDS and self._unusable > self._most * self._records:
            raise TooManyDeadLettersError(
                f"{self._unusable} of {self._records} records could not be used, more than "
                f"{self._worker}.dead_letter_share = {self._most}. The last one, at offset {last.offset} of "
                f"{last.topic}, partition {last.partition}: {last.reason}, {last.detail}. Mend what writes these "
                "records (or raise the setting), then start again: it goes on where it last committed, so none is lost"
            )
        if self._records > many:
            self._records //= 2
            self._unusable //= 2
