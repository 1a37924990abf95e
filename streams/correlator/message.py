"""One message as the correlator keeps it: its facts, what was last said of it, and when it is due again."""

from __future__ import annotations

from typing import Any, Final

from streams.correlator.facts import Facts
from streams.correlator.notes import Lane
from streams.correlator.verdict import Finding
from streams.events import DeliveryReport, Submit, SubmitResponse

GENERAL: Final = 0
FIRST_SUBMIT: Final = 1
FIRST_ANSWER: Final = 2
SEGMENTS: Final = 3
ANNOUNCED: Final = 4
ON_ITS_WAY: Final = 5
FIRST_REPORT: Final = 6
"""How simple the history of a message is so far; `streams.correlator.shortcuts` continues the simple ones."""

PACKED_FORMAT: Final = 1


class Message(Facts):
    """State of one message.

    ``due_ms`` is when time next has something to do with it: a timeout, forgetting it, or (where nothing is
    waited for, as with pending ones) writing it anew. ``longest_due_ms`` is the largest it ever had; forgetting
    never comes before it (see docs/runtime.md, "Changelog").
    """

    __slots__ = (
        "account",
        "deadline_ms",
        "drop_at_ms",
        "due_ms",
        "encoded",
        "finding",
        "key",
        "lane",
        "longest_due_ms",
        "message_id",
        "stage",
        "version",
    )

    def __init__(self, key: str, account: str, message_id: str) -> None:
        """Start with nothing known."""
        # Not by super().__init__(): a message is made for every third event, and the call costs as much as the rest.
        self.submits: dict[int, Submit] = {}
        self.set_aside: tuple[Submit, ...] = ()
        self.answers: tuple[SubmitResponse, ...] = ()
        self.reports: tuple[DeliveryReport, ...] = ()
        self.campaign = ""
        self.created_at_ms = 0
        self.key = key
        self.account = account
        self.message_id = message_id
        self.version = 0
        self.stage = GENERAL
        self.deadline_ms: int | None = None
        self.drop_at_ms: int | None = None
        self.due_ms = 0
        self.longest_due_ms = 0
        self.finding: Finding | None = None
        """What was last said of it; None where that was before a restore."""
        self.lane: Lane | None = None
        """What counting remembers: the message's route."""
        self.encoded: Any = None
        """What the encoder remembers between revisions: the bytes that are the same in all of them."""

    def pack(self) -> tuple[Any, ...]:
        """Return the state as values that msgpack knows, for the changelog and the disk."""
        return (
            self.account,
            self.message_id,
            self.campaign,
            self.created_at_ms,
            list(self.submits.values()),
            self.set_aside,
            self.answers,
            self.reports,
            self.version,
            self.stage,
            self.deadline_ms,
            self.drop_at_ms,
            self.due_ms,
            self.longest_due_ms,
        )

    @classmethod
    def unpack(cls, packed: tuple[Any, ...] | list[Any]) -> Message:
        """Rebuild a message from what `pack` gave."""
        account, message_id = packed[0], packed[1]
        message = cls(message_key(account, message_id), account, message_id)
        message.campaign, message.created_at_ms = packed[2], packed[3]
        submits = [Submit._make(values) for values in packed[4]]
        message.submits = {submit.attempt: submit for submit in submits}
        message.set_aside = tuple(map(Submit._make, packed[5]))
        message.answers = tuple(map(SubmitResponse._make, packed[6]))
        message.reports = tuple(map(DeliveryReport._make, packed[7]))
        message.version, message.stage = packed[8], packed[9]
        message.deadline_ms, message.drop_at_ms = packed[10], packed[11]
        message.due_ms, message.longest_due_ms = packed[12], packed[13]
        return message


def message_key(account: str, message_id: str) -> str:
    """Return the key of a message among all of a partition."""
    return f"{account}\x00{message_id}"
