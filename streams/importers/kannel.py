"""The access log of Kannel, line by line, turned into submits, answers and delivery reports.

How to read this file: ``feed`` tells the lines apart; ``_closing`` makes submits and answers of the lines that end
Kannel's work on a message; ``_kannel_report`` and ``_ack`` read the other half, the ``Receive DLR`` lines;
``_offer`` finds the message of a report, now or when its line comes (``joining.py``); ``finish`` says what is left.
"""

from __future__ import annotations

from datetime import UTC

from streams.events import Submit, SubmitResponse
from streams.importers import bearerbox, jasmin, kannel_fields
from streams.importers.jasmin_import import JasminImport
from streams.importers.joining import Joiner, in_zone
from streams.importers.kannel_fields import CLOSING, SATURATED, closing_answer, number_key, select
from streams.importers.kannel_format import DEFAULT_FORMATS, Format, Line, compile_format, parse_line
from streams.importers.kannel_names import Names
from streams.importers.kannel_options import ImportedEvent, Options
from streams.importers.kannel_waiting import Closing, Waiting
from streams.importers.log_time import LogTime
from streams.importers.matcher import Report, Sent
from streams.importers.summary import Summary
from streams.receipts.text import parse_date, parse_receipt

_NACK_WANTED = 16 | 2
_ACKED, _NACKED = 8, 16
_SEGMENT = {0: 160, 1: 140, 2: 140}
_EVENTS = (
    "Receive ",
    "FAILED ",
    "REJECTED ",
    "DISCARDED ",
    "DROPPED ",
    "EXPIRED ",
    "Sent ",
)
_MO = ("Receive SMS", "DROPPED Received SMS")


class KannelImport:
    """Feed it lines, write what it gives; the same lines always give the same events."""

    def __init__(self, options: Options) -> None:
        """Ready for the first line."""
        self.options = options
        self.summary = Summary()
        self.source = ""
        """Name of the file being read, for the summary; empty where there is only one."""
        custom = [compile_format(options.format, options.clean)] if options.format else []
        self._formats: list[Format] = custom + [compile_format(one) for one in DEFAULT_FORMATS]
        self._clock, self._gmt = LogTime(options.zone), LogTime(UTC)
        self._joiner = Joiner(options, self.summary)
        self._jasmin = JasminImport(options, self.summary, self._joiner)
        self._names = Names(options, self.summary, self._joiner)
        self._waiting = Waiting()
        self._now_ms = 0

    # ------------------------------------------------------------------ lines

    def feed(self, line_no: int, raw: bytes) -> list[ImportedEvent]:
        """Read one line, numbered from 1; gives the events that are certain now."""
        where = f"{self.source}:{line_no}" if self.source else str(line_no)
        raw = raw.rstrip(b"\r\n")
        line = self._parse(raw)
        if line is not None and _known(line.event):
            return self._about_message(where, line, raw)
        return self._other(where, raw)

    def _parse(self, raw: bytes) -> Line | None:
        """By the formats in turn, the one that fitted last first."""
        for at, fmt in enumerate(self._formats):
            line = parse_line(raw, fmt)
            if line is not None and _known(line.event):
                if at:
                    self._formats.insert(0, self._formats.pop(at))
                return line
        return None

    def _other(self, where: str, raw: bytes) -> list[ImportedEvent]:
        """Lines that are not about a message of the access log."""
        said = jasmin.parse_jasmin(raw)
        if said is not None:
            at_ms = self._at(where, said.time_text)
            self.summary.lines["Jasmin " + said.kind] += 1
            return [] if at_ms is None else self._advance(at_ms) + self._jasmin.feed(where, said, at_ms)
        unmatched = bearerbox.parse_bearerbox(raw)
        if unmatched is not None:
            return self._bearerbox(where, unmatched)
        if not raw.strip():
            self.summary.lines["empty"] += 1
        elif raw.endswith((b"Log begins", b"Log ends")):
            self.summary.lines["Log begins, Log ends"] += 1
        elif bearerbox.is_bearerbox(raw):
            self.summary.lines["main log of Kannel"] += 1
        else:
            kind = "cut or damaged" if b" [SMSC:" in raw[:80] else "not understood"
            self.summary.odd(kind, where)
        return []

    def _about_message(self, where: str, line: Line, raw: bytes) -> list[ImportedEvent]:
        self.summary.lines[line.event] += 1
        if line.doubtful:
            self.summary.no("doubtful", where)
        if _of_others(line.event):
            return []
        at_ms = self._line_time(where, line)
        if at_ms is None:
            return []
        if not line.smsc and self.options.default_smsc:
            line = line._replace(smsc=self.options.default_smsc)
        done = self._advance(at_ms)
        if line.event in CLOSING:
            return done + self._closing(where, line, at_ms, raw)
        return done + self._report(where, line, at_ms)

    # ------------------------------------------------------------------ time

    def _line_time(self, where: str, line: Line) -> int | None:
        """When a line was written: its own time, else that of the message's creation, else the operator's."""
        if line.time_text:
            return self._at(where, line.time_text)
        created_ms = self._created_ms(line)
        if created_ms is not None:
            if line.event in CLOSING:
                self.summary.no("time_is_creation", where)
            return created_ms
        return self._at(where, "")

    def _at(self, where: str, time_text: str) -> int | None:
        before = self._clock.ambiguous
        at_ms = self._clock.read(time_text) if time_text else self.options.missing_time_ms
        if at_ms is None:
            self.summary.no("bad_time" if time_text else "no_time", where)
        elif self._clock.ambiguous > before:
            self.summary.no("ambiguous_time", where)
        return at_ms

    def _created_ms(self, line: Line) -> int | None:
        """When the message came to Kannel (%T or %t, in GMT), where the format has it."""
        if line.created_s is not None:
            return line.created_s * 1000
        return self._gmt.read(line.created_text) if line.created_text else None

    def _advance(self, at_ms: int) -> list[ImportedEvent]:
        """Time passed: what waited long enough goes out as it is."""
        if at_ms <= self._now_ms:
            return []
        return self.advance_to(at_ms)

    @property
    def now_ms(self) -> int:
        """How far the log's time has got."""
        return self._now_ms

    def advance_to(self, now_ms: int) -> list[ImportedEvent]:
        """Move the log's time, also without a line: in follow mode, when nothing is written."""
        self._now_ms = max(self._now_ms, now_ms)
        if self.options.hold_ms is None:
            return []
        until = self._now_ms - self.options.hold_ms
        out: list[ImportedEvent] = [self._refusal(one, None) for one in self._waiting.overdue(until)]
        out += self._joiner.expire(until)
        if self.options.keep_ms is not None:
            self._joiner.forget(self._now_ms - self.options.keep_ms)
        return out

    # ------------------------------------------------------------------ submits and answers

    def _closing(self, where: str, line: Line, at_ms: int, raw: bytes) -> list[ImportedEvent]:
        """Kannel is done with a message: its submit, and the answer unless a type 16 line will tell it."""
        sender, recipient = number_key(line.sender), number_key(line.recipient)
        if self._joiner.knows(line.smsc, line.fid, recipient, sender, at_ms):
            self.summary.lines[line.event] -= 1
            self.summary.odd("read before", where)
            return []
        name = self._names.name(where, line, at_ms, raw)
        ok = line.event == "Sent SMS"
        out: list[ImportedEvent] = []
        if name.new:
            out.append(self._submit(line, name.message_id, name.attempt, name.parts, at_ms))
        long = name.part is None and (line.octets or 0) > _SEGMENT.get(line.coding or 0, 160)
        self._note_unknown(where, line, ok, long)
        sent = Sent(
            account=self._account(line),
            message_id=name.message_id,
            attempt=name.attempt,
            part=name.part,
            smsc=line.smsc,
            fid=line.fid,
            sender=sender,
            recipient=recipient,
            at_ms=at_ms,
            ok=ok,
            long=long,
        )
        if ok:
            out.append(self._response(sent, closing_answer(line.event, None), at_ms))
        elif line.mask is None or line.mask & _NACK_WANTED:
            self._waiting.add(Closing(where, line.event, sent))
        else:
            out.append(self._refusal(Closing(where, line.event, sent), None))
        return out + self._joiner.add(sent)

    def _note_unknown(self, where: str, line: Line, ok: bool, long: bool) -> None:
        self.summary.no("submit_time", where)
        if long:
            self.summary.no("parts", where)
        if line.fid == SATURATED:
            self.summary.no("lost_id", where)
        elif ok and not line.fid:
            self.summary.no("id", where)

    def _account(self, line: Line) -> str:
        return select(self.options.account, line) or "default"

    def _submit(self, line: Line, message_id: str, attempt: int, parts: int, at_ms: int) -> Submit:
        self.summary.submits += 1
        self.summary.messages += attempt == 1
        return Submit(
            account=self._account(line),
            message_id=message_id,
            attempt=attempt,
            created_at_ms=self._created_ms(line),
            submitted_at_ms=at_ms,
            provider=line.smsc,
            campaign=select(self.options.campaign, line),
            sender=line.sender,
            recipient=line.recipient,
            country="",
            traffic_type="unknown",
            encoding=kannel_fields.encoding(line.coding),
            parts=parts,
            validity_ms=None,
            disposition="submitted",
            exclusion_reason="",
            price_micros=None,
            currency="",
            attributes=_attributes(line),
        )

    def _response(self, sent: Sent, answer: kannel_fields.Answer, at_ms: int) -> SubmitResponse:
        self.summary.answers[answer.code] += 1
        return SubmitResponse(
            sent.account,
            sent.message_id,
            sent.attempt,
            sent.part,
            at_ms,
            sent.smsc,
            answer.code,
            "" if sent.fid == SATURATED else sent.fid,
            answer.text,
        )

    def _refusal(self, closing: Closing, nack: str | None) -> SubmitResponse:
        answer = closing_answer(closing.event, nack)
        if not answer.told:
            self.summary.no("code", closing.where)
        return self._response(closing.sent, answer, closing.sent.at_ms)

    # ------------------------------------------------------------------ Receive DLR lines

    def _report(self, where: str, line: Line, at_ms: int) -> list[ImportedEvent]:
        """An acknowledgement of the submit (types 8 and 16) or a report of the delivery."""
        told = line.mask or 0
        if told & _NACKED or (not told and line.text.startswith("NACK/")):
            return self._nack(where, line)
        if told & _ACKED or (not told and line.text.startswith("ACK/")):
            return self._ack(where, line, at_ms)
        return self._delivery(where, line, at_ms, told)

    def _nack(self, where: str, line: Line) -> list[ImportedEvent]:
        self.summary.lines[line.event] -= 1
        self.summary.lines["Receive DLR, refused by the SMSC"] += 1
        sender, recipient = number_key(line.sender), number_key(line.recipient)
        closing = self._waiting.take(line.smsc, recipient, sender)
        if closing is None:
            self.summary.no("answer_without_message", where)
            return []
        return [self._refusal(closing, line.text)]

    def _ack(self, where: str, line: Line, at_ms: int) -> list[ImportedEvent]:
        """Says again what ``Sent SMS`` said; alone, it is the answer to a message whose line is not in the log."""
        self.summary.lines[line.event] -= 1
        self.summary.lines["Receive DLR, accepted by the SMSC"] += 1
        sender, recipient = number_key(line.sender), number_key(line.recipient)
        if line.fid and self._joiner.with_id(line.smsc, line.fid):
            return []
        if not line.fid and self._joiner.sent_to(line.smsc, recipient, sender):
            return []
        if not line.fid or line.fid == SATURATED or self.options.message_id:
            self.summary.no("answer_without_message", where)
            return []
        sent = self._joiner.stranger(self._account(line), line.smsc, line.fid, at_ms)
        return [self._response(sent, closing_answer("Sent SMS", None), at_ms)]

    def _delivery(self, where: str, line: Line, at_ms: int, told: int) -> list[ImportedEvent]:
        receipt = parse_receipt(line.text)
        failed = line.event.startswith("FAILED")
        code = receipt.stat or (f"KANNEL_DLR_{told}" if told and not failed else "KANNEL_DLR")
        if code == "KANNEL_DLR":
            self.summary.no("receipt_type", where)
        sender, recipient = number_key(line.sender), number_key(line.recipient)
        if failed:
            sender, recipient = recipient, sender
        report = Report(
            line=where,
            smsc=line.smsc,
            ids=tuple(dict.fromkeys(one for one in (line.fid, receipt.id or "") if one)),
            sender=sender,
            recipient=recipient,
            at_ms=at_ms,
            done_ms=self._done_ms(line.smsc, receipt.done_date, at_ms),
            code=code,
            err=receipt.err or kannel_fields.network_error(line.meta),
            text=line.text,
            by_gateway=not failed,
        )
        account = self._account(line) if not failed else ""
        return self._joiner.offer(report, account)

    def _done_ms(self, smsc: str, done_date: str | None, at_ms: int) -> int | None:
        """The receipt's own time: in the zone said for the SMSC, else read as UTC."""
        moment = parse_date(done_date, at_ms)
        if moment is None:
            return None
        zone = self.options.receipt_zones.get(smsc)
        done_ms = moment.ms
        if zone is not None and not moment.zoned:
            done_ms = in_zone(moment.ms, zone)
        self.summary.clock(smsc, done_ms, at_ms)
        return done_ms

    def _bearerbox(self, where: str, said: bearerbox.UnmatchedReport) -> list[ImportedEvent]:
        """A report that bearerbox's main log says it could not join."""
        self.summary.lines["main log: report without message"] += 1
        at_ms = self._at(where, said.time_text)
        if at_ms is None:
            self.summary.reports += 1
            self.summary.orphan("no_smsc" if not said.smsc else "unknown_message", where)
            return []
        smsc = said.smsc or self.options.default_smsc
        report = Report(
            where,
            smsc,
            (said.id,) if said.id else (),
            "",
            number_key(said.recipient),
            at_ms,
            None,
            f"KANNEL_DLR_{said.type}",
            "",
            "",
            False,
        )
        return self._advance(at_ms) + self._joiner.offer(report, "")

    # ------------------------------------------------------------------ the end

    def finish(self) -> tuple[list[ImportedEvent], Summary]:
        """No more lines: what still waits goes out, and the summary is complete."""
        out: list[ImportedEvent] = [self._refusal(one, None) for one in self._waiting.overdue(None)]
        return out + self._joiner.expire(None), self.summary


def _known(event: str) -> bool:
    """Whether Kannel writes lines of this kind about messages."""
    return event in CLOSING or (event.startswith(_EVENTS) and event.endswith(("SMS", "DLR")))


def _of_others(event: str) -> bool:
    """Messages from phones, and reports that Kannel itself sends to somebody."""
    from_phone = event.startswith(("REJECTED Receive", *_MO))
    return from_phone or (event.endswith("DLR") and "Receive" not in event)


def _attributes(line: Line) -> dict[str, str]:
    """What else the line says, for those who look for it: service, account, billing, mask, META values."""
    found = {"svc": line.service, "act": line.account, "binf": line.binfo, "box": line.box}
    if line.mask is not None:
        found["dlr_mask"] = str(line.mask)
    if line.octets is not None:
        found["octets"] = str(line.octets)
    if "=" in line.meta:
        for group, values in kannel_fields.parse_meta(line.meta).items():
            if group != "orig_msg":
                found.update((f"meta.{key}", value) for key, value in values.items())
    return {key: value for key, value in found.items() if value}
