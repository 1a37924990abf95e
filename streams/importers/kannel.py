"""The access log of Kannel, line by line, turned into submits, answers and delivery reports.

How to read this: ``feed`` tells the lines apart (``kannel_format.py`` reads one); those that end Kannel's work on a
message become submits and answers in ``kannel_answers.py``; a ``Receive DLR`` line becomes a report here, and
``joining.py`` finds its message, now or when that message's line comes; ``finish`` says what is left.
"""

from __future__ import annotations

import json
from datetime import UTC

from streams.importers import bearerbox, jasmin, kannel_fields
from streams.importers.jasmin_import import JasminImport
from streams.importers.joining import Joiner, in_zone
from streams.importers.kannel_answers import Answers
from streams.importers.kannel_fields import CLOSING, number_key
from streams.importers.kannel_format import DEFAULT_FORMATS, Format, Line, compile_format, parse_line
from streams.importers.kannel_options import ImportedEvent, Options
from streams.importers.log_time import LogTime
from streams.importers.matcher import Report
from streams.importers.summary import Summary
from streams.receipts.dates import parse_date
from streams.receipts.text import parse_receipt

_ACKED, _NACKED = 8, 16
_EVENTS = (
    "Receive ",
    "FAILED ",
    "REJECTED ",
    "DISCARDED ",
    "DROPPED ",
    "EXPIRED ",
    "Sent ",
)
_FIRST_MS = 86_400_000
"""Earlier is no time at all: Kannel's "not set" is second -1."""

_SMSBOX = (b" send-SMS request ", b" SMS HTTP-request ", b" SMS request sender:")
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
        self._answers = Answers(options, self.summary, self._joiner, self._created_ms)
        self._now_ms = 0

    # ------------------------------------------------------------------ lines

    def feed(self, line_no: int, raw: bytes) -> list[ImportedEvent]:
        """Read one line, numbered from 1; gives the events that are certain now."""
        where = f"{self.source}:{line_no}" if self.source else str(line_no)
        raw = _unwrapped(raw.rstrip(b"\r\n"))
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
        elif any(mark in raw for mark in _SMSBOX):
            self.summary.lines["access log of smsbox"] += 1
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
            return done + self._answers.closing(where, line, at_ms, raw)
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
        """A time of the log; where a line has none, that which the lines before it had reached."""
        if not time_text:
            return self._without_time(where)
        before = self._clock.ambiguous
        at_ms = self._clock.read(time_text)
        if at_ms is None:
            self.summary.no("bad_time", where)
        elif self._clock.ambiguous > before:
            self.summary.no("ambiguous_time", where)
        return at_ms

    def _without_time(self, where: str) -> int | None:
        if self._now_ms:
            if self._now_ms != self.options.missing_time_ms:
                self.summary.no("time_of_others", where)
            return self._now_ms
        if self.options.missing_time_ms is None:
            self.summary.no("no_time", where)
        return self.options.missing_time_ms

    def _created_ms(self, line: Line) -> int | None:
        """When the message came to Kannel (%T or %t, in GMT), where the line has it.

        A report that Kannel could not join has none: an empty %T, and 1969-12-31 23:59:59 as %t.
        """
        if line.created_s is not None:
            created_ms: int | None = line.created_s * 1000
        else:
            created_ms = self._gmt.read(line.created_text) if line.created_text else None
        return created_ms if created_ms is not None and created_ms >= _FIRST_MS else None

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
        out = self._answers.overdue(until) + self._joiner.expire(until)
        if self.options.keep_ms is not None:
            self._joiner.forget(self._now_ms - self.options.keep_ms)
        return out

    # ------------------------------------------------------------------ Receive DLR lines

    def _report(self, where: str, line: Line, at_ms: int) -> list[ImportedEvent]:
        """An acknowledgement of the submit (types 8 and 16) or a report of the delivery."""
        told = line.mask or 0
        if told & _NACKED or (not told and line.text.startswith("NACK/")):
            return self._answers.nack(where, line)
        if told & _ACKED or (not told and line.text.startswith("ACK/")):
            return self._answers.ack(where, line, at_ms)
        return self._delivery(where, line, at_ms, told)

    def _delivery(self, where: str, line: Line, at_ms: int, told: int) -> list[ImportedEvent]:
        receipt = parse_receipt(line.text)
        failed = line.event.startswith("FAILED")
        code = receipt.code or (f"KANNEL_DLR_{told}" if told and not failed else "KANNEL_DLR")
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
        account = self._answers.account(line) if not failed else ""
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
        return self._answers.overdue(None) + self._joiner.expire(None), self.summary


def _unwrapped(raw: bytes) -> bytes:
    """The line itself, where a collector of logs has put it into a JSON object as ``log`` or ``raw``."""
    if not raw.startswith(b"{") or not (b'"log"' in raw or b'"raw"' in raw):
        return raw
    try:
        wrapped = json.loads(raw)
        inner = wrapped.get("log", wrapped.get("raw"))
        return inner.rstrip("\r\n").encode() if isinstance(inner, str) else raw
    except (ValueError, RecursionError):
        return raw


def _known(event: str) -> bool:
    """Whether Kannel writes lines of this kind about messages."""
    return event in CLOSING or (event.startswith(_EVENTS) and event.endswith(("SMS", "DLR")))


def _of_others(event: str) -> bool:
    """Messages from phones, and reports that Kannel itself sends to somebody."""
    from_phone = event.startswith(("REJECTED Receive", *_MO))
    return from_phone or (event.endswith("DLR") and "Receive" not in event)
