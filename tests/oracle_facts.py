"""What is known about one message, for the oracle: its distinct facts, sorted into attempts and parts.

Sections 1 to 3.3 of docs/status-rules.md. All times are epoch milliseconds UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from streams.events import DeliveryReport, Event, Submit, SubmitResponse

BUILT_IN = {"response_timeout": "60s", "receipt_timeout": "24h", "validity": "48h", "receipt_parts": "all"}
UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

Config = Mapping[str, Any]


class AnswerOutcome(NamedTuple):
    """What an answer's code means; ``kind`` is ok, temporary, permanent or unknown."""

    kind: str
    reason: str
    reason_class: str
    action: str


class ReportOutcome(NamedTuple):
    """What a report's code means; ``billed`` None: the code says nothing about billing."""

    status: str
    final: bool
    reason: str
    reason_class: str
    action: str
    billed: bool | None
    known: bool


class Outcomes(Protocol):
    """What the codes mean (section 2): ``tests.oracle_codes``, or the real catalog in its coat."""

    def answer(self, provider: str, code: str) -> tuple[str, str, str, str]:
        """Fields of `AnswerOutcome`."""
        ...

    def report(
        self, provider: str, code: str, err: str, text: str
    ) -> tuple[str, bool, str, str, str, bool | None, bool]:
        """Fields of `ReportOutcome`."""
        ...


class Answer(NamedTuple):
    fact: SubmitResponse
    outcome: AnswerOutcome


class Report(NamedTuple):
    """A report with the attempt and part it belongs to (part None: every part)."""

    fact: DeliveryReport
    attempt: int
    part: int | None
    outcome: ReportOutcome


@dataclass(frozen=True)
class Part:
    """What is known about one part of one attempt, before any timeout is asked (sections 3.1 to 3.3)."""

    number: int
    reports: Sequence[Report]
    answer: Answer | None
    final: Report | None
    intermediate: Report | None
    conflict: bool

    @property
    def told_by(self) -> Report | None:
        return self.final or self.intermediate

    @property
    def ok(self) -> bool:
        return self.answer is not None and self.answer.outcome.kind == "ok"

    @property
    def refused(self) -> bool:
        return self.answer is not None and self.answer.outcome.kind == "permanent"


@dataclass(frozen=True)
class Attempt:
    """``owing``: the numbers of the parts that owe a receipt (section 5)."""

    number: int
    submit: Submit
    disposition: str
    submitted_ms: int
    answers: Sequence[Answer]
    reports: Sequence[Report]
    parts: Sequence[Part]
    owing: frozenset[int]


def duration_ms(text: str) -> int:
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    return int(digits) * UNIT_MS[text[len(digits) :]]


def setting(config: Config, provider: str, name: str) -> str:
    own = config.get("providers", {}).get(provider, {})
    return str(own.get(name, config.get("defaults", {}).get(name, BUILT_IN[name])))


# --- 1. facts


def none_first(value: Any) -> tuple[bool, Any]:
    """Makes None comparable with values, and smaller than all of them."""
    return (value is not None, value if value is not None else 0)


def submit_content(submit: Submit) -> tuple[Any, ...]:
    plain = submit._replace(attributes={})
    return (*(none_first(value) for value in plain[:-1]), sorted(submit.attributes.items()))


def distinct_submits(events: Sequence[Event]) -> list[Submit]:
    found: list[Submit] = []
    for event in events:
        if isinstance(event, Submit) and event not in found:
            found.append(event)
    return found


def distinct_answers(events: Sequence[Event]) -> list[SubmitResponse]:
    found: dict[Any, SubmitResponse] = {}
    for e in events:
        if isinstance(e, SubmitResponse):
            same = (e.attempt, e.part, e.code, e.provider_message_id)
            copies = [e, found.get(same, e)]
            found[same] = min(copies, key=lambda c: (c.responded_at_ms, c.provider, c.text))
    return list(found.values())


def distinct_reports(events: Sequence[Event]) -> list[DeliveryReport]:
    found: dict[Any, DeliveryReport] = {}
    for e in events:
        if isinstance(e, DeliveryReport):
            same = (e.attempt, e.part, e.code, e.err, e.done_at_ms, e.provider_message_id)
            copies = [e, found.get(same, e)]
            found[same] = min(copies, key=lambda c: (c.received_at_ms, c.provider, c.text))
    return list(found.values())


def standing_submit(submits: Sequence[Submit]) -> Submit:
    rank = {"submitted": 0, "excluded": 1, "pending": 2}
    return min(submits, key=lambda s: (rank[s.disposition], s.submitted_at_ms, submit_content(s)))


def beginnings(
    own: Mapping[int, Submit], answers: Sequence[SubmitResponse], reports: Sequence[DeliveryReport]
) -> dict[int, int]:
    """When each attempt began, as far as section 1.6 asks: only what names the attempt tells."""
    begun = {number: submit.submitted_at_ms for number, submit in own.items()}
    told = [(a.attempt, a.responded_at_ms) for a in answers]
    told += [(r.attempt, r.received_at_ms) for r in reports if r.attempt is not None]
    for number in {number for number, _ in told} - own.keys():
        begun[number] = min(at for n, at in told if n == number)
    return begun


def attempt_of(report: DeliveryReport, answers: Sequence[SubmitResponse], begun: Mapping[int, int]) -> int:
    if report.attempt is not None:
        return report.attempt
    wanted = report.provider_message_id
    same_id = [a.attempt for a in answers if wanted and a.provider_message_id == wanted]
    had_begun = [number for number, at in begun.items() if at <= report.received_at_ms]
    return max(same_id or had_begun, default=min(begun))


def part_of(report: DeliveryReport, attempt: int, answers: Sequence[SubmitResponse]) -> int | None:
    if report.part is not None:
        return report.part
    wanted = report.provider_message_id
    same_id = [a for a in answers if a.attempt == attempt and wanted and a.provider_message_id == wanted]
    return min((a.part for a in same_id if a.part is not None), default=None)


def attempts(events: Sequence[Event], outcomes: Outcomes, config: Config) -> list[Attempt]:
    """All attempts of a message of which at least one submit is known, lowest first."""
    submits, answers, reports = distinct_submits(events), distinct_answers(events), distinct_reports(events)
    own = {n: standing_submit([s for s in submits if s.attempt == n]) for n in {s.attempt for s in submits}}
    begun = beginnings(own, answers, reports)
    placed = [(r, attempt_of(r, answers, begun)) for r in reports]
    result = []
    for number in sorted(begun):
        submit = own[max((n for n in own if n <= number), default=min(own))]
        my_answers = [
            Answer(a, AnswerOutcome(*outcomes.answer(a.provider or submit.provider, a.code)))
            for a in answers
            if a.attempt == number
        ]
        my_reports = [
            Report(r, number, part_of(r, number, answers), report_outcome(r, submit, outcomes))
            for r, attempt in placed
            if attempt == number
        ]
        times = [a.fact.responded_at_ms for a in my_answers] + [r.fact.received_at_ms for r in my_reports]
        result.append(
            new_attempt(
                number,
                submit,
                submit.disposition if number in own else "submitted",
                submit.submitted_at_ms if number in own else min(times),
                my_answers,
                my_reports,
                setting(config, submit.provider, "receipt_parts"),
            )
        )
    return result


def report_outcome(r: DeliveryReport, submit: Submit, outcomes: Outcomes) -> ReportOutcome:
    return ReportOutcome(*outcomes.report(r.provider or submit.provider, r.code, r.err, r.text))


def new_attempt(
    number: int,
    submit: Submit,
    disposition: str,
    submitted_ms: int,
    answers: Sequence[Answer],
    reports: Sequence[Report],
    receipt_parts: str,
) -> Attempt:
    numbers = [a.fact.part for a in answers] + [r.part for r in reports]
    count = max(1, submit.parts, *(n for n in numbers if n is not None))
    parts = [
        new_part(
            n,
            [a for a in answers if a.fact.part in (None, n)],
            [r for r in reports if r.part in (None, n)],
        )
        for n in range(1, count + 1)
    ]
    owing = {  # section 5
        "all": set(range(1, count + 1)),
        "first": {1},
        "last": {count},
        "any": {r.part or 1 for r in reports} or {1},
    }[receipt_parts]
    return Attempt(number, submit, disposition, submitted_ms, answers, reports, parts, frozenset(owing))


# --- 3. what stands for one part


def answer_order(a: Answer) -> tuple[Any, ...]:
    return (a.fact.responded_at_ms, a.fact.code, a.fact.provider_message_id, none_first(a.fact.part))


def report_order(r: Report) -> tuple[Any, ...]:
    f = r.fact
    decided_by = f.done_at_ms if f.done_at_ms is not None else f.received_at_ms
    by_what_it_says = (decided_by, f.received_at_ms, f.code, f.err, f.provider_message_id)
    return (*by_what_it_says, none_first(f.done_at_ms), none_first(f.part), f.provider, f.text)


def new_part(number: int, answers: Sequence[Answer], reports: Sequence[Report]) -> Part:
    statuses = {r.outcome.status for r in reports if r.outcome.final}
    return Part(
        number=number,
        reports=reports,
        answer=standing_answer(answers),
        final=standing_final(reports),
        intermediate=standing_intermediate(reports),
        conflict={"delivered", "failed"} <= statuses,
    )


def standing_answer(answers: Sequence[Answer]) -> Answer | None:
    in_order = sorted(answers, key=answer_order)
    firm = [a for a in in_order if a.outcome.kind in ("ok", "permanent")]
    return firm[0] if firm else in_order[-1] if in_order else None


def standing_final(reports: Sequence[Report]) -> Report | None:
    finals = [r for r in sorted(reports, key=report_order) if r.outcome.final]
    firm = [r for r in finals if r.outcome.status in ("delivered", "failed")]
    if not firm:
        return finals[0] if finals else None
    delivered = [r for r in firm if r.outcome.status == "delivered"]
    if delivered and firm[0].outcome.reason in ("expired", "unknown"):
        return delivered[0]
    return firm[0]


def standing_intermediate(reports: Sequence[Report]) -> Report | None:
    in_order = [r for r in sorted(reports, key=report_order) if not r.outcome.final]
    enroute = [r for r in in_order if r.outcome.status == "enroute"]
    return enroute[-1] if enroute else in_order[-1] if in_order else None
