"""Random histories of one message, made so that every rule and every boundary of it is hit often.

The same builder is driven by hypothesis (`cases`, which shrinks) and by a plain ``random.Random``
(`random_case`, for bulk runs). Times are few and cluster around the deadlines that the events make.
All times are epoch milliseconds UTC.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from hypothesis import strategies as st

from streams.events import DeliveryReport, Event, Submit, SubmitResponse
from tests.oracle import deadlines
from tests.oracle_facts import Config, Outcomes, duration_ms, setting

T = TypeVar("T")

START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
PROVIDERS = ("p1", "p1", "p1", "p2", "p3")
NEAR_MS = (-1, 0, 0, 0, 1, 1, 400, 1000)
NUMBER_OF_PARTS = (1, 1, 1, 2, 2, 3)
ANSWER_CODES = (
    *("0", "0", "0", "0", "ESME_ROK", "0x00000000"),
    *("ESME_RTHROTTLED", "0x00000014", "88", "ESME_RX_T_APPN"),
    *("ESME_RINVDSTADR", "0x0000000A", "8", "ESME_RUNKNOWNERR", "ESME_RWHATEVER"),
)
REPORT_CODES = (
    *("DELIVRD", "DELIVRD", "DELIVRD", "UNDELIV", "UNDELIV", "EXPIRED", "REJECTD", "DELETED"),
    *("ENROUTE", "ENROUTE", "BUFFRED", "UNKNOWN", "ACCEPTD", "ACCEPTD", "FOOBAR"),
)
OTHER_DIALECTS_CODES = ("POSTED", "LOST")


class Case(NamedTuple):
    """``events`` in the order seen."""

    config: dict[str, Any]
    events: list[Event]


class Choice(Protocol):
    """Where the builder gets its decisions from."""

    def of(self, options: Sequence[T]) -> T: ...

    def order(self, items: Sequence[T]) -> list[T]: ...


class RandomChoice:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def of(self, options: Sequence[T]) -> T:
        return self._rng.choice(options)

    def order(self, items: Sequence[T]) -> list[T]:
        return self._rng.sample(items, len(items))


class DrawnChoice:
    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def of(self, options: Sequence[T]) -> T:
        return self._draw(st.sampled_from(options))

    def order(self, items: Sequence[T]) -> list[T]:
        return self._draw(st.permutations(items)) if items else []


def build_config(choice: Choice) -> dict[str, Any]:
    """Defaults and providers with a setting here and there; short times, so that deadlines meet."""
    options = {
        "response_timeout": (None, None, "500ms", "5s", "60s"),
        "receipt_timeout": (None, "1s", "5s", "10m", "24h"),
        "validity": (None, "5s", "1m", "2d"),
        "receipt_parts": (None, "all", "first", "last", "any"),
    }

    def section() -> dict[str, str]:
        chosen = {name: choice.of(values) for name, values in options.items()}
        return {name: value for name, value in chosen.items() if value is not None}

    return {"defaults": section(), "providers": {"p1": section(), "p2": section()}}


class Builder:
    """Collects events of one message; remembers the times that matter, to put the next event near one."""

    def __init__(
        self, choice: Choice, config: Config, account: str, message_id: str, extra_codes: Sequence[str]
    ) -> None:
        self._choice = choice
        self._config = config
        self._account = account
        self._message_id = message_id
        self._report_codes = (*REPORT_CODES, *extra_codes)
        self._times = [START_MS]
        self._done = [START_MS]
        self._attempts = 1
        self.events: list[Event] = []

    def build(self) -> list[Event]:
        of = self._choice.of
        self._attempts = of((1, 1, 1, 2, 2, 3))
        for attempt in range(1, self._attempts + 1):
            for _ in range(of((1, 1, 1, 1, 1, 0, 2, 3))):
                self._add_submit(attempt)
        for _ in range(of((0, 1, 1, 2, 3, 4))):
            self._add_answer()
        for _ in range(of((0, 1, 1, 2, 3, 4, 5))):
            self._add_report()
        for _ in range(of((0, 0, 1, 2))):
            self._add_copy()
        return self._choice.order(self.events) if of((True, False)) else self.events

    def _time(self) -> int:
        return self._choice.of(sorted(set(self._times))) + self._choice.of(NEAR_MS)

    def _wait(self, provider: str, name: str) -> int:
        return duration_ms(setting(self._config, provider, name))

    def _add_submit(self, attempt: int) -> None:
        of = self._choice.of
        at, provider = self._time(), of(PROVIDERS)
        validity = of((None, None, None, 3000, 30_000))
        submit = Submit(
            account=self._account,
            message_id=self._message_id,
            attempt=attempt,
            created_at_ms=of((None, START_MS - 5000)),
            submitted_at_ms=at,
            provider=provider,
            campaign=of(("c1", "c1", "c2", "")),
            sender="ACME",
            recipient="+33600000001",
            country="FR",
            traffic_type=of(("otp", "marketing")),
            encoding="gsm7",
            parts=of(NUMBER_OF_PARTS),
            validity_ms=validity,
            disposition=of(("submitted",) * 6 + ("pending", "excluded")),
            exclusion_reason=of(("", "blacklist")),
            price_micros=of((None, 45_000)),
            currency="EUR",
            attributes=of(({}, {}, {"shop": "1"}, {"shop": "1", "box": "2"})),
        )
        own = validity if validity is not None else self._wait(provider, "validity")
        self._times += [at, at + self._wait(provider, "response_timeout"), at + own]
        self.events.append(submit)

    def _add_answer(self) -> None:
        of = self._choice.of
        at = self._time()
        answer = SubmitResponse(
            account=self._account,
            message_id=self._message_id,
            attempt=of(range(1, self._attempts + 1)) if of((True,) * 8 + (False,)) else self._attempts + 1,
            part=of((None, None, None, 1, 2, 3)),
            responded_at_ms=at,
            provider=of(("", *PROVIDERS)),
            code=of(ANSWER_CODES),
            provider_message_id=of(("", "A", "B", "C")),
            text=of(("", "x")),
        )
        self._times += [at, *(at + self._wait(p, "receipt_timeout") for p in ("p1", "p2"))]
        self.events.append(answer)

    def _add_report(self) -> None:
        of = self._choice.of
        at = self._time()
        done = of((None, None, at, at - 1, at - 3_600_000, at + 3_600_000, of(self._done)))
        report = DeliveryReport(
            account=self._account,
            message_id=self._message_id,
            attempt=of((None, None, None, *range(1, self._attempts + 1))),
            part=of((None, None, 1, 1, 2, 3)),
            received_at_ms=at,
            done_at_ms=done,
            provider=of(("", *PROVIDERS)),
            provider_message_id=of(("", "", "A", "B", "C", "Z")),
            code=of(self._report_codes),
            err=of(("", "", "000", "001")),
            text=of(("", "x")),
        )
        self._done.append(at if done is None else done)
        self._times += [at, *(at + self._wait(p, "receipt_timeout") for p in ("p1", "p2"))]
        self.events.append(report)

    def _add_copy(self) -> None:
        """One of the events again; answers and reports may come at another time and with another text."""
        if not self.events:
            return
        event = self._choice.of(self.events)
        again = self._choice.of((True, False))
        if again and isinstance(event, SubmitResponse):
            event = event._replace(responded_at_ms=self._time(), text=self._choice.of(("", "x", "y")))
        elif again and isinstance(event, DeliveryReport):
            event = event._replace(received_at_ms=self._time(), provider=self._choice.of(PROVIDERS))
        self.events.append(event)


def build_case(choice: Choice, account: str = "acme", message_id: str = "m1", extra_codes: Sequence[str] = ()) -> Case:
    config = build_config(choice)
    return Case(config, Builder(choice, config, account, message_id, extra_codes).build())


def random_case(rng: random.Random, message_id: str = "m1", extra_codes: Sequence[str] = ()) -> Case:
    return build_case(RandomChoice(rng), message_id=message_id, extra_codes=extra_codes)


def random_config(rng: random.Random) -> dict[str, Any]:
    return build_config(RandomChoice(rng))


def random_history(
    rng: random.Random,
    config: Config | None = None,
    account: str = "acme",
    message_id: str = "m1",
    extra_codes: Sequence[str] = (),
) -> list[Event]:
    """Events of one message in the order seen, with times around the deadlines of ``config``."""
    return Builder(RandomChoice(rng), config or {}, account, message_id, extra_codes).build()


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    return build_config(DrawnChoice(draw))


@st.composite
def histories(draw: st.DrawFn, config: Config | None = None, message_id: str = "m1") -> list[Event]:
    return Builder(DrawnChoice(draw), config or {}, "acme", message_id, ()).build()


@st.composite
def cases(draw: st.DrawFn, extra_codes: Sequence[str] = ()) -> Case:
    return build_case(DrawnChoice(draw), extra_codes=extra_codes)


def event_time_ms(event: Event) -> int:
    if isinstance(event, Submit):
        return event.submitted_at_ms
    return event.responded_at_ms if isinstance(event, SubmitResponse) else event.received_at_ms


def stream_times(case: Case, outcomes: Outcomes) -> list[int]:
    """Stream times worth asking for: each event's, and just before, at and just after each deadline."""
    around = [d + near for d in deadlines(case.events, outcomes, case.config) for near in (-1, 0, 1)]
    return sorted({START_MS - 10_000, *map(event_time_ms, case.events), *around})
