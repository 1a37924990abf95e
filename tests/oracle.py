"""The status rules of docs/status-rules.md a second time: slow, plain, written without looking at the core.

``message_row`` takes every event seen of one message and a stream time and gives the row these make.
Nothing is remembered between calls and nothing is computed ahead: where the core is clever, this is not.
The section numbers in the comments are those of the page. All times are epoch milliseconds UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from streams.events import Event, MessageStatus, Submit
from tests.oracle_facts import (
    Answer,
    Attempt,
    Config,
    Outcomes,
    Part,
    Report,
    attempts,
    distinct_answers,
    distinct_reports,
    distinct_submits,
    duration_ms,
    setting,
)

SETTLED = ("excluded", "sent_without_sr", "delivered", "partially_delivered", "failed")
OPEN_LEAST_ADVANCED_FIRST = ("pending", "submitted", "accepted", "enroute")


class Timeout(NamedTuple):
    attempt: int
    part: int
    kind: str
    deadline_ms: int
    stopped_ms: int | None

    def has_passed(self, stream_time_ms: int) -> bool:
        if self.stopped_ms is not None:
            return self.stopped_ms > self.deadline_ms
        return stream_time_ms >= self.deadline_ms


class PartState(NamedTuple):
    """Section 3.4 and 3.5. ``named``: the fact the status came from names this very part."""

    part: Part
    status: str
    derived: bool = False
    decided_ms: int | None = None
    reason: str = ""
    reason_class: str = "none"
    action: str = "keep"
    named: bool = False
    late: bool = False


class AttemptState(NamedTuple):
    """``considered``: the considered parts that have a say."""

    attempt: Attempt
    considered: Sequence[PartState]
    status: str
    telling: PartState

    @property
    def derived(self) -> bool:
        return any(s.derived for s in self.considered if s.status == self.telling.status)

    @property
    def late(self) -> bool:
        return not self.derived and any(s.late for s in self.considered)


# --- 3. the status of one part


def part_state(part: Part, attempt: Attempt, passed: Sequence[Timeout]) -> PartState:
    """``passed``: the timeouts of this part that have passed."""
    state = status_of(part, attempt, {t.kind for t in passed})
    decided = state.decided_ms
    late = decided is not None and any(t.deadline_ms < decided for t in passed)
    return state._replace(late=late and not state.derived)


def status_of(part: Part, attempt: Attempt, passed: set[str]) -> PartState:
    final, between, answer = part.final, part.intermediate, part.answer
    if final is not None and final.outcome.status == "delivered":
        return PartState(part, "delivered", decided_ms=final.fact.received_at_ms, named=final.part is not None)
    if answer is not None and part.refused:
        return from_answer(part, "failed", answer)
    if final is not None:
        return from_report(part, final)
    if between is not None and between.outcome.status == "enroute":
        if "validity" in passed:
            return PartState(part, "failed", True, None, "expired", "temporary", "retry")
        return from_report(part, between)
    if part.ok or between is not None:
        if "receipt" in passed:
            return PartState(part, "sent_without_sr", True)
        if answer is not None and part.ok:
            return PartState(part, "accepted", decided_ms=answer.fact.responded_at_ms)
        return PartState(part, "accepted", decided_ms=between.fact.received_at_ms if between else None)
    if attempt.disposition == "pending":
        return PartState(part, "pending")
    if attempt.disposition == "excluded":
        reason = attempt.submit.exclusion_reason or "excluded"
        return PartState(part, "excluded", reason=reason, reason_class="sender")
    if answer is not None:
        state = from_answer(part, "failed" if "response" in passed else "submitted", answer)
        return state._replace(derived="response" in passed, decided_ms=None, named=False)
    if "response" in passed:
        return PartState(part, "failed", True, None, "no_response", "undetermined", "retry")
    return PartState(part, "submitted")


def from_answer(part: Part, status: str, answer: Answer) -> PartState:
    _, reason, reason_class, action = answer.outcome
    named = answer.fact.part is not None
    return PartState(part, status, False, answer.fact.responded_at_ms, reason, reason_class, action, named)


def from_report(part: Part, report: Report) -> PartState:
    status, _, reason, reason_class, action, _, _ = report.outcome
    named = report.part is not None
    return PartState(part, status, False, report.fact.received_at_ms, reason, reason_class, action, named)


# --- 4. timeouts


def delivery_ms(attempt: Attempt) -> int | None:
    """When the attempt was delivered; None where it was not. No timeout has a say in this."""
    state = attempt_state(attempt, [])
    if state.status != "delivered":
        return None
    return max(s.decided_ms for s in state.considered if s.decided_ms is not None)


def timeouts(all_attempts: Sequence[Attempt], config: Config) -> list[Timeout]:
    found = []
    for attempt in all_attempts:
        if attempt.disposition != "submitted":
            continue
        superseded = [a.submitted_ms for a in all_attempts if a.number > attempt.number]
        elsewhere = [delivery_ms(a) for a in all_attempts if a is not attempt]
        stops = superseded + [t for t in elsewhere if t is not None]
        for part in attempt.parts:
            found += part_timeouts(part, attempt, stops, config)
    return found


def part_timeouts(part: Part, attempt: Attempt, stops: Sequence[int], config: Config) -> list[Timeout]:
    provider = attempt.submit.provider
    arrivals = [r.fact.received_at_ms for r in part.reports]
    finals = [r.fact.received_at_ms for r in part.reports if r.outcome.final]
    enroute = [r.fact.received_at_ms for r in part.reports if r.outcome.status == "enroute"]
    answered = [part.answer.fact.responded_at_ms] if part.answer and (part.ok or part.refused) else []
    found = []

    def add(kind: str, deadline_ms: int, also: Sequence[int]) -> None:
        found.append(Timeout(attempt.number, part.number, kind, deadline_ms, min([*stops, *also], default=None)))

    wait = duration_ms(setting(config, provider, "response_timeout"))
    add("response", attempt.submitted_ms + wait, answered + arrivals)
    if part.number not in attempt.owing or part.refused:
        return found
    if part.ok or arrivals:
        wait = duration_ms(setting(config, provider, "receipt_timeout"))
        add("receipt", (answered[0] if part.ok else min(arrivals)) + wait, enroute + finals)
    if enroute and not any(f <= min(enroute) for f in finals):
        own = attempt.submit.validity_ms
        wait = own if own is not None else duration_ms(setting(config, provider, "validity"))
        add("validity", max(attempt.submitted_ms + wait, min(enroute)), finals)
    return found


# --- 5. one attempt


def attempt_state(attempt: Attempt, passed: Sequence[Timeout]) -> AttemptState:
    """``passed``: the timeouts of this attempt that have passed."""
    states = [part_state(p, attempt, [t for t in passed if t.part == p.number]) for p in attempt.parts]
    told = ("failed", "delivered", "sent_without_sr")
    considered = [
        s for s in states if s.part.number in attempt.owing or (s.status in told and not s.derived and s.named)
    ]
    # Beside a part with an answer or a report, what the sender has not (or never) handed over has no say.
    considered = [s for s in considered if s.status not in ("pending", "excluded")] or considered
    status = combined([s.status for s in considered])
    wanted = "failed" if status == "partially_delivered" else status
    candidates = [s for s in considered if s.status == wanted]
    telling = candidates[0]
    if status == "delivered":
        telling = max(candidates, key=lambda s: (s.decided_ms or 0, -s.part.number))
    return AttemptState(attempt, considered, status, telling)


def combined(statuses: Sequence[str]) -> str:
    for open_status in OPEN_LEAST_ADVANCED_FIRST:
        if open_status in statuses:
            return open_status
    present = set(statuses)
    if {"delivered", "failed"} <= present:
        return "partially_delivered"
    for strongest in ("failed", "sent_without_sr"):
        if strongest in present:
            return strongest
    return present.pop()


def billable(part: Part) -> bool:
    """Section 6, billable_parts."""
    delivered = part.final is not None and part.final.outcome.status == "delivered"
    if part.refused and not delivered:
        return False
    if part.told_by is not None and part.told_by.outcome.billed is not None:
        return part.told_by.outcome.billed
    return part.ok or bool(part.reports)


# --- 6. the message


def unknown_code(attempt: Attempt) -> bool:
    """Whether any fact has a code the catalog does not know, whichever answer or report stands."""
    unknown_answer = any(a.outcome.kind == "unknown" for a in attempt.answers)
    return unknown_answer or any(not r.outcome.known for r in attempt.reports)


def message_row(
    events: Sequence[Event], outcomes: Outcomes, config: Config, stream_time_ms: int
) -> MessageStatus | None:
    """The row of a message, from all its events in the order seen; None while no submit is known.

    The order decides nothing but what the message is filed under (section 1.4).
    """
    first_seen = next((e for e in events if isinstance(e, Submit)), None)
    if first_seen is None:
        return None
    all_attempts = attempts(events, outcomes, config)
    passed = [t for t in timeouts(all_attempts, config) if t.has_passed(stream_time_ms)]
    states = [attempt_state(a, [t for t in passed if t.attempt == a.number]) for a in all_attempts]
    delivered = [s for s in states if s.status == "delivered"]
    speaking = delivered[-1] if delivered else states[-1]
    facts = len(distinct_submits(events)) + len(distinct_answers(events)) + len(distinct_reports(events))
    different = {(t.attempt, t.kind, t.deadline_ms, t.stopped_ms) for t in passed}
    created = first_seen.created_at_ms
    return filled(speaking)._replace(
        campaign=first_seen.campaign,
        created_at_ms=created if created is not None else first_seen.submitted_at_ms,
        duplicate_delivery=len(delivered) > 1,
        unknown_code=any(unknown_code(a) for a in all_attempts),
        version=256 * facts + min(255, len(different)),
    )


def filled(state: AttemptState) -> MessageStatus:
    """The columns that come from the attempt that speaks; the others are placeholders."""
    attempt, telling, submit = state.attempt, state.telling, state.attempt.submit
    answer = telling.part.answer.fact if telling.part.answer else None
    report = telling.part.told_by.fact if telling.part.told_by else None
    of_answer = answer.provider_message_id if answer else ""
    return MessageStatus(
        account=submit.account,
        message_id=submit.message_id,
        campaign="",
        created_at_ms=0,
        attempt=attempt.number,
        provider=submit.provider,
        sender=submit.sender,
        recipient=submit.recipient,
        country=submit.country,
        traffic_type=submit.traffic_type,
        encoding=submit.encoding,
        parts=len(attempt.parts),
        submitted_at_ms=attempt.submitted_ms,
        price_micros=submit.price_micros,
        currency=submit.currency,
        attributes=submit.attributes,
        status=state.status,
        derived=state.derived,
        settled=state.status in SETTLED,
        late=state.late,
        conflict=any(s.part.conflict for s in state.considered),
        duplicate_delivery=False,
        unknown_code=False,
        reason=telling.reason,
        reason_class=telling.reason_class,
        recipient_action=telling.action,
        billable_parts=sum(billable(part) for part in attempt.parts),
        version=0,
        response_code=answer.code if answer else "",
        report_code=report.code if report else "",
        report_err=report.err if report else "",
        provider_message_id=of_answer or (report.provider_message_id if report else ""),
        responded_at_ms=answer.responded_at_ms if answer else None,
        done_at_ms=report.done_at_ms if report else None,
        received_at_ms=report.received_at_ms if report else None,
    )


def deadlines(events: Sequence[Event], outcomes: Outcomes, config: Config) -> list[int]:
    """The stream times at which the row changes (be it only its version) without an event, earliest first."""
    if not any(isinstance(e, Submit) for e in events):
        return []
    waiting = timeouts(attempts(events, outcomes, config), config)
    return sorted({t.deadline_ms for t in waiting if t.stopped_ms is None})
