"""What a code means, once looked up."""

from __future__ import annotations

from typing import Final, NamedTuple

OK: Final = "ok"
TEMPORARY: Final = "temporary"
PERMANENT: Final = "permanent"
UNKNOWN: Final = "unknown"


class AnswerOutcome(NamedTuple):
    """Meaning of an answer's code.

    ``kind`` is ok, temporary (the message stays open), permanent (refused for good) or unknown.
    """

    kind: str
    reason: str
    reason_class: str
    recipient_action: str


class ReportOutcome(NamedTuple):
    """Meaning of a report's code. ``billed`` None: the catalog does not say."""

    status: str
    final: bool
    reason: str
    reason_class: str
    recipient_action: str
    billed: bool | None
    known: bool


UNKNOWN_ANSWER: Final = AnswerOutcome(UNKNOWN, "unknown_code", "undetermined", "keep")
UNKNOWN_REPORT: Final = ReportOutcome("enroute", False, "unknown_code", "undetermined", "keep", None, False)
