"""Jasmin's log lines as events: each ``SMS-MT`` line is the answer to one hand-over of a message."""

from __future__ import annotations

from collections import Counter

from streams.events import Submit, SubmitResponse
from streams.importers.jasmin import DLR, MAP_NOT_FOUND, MAPPING, SMS_MT, JasminLine
from streams.importers.joining import Joiner
from streams.importers.kannel_fields import number_key
from streams.importers.kannel_options import ImportedEvent, Options
from streams.importers.matcher import Report, Sent
from streams.importers.summary import Summary
from streams.receipts.dates import parse_date

_OK = "ESME_ROK"


class JasminImport:
    """Jasmin's own id names the message; every further line of one id is its next attempt."""

    def __init__(self, options: Options, summary: Summary, joiner: Joiner) -> None:
        """Shares the joiner of the import."""
        self._summary, self._joiner = summary, joiner
        self._account = options.account[1:] if options.account.startswith("=") else "default"
        self._attempts: Counter[str] = Counter()

    def feed(self, where: str, line: JasminLine, at_ms: int) -> list[ImportedEvent]:
        """The events of one line."""
        if line.kind == SMS_MT and line.message_id:
            return self._answer(where, line, at_ms)
        if line.kind == DLR:
            return self._report(where, line, at_ms)
        if line.kind == MAPPING:
            return self._mapping(line, at_ms)
        if line.kind == MAP_NOT_FOUND:
            self._summary.reports += 1
            self._summary.orphan("gateway_unknown", where)
        return []

    def _answer(self, where: str, line: JasminLine, at_ms: int) -> list[ImportedEvent]:
        self._attempts[line.message_id] += 1
        attempt = self._attempts[line.message_id]
        self._summary.messages += attempt == 1
        self._summary.submits += 1
        self._summary.no("submit_time", where)
        if not line.status:
            self._summary.no("code", where)
        submit = Submit(
            account=self._account,
            message_id=line.message_id,
            attempt=attempt,
            created_at_ms=None,
            submitted_at_ms=at_ms,
            provider=line.cid,
            campaign="",
            sender=line.sender,
            recipient=line.recipient,
            country="",
            traffic_type="unknown",
            encoding="",
            parts=1,
            validity_ms=None,
            disposition="submitted",
            exclusion_reason="",
            price_micros=None,
            currency="",
            attributes={},
        )
        sent = Sent(
            account=self._account,
            message_id=line.message_id,
            attempt=attempt,
            part=None,
            smsc=line.cid,
            fid=line.provider_message_id,
            sender=number_key(line.sender),
            recipient=number_key(line.recipient),
            at_ms=at_ms,
            ok=line.status == _OK,
            long=False,
        )
        answer = self._response(line, attempt, at_ms, line.status or "JASMIN_UNKNOWN")
        return [submit, answer, *self._joiner.add(sent)]

    def _response(self, line: JasminLine, attempt: int, at_ms: int, code: str) -> SubmitResponse:
        self._summary.answers[code] += 1
        return SubmitResponse(
            self._account,
            line.message_id,
            attempt,
            None,
            at_ms,
            line.cid,
            code,
            line.provider_message_id,
            "",
        )

    def _mapping(self, line: JasminLine, at_ms: int) -> list[ImportedEvent]:
        """Jasmin maps ids when an answer was OK; where the answer's own line is here, that one counts."""
        if self._attempts[line.message_id]:
            return []
        return [self._response(line, 1, at_ms, _OK)]

    def _report(self, where: str, line: JasminLine, at_ms: int) -> list[ImportedEvent]:
        moment = parse_date(line.done_date, at_ms)
        ids = (line.provider_message_id,) if line.provider_message_id else ()
        report = Report(
            where,
            line.cid,
            ids,
            "",
            "",
            at_ms,
            moment.ms if moment else None,
            line.status,
            line.err,
            "",
            False,
        )
        return self._joiner.offer(report, self._account)
