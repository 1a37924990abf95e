"""Lines that end Kannel's work on a message, as submits and answers; and the type 8 and 16 lines that go with them."""

from __future__ import annotations

from collections.abc import Callable

from streams.events import Submit, SubmitResponse
from streams.importers import kannel_fields
from streams.importers.joining import Joiner
from streams.importers.kannel_fields import SATURATED, Answer, closing_answer, number_key, select
from streams.importers.kannel_format import Line
from streams.importers.kannel_names import Name, Names
from streams.importers.kannel_options import ImportedEvent, Options
from streams.importers.kannel_waiting import Closing, Waiting
from streams.importers.matcher import Sent
from streams.importers.summary import Summary

_NACK_WANTED = 16 | 2
_SEGMENT = {0: 160, 1: 140, 2: 140}
_ACCEPTED = closing_answer("Sent SMS", None)


class Answers:
    """Makes the submit and the answer of each message. The answer to a refused one waits for its type 16 line."""

    def __init__(
        self, options: Options, summary: Summary, joiner: Joiner, created_ms: Callable[[Line], int | None]
    ) -> None:
        """``created_ms`` reads when a line says that its message came to be."""
        self._options, self._summary, self._joiner = options, summary, joiner
        self._created_ms = created_ms
        self._names = Names(options, summary, joiner)
        self._waiting = Waiting()

    def closing(self, where: str, line: Line, at_ms: int, raw: bytes) -> list[ImportedEvent]:
        """Kannel is done with a message: its submit, and the answer unless a type 16 line will tell it."""
        sender, recipient = number_key(line.sender), number_key(line.recipient)
        if self._joiner.knows(line.smsc, line.fid, recipient, sender, at_ms):
            self._summary.lines[line.event] -= 1
            self._summary.odd("read before", where)
            return []
        name = self._names.name(where, line, at_ms, raw)
        ok = line.event == "Sent SMS"
        long = name.part is None and (line.octets or 0) > _SEGMENT.get(line.coding or 0, 160)
        self._note_unknown(where, line, ok, long)
        if not ok and name.part is None and line.fid and line.fid != SATURATED:
            return self._refused_in_part(where, line, name, at_ms)
        sent = self._sent(line, name, name.part, at_ms, ok=ok, long=long)
        out: list[ImportedEvent] = []
        if name.new:
            out.append(self._submit(line, name, name.parts, at_ms))
        if ok:
            out.append(self._response(sent, _ACCEPTED, at_ms))
        else:
            out += self._refused(where, line, sent)
        return out + self._joiner.add(sent)

    def _refused_in_part(self, where: str, line: Line, name: Name, at_ms: int) -> list[ImportedEvent]:
        """A refused message with an id is a long one: the SMSC took its first part and refused another one.

        Which one, and how many there were, the log does not tell: it is told as the second of two.
        """
        self._summary.no("refused_part", where)
        taken = self._sent(line, name, 1, at_ms, ok=True, long=True)
        refused = self._sent(line._replace(fid=""), name, 2, at_ms, ok=False, long=True)
        out: list[ImportedEvent] = [
            self._submit(line, name, 2, at_ms),
            self._response(taken, _ACCEPTED, at_ms),
        ]
        return out + self._refused(where, line, refused) + self._joiner.add(taken)

    def _refused(self, where: str, line: Line, sent: Sent) -> list[ImportedEvent]:
        """The answer now, where the mask asked for no type 16 line, else when that comes."""
        closing = Closing(where, line.event, sent)
        if line.mask is not None and not line.mask & _NACK_WANTED:
            return [self._refusal(closing, None)]
        self._waiting.add(closing)
        return []

    def overdue(self, until_ms: int | None) -> list[ImportedEvent]:
        """Answers whose code does not come any more, for messages closed at or before a moment; None: all."""
        return [self._refusal(closing, None) for closing in self._waiting.overdue(until_ms)]

    def nack(self, where: str, line: Line) -> list[ImportedEvent]:
        """A type 16 line: why the message was refused."""
        self._summary.lines[line.event] -= 1
        self._summary.lines["Receive DLR, refused by the SMSC"] += 1
        closing = self._waiting.take(line.smsc, number_key(line.recipient), number_key(line.sender))
        if closing is None:
            self._summary.no("answer_without_message", where)
            return []
        return [self._refusal(closing, line.text)]

    def ack(self, where: str, line: Line, at_ms: int) -> list[ImportedEvent]:
        """A type 8 line says again what ``Sent SMS`` said; alone, it is the answer to a message of an older log."""
        self._summary.lines[line.event] -= 1
        self._summary.lines["Receive DLR, accepted by the SMSC"] += 1
        named = bool(line.fid) and line.fid != SATURATED
        pair = line.smsc, number_key(line.recipient), number_key(line.sender)
        if self._joiner.with_id(line.smsc, line.fid) if named else self._joiner.sent_to(*pair):
            return []
        if not named or self._options.message_id:
            self._summary.no("answer_without_message", where)
            return []
        sent = self._joiner.stranger(self.account(line), line.smsc, line.fid, at_ms)
        return [self._response(sent, _ACCEPTED, at_ms)]

    def account(self, line: Line) -> str:
        """The account of a line's message."""
        return select(self._options.account, line) or "default"

    def _note_unknown(self, where: str, line: Line, ok: bool, long: bool) -> None:
        self._summary.no("submit_time", where)
        if long:
            self._summary.no("parts", where)
        if line.fid == SATURATED:
            self._summary.no("lost_id", where)
        elif ok and not line.fid:
            self._summary.no("id", where)

    def _sent(self, line: Line, name: Name, part: int | None, at_ms: int, *, ok: bool, long: bool) -> Sent:
        return Sent(
            account=self.account(line),
            message_id=name.message_id,
            attempt=name.attempt,
            part=part,
            smsc=line.smsc,
            fid=line.fid,
            sender=number_key(line.sender),
            recipient=number_key(line.recipient),
            at_ms=at_ms,
            ok=ok,
            long=long,
        )

    def _submit(self, line: Line, name: Name, parts: int, at_ms: int) -> Submit:
        self._summary.submits += 1
        self._summary.messages += name.attempt == 1
        return Submit(
            account=self.account(line),
            message_id=name.message_id,
            attempt=name.attempt,
            created_at_ms=self._created_ms(line),
            submitted_at_ms=at_ms,
            provider=line.smsc,
            campaign=select(self._options.campaign, line),
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

    def _response(self, sent: Sent, answer: Answer, at_ms: int) -> SubmitResponse:
        self._summary.answers[answer.code] += 1
        pmid = "" if sent.fid == SATURATED else sent.fid
        return SubmitResponse(
            sent.account,
            sent.message_id,
            sent.attempt,
            sent.part,
            at_ms,
            sent.smsc,
            answer.code,
            pmid,
            answer.text,
        )

    def _refusal(self, closing: Closing, nack: str | None) -> SubmitResponse:
        answer = closing_answer(closing.event, nack)
        if not answer.told:
            self._summary.no("code", closing.where)
        return self._response(closing.sent, answer, closing.sent.at_ms)


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
