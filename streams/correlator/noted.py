"""What a step took in, as whole columns, and what in it was out of the ordinary.

Whoever counts what happened (`streams.health.aggregate`) needs the events of a step beside its revisions. In the
plain course every event is a new fact with a revision of its own, so the two lists stand side by side; only what is
otherwise is noted one by one, because noting every event would cost the hot loop what counting may cost at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streams.correlator.facts import Facts
from streams.events import DeliveryReport, Event, OrphanReport, Submit, SubmitResponse


class Special(NamedTuple):
    """A revision that the general rules made of an event. `position`: of the revision.

    `submit` is that of the event's attempt. `new`: the event is a new fact, and not a copy dated earlier or another
    submit of an attempt that is handed over already. `first`: it is the first answer of its attempt. `was` and
    `was_conflict` are the message's status and flag before, "" for one that was open or unknown. `early` are the
    facts that had waited for this submit.
    """

    position: int
    submit: Submit
    new: bool
    first: bool
    was: str
    was_conflict: bool
    early: tuple[SubmitResponse | DeliveryReport, ...]


class Silent(NamedTuple):
    """An event without a revision: `before` revisions had been made when it came.

    `copy`: it said nothing new; else it waits for its submit. `submit` is that of its attempt, where one is known.
    `at_ms` is stream time then.
    """

    before: int
    submit: Submit | None
    copy: bool
    at_ms: int


class Passed(NamedTuple):
    """A revision that a timeout made. `settled`: the message was so before."""

    position: int
    settled: bool


@dataclass(slots=True)
class Noted:
    """Beside the revisions of a step. Positions are positions in its list of revisions.

    ``events``, ``sources`` and ``times_ms`` are what was taken in, in order: the events, their inputs, their times.
    Each has either one revision or an entry in ``silent``. ``passed``: revisions that a timeout made instead.
    ``given_up``: orphans, with the stream time at which their waiting was over.
    """

    events: list[Event] = field(default_factory=list)
    sources: Sequence[int] = ()
    times_ms: Sequence[int] = ()
    special: list[Special] = field(default_factory=list)
    silent: list[Silent] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    given_up: list[tuple[int, OrphanReport]] = field(default_factory=list)

    def merge(self, later: Noted, revisions: int) -> None:
        """Add what a later step noted that took in no events; `revisions` had been made before it."""
        self.passed += [Passed(position + revisions, settled) for position, settled in later.passed]
        self.given_up += later.given_up


def submit_of(facts: Facts, event: Any) -> Submit:
    """Return the submit of the attempt that an event belongs to, as far as it can be told when it comes.

    Of an attempt without one, that of the nearest lower attempt, else of the lowest.
    """
    submits = facts.submits
    if len(submits) == 1:
        return next(iter(submits.values()))
    attempt = event.attempt
    if attempt is None:
        same_id = [a.attempt for a in facts.answers if a.provider_message_id == event.provider_message_id]
        begun = [number for number, submit in submits.items() if submit.submitted_at_ms <= event.received_at_ms]
        attempt = max(same_id if event.provider_message_id and same_id else begun or [min(submits)])
    own = submits.get(attempt)
    if own is not None:
        return own
    return submits[max((number for number in submits if number < attempt), default=min(submits))]
