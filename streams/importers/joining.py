"""Reports on their way to their messages: joined at once, held for a message still to come, or sent on without."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta, tzinfo

from streams.events import DeliveryReport, ProviderReceipt
from streams.importers.kannel_fields import SATURATED, same_number
from streams.importers.kannel_options import ImportedEvent, Options
from streams.importers.matcher import CROWD, SAME, Key, Match, Matcher, Report, Sent
from streams.importers.summary import Summary

_EPOCH = datetime(1970, 1, 1)


class _Held:
    """A report that waits; ``done`` once it has gone out."""

    __slots__ = ("account", "done", "report")

    def __init__(self, report: Report, account: str) -> None:
        self.report, self.account, self.done = report, account, False


class Joiner:
    """Keeps messages and waiting reports, and turns reports into events."""

    def __init__(self, options: Options, summary: Summary) -> None:
        """Empty; counts go to ``summary``."""
        self._options, self._summary = options, summary
        self._matcher = Matcher(options.ids)
        self._order: deque[Sent] = deque()
        self._held: deque[_Held] = deque()
        self._by_key: dict[Key, deque[_Held]] = {}

    # ------------------------------------------------------------------ messages

    def add(self, sent: Sent) -> list[ImportedEvent]:
        """A message was closed; gives the reports that came before it."""
        keys = self._matcher.add(sent)
        if self._options.keep_ms is not None:
            self._order.append(sent)
        out: list[ImportedEvent] = []
        for key in keys:
            waiting = self._by_key.get(key)
            if waiting is not None and len(waiting) <= CROWD:
                out += self._retry(waiting)
        return out

    def _retry(self, waiting: deque[_Held]) -> list[ImportedEvent]:
        out: list[ImportedEvent] = []
        for held in waiting:
            match = None if held.done else self._match(held.report)
            if match is not None and match.sent is not None:
                held.done = True
                self._summary.early += 1
                out.append(self._joined(held.report, match.sent, match.relation))
        return out

    def forget(self, before_ms: int) -> None:
        """Drop messages closed before a moment."""
        while self._order and self._order[0].at_ms < before_ms:
            self._matcher.forget(self._order.popleft())

    def knows(self, smsc: str, fid: str, recipient: str, sender: str, at_ms: int) -> bool:
        """Whether this very line was read before, as when a copied log overlaps."""
        return bool(fid) and any(
            sent.at_ms == at_ms and sent.recipient == recipient and sent.sender == sender
            for sent in self.with_id(smsc, fid)
        )

    def with_id(self, smsc: str, fid: str) -> list[Sent]:
        """Messages with exactly this id; none for an id that Kannel lost."""
        return [] if fid == SATURATED else self._matcher.with_id(smsc, fid)

    def sent_to(self, smsc: str, recipient: str, sender: str) -> list[Sent]:
        """Messages between two numbers."""
        return self._matcher.between(smsc, recipient, sender)

    @staticmethod
    def stranger(account: str, smsc: str, fid: str, at_ms: int) -> Sent:
        """A message that Kannel knew and whose line is not in this log, under the id it would have had."""
        return Sent(
            account=account or "default",
            message_id=f"{smsc}:{fid}",
            attempt=1,
            part=None,
            smsc=smsc,
            fid=fid,
            sender="",
            recipient="",
            at_ms=at_ms,
            ok=True,
            long=False,
        )

    # ------------------------------------------------------------------ reports

    def offer(self, report: Report, account: str) -> list[ImportedEvent]:
        """A report came: what it becomes now; nothing while it waits. ``account``: of the line, if it has one."""
        self._summary.reports += 1
        match = self._match(report)
        if match.sent is not None:
            return [self._joined(report, match.sent, match.relation)]
        if not report.ids:
            self._summary.orphan(match.why, report.line)
            return []
        held = _Held(report, account)
        self._held.append(held)
        if match.why != "ambiguous":  # more messages would not make that better
            for key in self._matcher.keys_of(report):
                self._by_key.setdefault(key, deque()).append(held)
        return []

    def expire(self, until_ms: int | None) -> list[ImportedEvent]:
        """Reports that came at or before a moment wait no longer; None: none does."""
        out: list[ImportedEvent] = []
        while self._held and (until_ms is None or self._held[0].report.at_ms <= until_ms):
            held = self._held.popleft()
            done, held.done = held.done, True
            for key in self._matcher.keys_of(held.report):
                self._drop(key)
            if done:
                continue
            match = self._match(held.report)
            if match.sent is not None:
                out.append(self._joined(held.report, match.sent, match.relation))
            else:
                out.append(self._alone(held.report, match.why, held.account))
        return out

    def _drop(self, key: Key) -> None:
        """Those at the front that have gone out; reports leave in the order they came."""
        waiting = self._by_key.get(key)
        while waiting and waiting[0].done:
            waiting.popleft()
        if waiting is not None and not waiting:
            del self._by_key[key]

    def _match(self, report: Report) -> Match:
        """The gateway's own word where it has one, else the id in any form."""
        if not report.by_gateway:
            return self._matcher.find(report)
        exact = self.with_id(report.smsc, report.ids[0]) if report.ids else []
        exact = [sent for sent in exact if same_number(sent.recipient, report.recipient)]
        if len(exact) == 1:
            return Match(exact[0], SAME, "")
        match = self._matcher.find(report)
        if match.sent is not None or match.why in ("ambiguous", "saturated"):
            return match
        return self._by_numbers(report, match)

    def _by_numbers(self, report: Report, match: Match) -> Match:
        """The gateway knew the message, and the log shows none with its id: one without id, if there is only one.

        So with Kannel's fake SMSC, which tells no id when it accepts.
        """
        near = [sent for sent in self.sent_to(report.smsc, report.recipient, report.sender) if not sent.fid]
        here = [sent for sent in near if sent.ok and sent.at_ms <= report.at_ms]
        if len(here) == 1:
            return Match(here[0], "numbers", "")
        if here:
            return Match(None, "", "several_without_id")
        if any(not sent.ok for sent in near):
            return Match(None, "", "part_of_refused_message")
        return Match(None, "", "not_in_log" if report.ids else match.why)

    def _joined(self, report: Report, sent: Sent, relation: str) -> DeliveryReport:
        self._summary.matched[relation] += 1
        said = (report.code, report.err, report.done_ms)
        if sent.seen is None:
            sent.seen = set()
        elif said in sent.seen:
            self._summary.duplicates += 1
        sent.seen.add(said)
        lost = not sent.fid or sent.fid == SATURATED
        return DeliveryReport(
            sent.account,
            sent.message_id,
            sent.attempt,
            sent.part,
            report.at_ms,
            report.done_ms,
            report.smsc,
            (report.ids[-1] if report.ids else "") if lost else sent.fid,
            report.code,
            report.err,
            report.text,
        )

    def _alone(self, report: Report, why: str, account: str) -> ImportedEvent:
        """A report without message: under the id that its message has where Kannel named it, else on its own."""
        self._summary.orphan(why if report.smsc else "no_smsc", report.line)
        if why == "not_in_log" and report.ids[0] != SATURATED and not self._options.message_id:
            sent = self.stranger(account, report.smsc, report.ids[0], report.at_ms)
            return DeliveryReport(
                sent.account,
                sent.message_id,
                None,
                None,
                report.at_ms,
                report.done_ms,
                report.smsc,
                report.ids[0],
                report.code,
                report.err,
                report.text,
            )
        return ProviderReceipt(
            report.smsc,
            report.ids[-1],
            None,
            None,
            report.at_ms,
            report.done_ms,
            report.code,
            report.err,
            report.text,
        )


def in_zone(utc_ms: int, zone: tzinfo) -> int:
    """A clock's reading, taken as UTC so far, moved to the zone of the clock. Epoch milliseconds."""
    local = (_EPOCH + timedelta(milliseconds=utc_ms)).replace(tzinfo=zone)
    return round((local.astimezone(UTC).replace(tzinfo=None) - _EPOCH).total_seconds() * 1000)
