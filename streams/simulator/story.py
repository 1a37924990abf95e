"""The story of one message: every record it leaves behind, with the time at which that reaches Kafka."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from streams.events import (
    DELIVERY_REPORT,
    PROVIDER_RECEIPT,
    SUBMIT,
    SUBMIT_RESPONSE,
    DeliveryReport,
    Event,
    ProviderReceipt,
    Submit,
    SubmitResponse,
)
from streams.simulator.config import DAY_MS, HOUR_MS, Provider
from streams.simulator.words import UNKNOWN_CODES, code, failure, provider_id, receipt_id, refusal

MINUTE_MS = 60_000


class Arrival(NamedTuple):
    """A record and when it reaches its topic, epoch milliseconds UTC."""

    at_ms: int
    topic: str
    record: Event | ProviderReceipt

    @property
    def key(self) -> str:
        """The key of the record, as ``topics.yaml`` says."""
        record = self.record
        if isinstance(record, ProviderReceipt):
            return f"{record.provider}:{record.provider_message_id}"
        return record.message_id


class Truth(NamedTuple):
    """What really happened to a message, whatever its records say.

    ``fate``: excluded, unanswered, refused, delivered, undelivered; ``reported``: whether the fate was told by a
    report; ``parts``, ``attempts``: how many there were.
    """

    account: str
    message_id: str
    fate: str
    reported: bool
    attempts: int
    parts: int


class Story:
    """Collects the records of one message while its story is told."""

    def __init__(self, rng: Random, first: Submit, routes: list[Provider]) -> None:
        """`first` is the submit of the first attempt; the provider of attempt n is the n-th (else the last) route."""
        self._rng = rng
        self._first = first
        self._routes = routes
        self._reported = False
        self.arrivals: list[Arrival] = []

    def tell(self, excluded_for: str = "", pending_ms: int = 0) -> Truth:
        """Tell it all and return how it ended."""
        first = self._first
        if excluded_for:
            self._submit(first._replace(disposition="excluded", exclusion_reason=excluded_for))
            return self._truth("excluded", 1)
        if pending_ms:
            self._submit(first._replace(disposition="pending"))
        at_ms = first.submitted_at_ms + pending_ms
        fate = "refused"
        attempt = 0
        while fate == "refused" and attempt < 3:
            attempt += 1
            provider = self._routes[min(attempt, len(self._routes)) - 1]
            submit = first._replace(attempt=attempt, submitted_at_ms=at_ms, provider=provider.name)
            self._submit(submit, provider)
            retry_ms, fate = self._attempt(submit, provider)
            if not retry_ms:
                break
            at_ms += retry_ms
        return self._truth(fate, attempt)

    def _truth(self, fate: str, attempts: int) -> Truth:
        first = self._first
        return Truth(first.account, first.message_id, fate, self._reported, attempts, first.parts)

    def _attempt(self, submit: Submit, provider: Provider) -> tuple[int, str]:
        """One hand-over: milliseconds until the next attempt (0: none), and the fate of this one."""
        draw = self._rng.random()
        if draw < provider.throttled:
            waited = self._answer(submit, provider, None, refusal(self._rng, provider, temporary=True))
            return waited + int(self._rng.uniform(2_000, 25_000)), "refused"
        draw -= provider.throttled
        if draw < provider.refused:
            self._answer(submit, provider, None, refusal(self._rng, provider, temporary=False))
            return 0, "refused"
        delivered = [self._part(submit, provider, part) for part in self._parts(submit, provider)]
        if None in delivered:
            return 0, "unanswered"
        return 0, "delivered" if all(delivered) else "undelivered"

    @staticmethod
    def _parts(submit: Submit, provider: Provider) -> list[int | None]:
        if submit.parts == 1 or not provider.per_part:
            return [None]
        return list(range(1, submit.parts + 1))

    def _part(self, submit: Submit, provider: Provider, part: int | None) -> bool | None:
        """One accepted part: its answer and its reports. Returns whether it was delivered, None if nobody knows."""
        rng = self._rng
        id_ = provider_id(rng, provider)
        if rng.random() >= provider.no_response:
            waited = self._answer(submit, provider, part, code(0, provider), id_)
        elif rng.random() < 0.5:
            return None
        else:
            waited = self._response_ms(provider)
        return self._reports(submit, provider, part, id_, submit.submitted_at_ms + waited)

    def _response_ms(self, provider: Provider) -> int:
        return int(self._rng.lognormvariate(0, provider.response_sigma) * provider.response_median_ms) + 1

    def _answer(
        self, submit: Submit, provider: Provider, part: int | None, code_: str, provider_message_id: str = ""
    ) -> int:
        """The provider's answer; returns how long it took, in milliseconds."""
        rng = self._rng
        waited = self._response_ms(provider)
        if rng.random() < provider.late_response:
            waited = MINUTE_MS + int(rng.uniform(1_000, 10 * MINUTE_MS))
        at_ms = submit.submitted_at_ms + waited
        if rng.random() < provider.unknown_code:
            code_ = rng.choice(UNKNOWN_CODES)
        self._arrive(
            at_ms,
            SUBMIT_RESPONSE,
            SubmitResponse(
                submit.account,
                submit.message_id,
                submit.attempt,
                part,
                at_ms,
                provider.name,
                code_,
                provider_message_id,
                "",
            ),
            provider,
        )
        return waited

    def _reports(self, submit: Submit, provider: Provider, part: int | None, id_: str, accepted_at_ms: int) -> bool:
        """What the phone and the operator did with an accepted part; returns whether it was delivered."""
        rng = self._rng
        word, err = ("DELIVRD", "000") if rng.random() >= provider.failed else failure(rng)
        took = int(rng.lognormvariate(0, provider.report_sigma) * provider.report_median_ms) + 200
        if rng.random() < provider.absent:  # the phone is off for a while, perhaps for too long
            self._report(submit, provider, part, id_, accepted_at_ms + took, "ENROUTE", "001")
            took += int(rng.uniform(10 * MINUTE_MS, 8 * HOUR_MS))
            limit = submit.validity_ms or 2 * DAY_MS
            if took > limit or rng.random() < 0.15:
                word, err = "EXPIRED", "027"
                took = max(took, limit)
        delivered = word == "DELIVRD"
        if rng.random() < provider.no_report:
            return delivered
        if rng.random() < provider.early_report:  # it overtakes the answer
            took = -int(rng.uniform(1, 50))
        elif rng.random() < provider.late_report:
            took = DAY_MS + int(rng.uniform(MINUTE_MS, 12 * HOUR_MS))
        if rng.random() < provider.unknown_code:
            word = rng.choice(UNKNOWN_CODES)
        at_ms = max(submit.submitted_at_ms + 1, accepted_at_ms + took)
        self._report(submit, provider, part, id_, at_ms, word, err)
        self._reported = True
        if rng.random() < provider.contradicted:
            other = ("UNDELIV", "011") if word == "DELIVRD" else ("DELIVRD", "000")
            self._report(submit, provider, part, id_, at_ms + int(rng.uniform(5_000, HOUR_MS)), *other)
        return delivered

    def _report(
        self, submit: Submit, provider: Provider, part: int | None, id_: str, at_ms: int, word: str, err: str
    ) -> None:
        unit = provider.done_at_unit_ms
        done_at_ms = (at_ms - int(self._rng.uniform(50, 900)) + provider.clock_offset_ms) // unit * unit
        if provider.reports_by == "provider_id":
            own_id = receipt_id(id_, provider)
            receipt = ProviderReceipt(provider.name, own_id, None, None, at_ms, done_at_ms, word, err, "")
            self._arrive(at_ms, PROVIDER_RECEIPT, receipt, provider)
            return
        record = DeliveryReport(
            submit.account,
            submit.message_id,
            None if part is None and self._rng.random() < 0.5 else submit.attempt,
            part,
            at_ms,
            done_at_ms,
            provider.name,
            id_,
            word,
            err,
            "",
        )
        self._arrive(at_ms, DELIVERY_REPORT, record, provider)

    def _submit(self, submit: Submit, provider: Provider | None = None) -> None:
        self._arrive(submit.submitted_at_ms, SUBMIT, submit, provider or self._routes[0])

    def _arrive(self, at_ms: int, topic: str, record: Event | ProviderReceipt, provider: Provider) -> None:
        """Put a record on its way to Kafka: usually milliseconds, sometimes seconds, sometimes twice."""
        rng = self._rng
        lag = rng.random() * 20
        if rng.random() < provider.lagging:
            lag = rng.uniform(500, 8_000)
        self.arrivals.append(Arrival(at_ms + int(lag), topic, record))
        if rng.random() < provider.duplicate:
            again_ms = at_ms + int(lag + rng.uniform(10, 90_000))
            if isinstance(
                record, DeliveryReport | ProviderReceipt
            ):  # the provider sends it again: the same fact, a later arrival
                record = record._replace(received_at_ms=again_ms)
            self.arrivals.append(Arrival(again_ms, topic, record))
