"""The facts of a message: what is known about it, each thing once (docs/status-rules.md, section 1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from streams.events import DeliveryReport, Submit, SubmitResponse

_DISPOSITION = {"submitted": 0, "excluded": 1, "pending": 2}


class Facts:
    """The distinct facts of one message, and what it is filed under.

    ``submits`` holds the standing submit of each attempt; ``set_aside`` the other differing ones, which count
    as facts but have no effect. ``campaign`` and ``created_at_ms`` are those of the first submit seen.
    """

    __slots__ = ("answers", "campaign", "created_at_ms", "reports", "set_aside", "submits")

    def __init__(self) -> None:
        """Start with nothing known."""
        self.submits: dict[int, Submit] = {}
        self.set_aside: tuple[Submit, ...] = ()
        self.answers: tuple[SubmitResponse, ...] = ()
        self.reports: tuple[DeliveryReport, ...] = ()
        self.campaign = ""
        self.created_at_ms = 0

    @property
    def count(self) -> int:
        """Number of distinct facts."""
        return len(self.submits) + len(self.set_aside) + len(self.answers) + len(self.reports)

    def add(self, event: Submit | SubmitResponse | DeliveryReport) -> bool:
        """Take in an event; False where nothing is different now."""
        if isinstance(event, Submit):
            return self.add_submit(event)
        if isinstance(event, SubmitResponse):
            return self.add_answer(event)
        return self.add_report(event)

    def add_submit(self, event: Submit) -> bool:
        """Take in a submit; False where it says nothing new."""
        if not self.submits:
            self.campaign = event.campaign
            self.created_at_ms = event.submitted_at_ms if event.created_at_ms is None else event.created_at_ms
        standing = self.submits.get(event.attempt)
        if standing is None:
            self.submits[event.attempt] = event
            return True
        if event == standing or event in self.set_aside:
            return False
        if submit_order(event) < submit_order(standing):
            self.submits[event.attempt] = event
            event = standing
        self.set_aside += (event,)
        return True

    def add_answer(self, event: SubmitResponse) -> bool:
        """Take in an answer; False where nothing is different now. Of copies the earliest stands."""
        known = self.answers
        self.answers = _with(known, event, answer_identity, answer_copy_order)
        return self.answers is not known

    def add_report(self, event: DeliveryReport) -> bool:
        """Take in a report; False where nothing is different now. Of copies the earliest stands."""
        known = self.reports
        self.reports = _with(known, event, report_identity, report_copy_order)
        return self.reports is not known


def submit_order(submit: Submit) -> tuple[Any, ...]:
    """Order of the differing submits of one attempt; the smallest stands."""
    content = tuple(
        (value is not None, sorted(value.items()) if isinstance(value, dict) else value) for value in submit
    )
    return (_DISPOSITION[submit.disposition], submit.submitted_at_ms, content)


def answer_identity(answer: SubmitResponse) -> tuple[object, ...]:
    """What makes two answers one fact."""
    return (answer.attempt, answer.part, answer.code, answer.provider_message_id)


def answer_copy_order(answer: SubmitResponse) -> tuple[Any, ...]:
    """Order of copies of one answer; the smallest stands."""
    return (answer.responded_at_ms, answer.provider, answer.text)


def report_identity(report: DeliveryReport) -> tuple[object, ...]:
    """What makes two reports one fact."""
    return (
        report.attempt,
        report.part,
        report.code,
        report.err,
        report.done_at_ms,
        report.provider_message_id,
    )


def report_copy_order(report: DeliveryReport) -> tuple[Any, ...]:
    """Order of copies of one report; the smallest stands."""
    return (report.received_at_ms, report.provider, report.text)


E = TypeVar("E", SubmitResponse, DeliveryReport)


def _with(
    known: tuple[E, ...],
    event: E,
    identity: Callable[[E], tuple[object, ...]],
    order: Callable[[E], tuple[Any, ...]],
) -> tuple[E, ...]:
    """Return the known events and this one; the known ones themselves where it is a later copy of one of them."""
    own = identity(event)
    facts = list(known)
    for index, other in enumerate(known):
        if identity(other) == own:
            if order(event) < order(other):
                facts[index] = event
                return tuple(facts)
            return known
    facts.append(event)
    return tuple(facts)
