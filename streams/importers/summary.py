"""What an import read, what it made of it, and what the log did not tell."""

from __future__ import annotations

from collections import Counter

_SHOWN = 5
_HOUR_MS = 3_600_000
_OFF_MS = 30 * 60_000

WHY = {
    "unknown_message": "no message between these numbers in the log (sent before it begins, or by somebody else)",
    "unknown_id": "messages between these numbers, but none with this id in any form",
    "part_of_long_message": "perhaps a later part of a long message: Kannel logs the id of its first part only",
    "ambiguous": "the id means more than one message",
    "other_numbers": "the id is there, but between other numbers",
    "saturated": "the id is beyond what Kannel can hold, and so is that of more than one message",
    "no_id": "the report has no id",
    "not_in_log": "Kannel knew the message, but its line is not in this log; reported under its id",
    "several_without_id": "several messages between these numbers, and the log has the id of none",
    "part_of_refused_message": "part of a long message which Kannel closed as refused",
    "no_smsc": "the line does not name the SMSC",
    "gateway_unknown": "the gateway said only that it knows no such message, not what the report was",
}
"""Why a report has no message."""

NOT_KNOWN = {
    "submit_time": "when these were submitted: Kannel writes a line when the SMSC has answered, and hides retries",
    "code": "with which code these were refused: the report mask did not ask for it, or Kannel gave up itself",
    "parts": "how many parts these long messages had: they have one line each",
    "refused_part": "which part of these long messages was refused, and how many they had (told as 2 of 2)",
    "id": "the provider's id of these accepted messages",
    "time_is_creation": "when these were answered: the log has only the time of their creation",
    "time_of_others": "when these lines were written: they have no time; taken from the lines before them",
    "no_time": "when these lines were written: there is no time in them (say it with --time)",
    "bad_time": "what time these lines mean",
    "ambiguous_time": "which of the two hours these lines of a clock going back mean (taken in order)",
    "lost_id": "the provider's id of these messages: beyond what Kannel can hold",
    "message_id": "the sender's own id of these messages: the field for it is empty",
    "doubtful": "where the fields of these lines end: a name or an address holds brackets",
    "answer_without_message": "which message these answers are about",
    "receipt_type": "what these reports say: neither a state nor a type",
}
"""What the log does not tell, by kind."""


class Summary:
    """Counts of one import; ``text()`` says them, ``data()`` gives them for machines."""

    def __init__(self) -> None:
        """All empty."""
        self.lines: Counter[str] = Counter()
        self.messages = 0
        self.submits = 0
        self.answers: Counter[str] = Counter()
        self.matched: Counter[str] = Counter()
        self.reports = 0
        self.duplicates = 0
        self.early = 0
        self.unmatched: Counter[str] = Counter()
        self.not_known: Counter[str] = Counter()
        self.where: dict[str, list[str]] = {}
        self._ahead: dict[str, int] = {}

    def no(self, kind: str, line: str) -> None:
        """Count something that the log does not tell, and remember the first lines of it."""
        self.not_known[kind] += 1
        self._remember(kind, line)

    def orphan(self, why: str, line: str) -> None:
        """Count a report that found no message."""
        self.unmatched[why] += 1
        self._remember(why, line)

    def odd(self, kind: str, line: str) -> None:
        """Count a line that is none of the known kinds."""
        self.lines[kind] += 1
        self._remember(kind, line)

    def clock(self, smsc: str, done_ms: int, received_ms: int) -> None:
        """Watch how far an SMSC's receipt dates run ahead of the log."""
        ahead = done_ms - received_ms
        if ahead > self._ahead.get(smsc, -_HOUR_MS * 24 * 365):
            self._ahead[smsc] = ahead

    def clocks_ahead(self) -> dict[str, int]:
        """SMSCs whose receipts are dated after they came, with the largest lead in milliseconds."""
        return {smsc: ahead for smsc, ahead in sorted(self._ahead.items()) if ahead > _OFF_MS}

    def _remember(self, kind: str, line: str) -> None:
        seen = self.where.setdefault(kind, [])
        if len(seen) < _SHOWN:
            seen.append(line)

    def data(self) -> dict[str, object]:
        """Every count, for machines."""
        return {
            "lines": sum(self.lines.values()),
            "lines_by_kind": dict(sorted(self.lines.items())),
            "messages": self.messages,
            "submits": self.submits,
            "answers": dict(sorted(self.answers.items())),
            "reports": self.reports,
            "reports_matched": dict(sorted(self.matched.items())),
            "reports_duplicate": self.duplicates,
            "reports_early": self.early,
            "reports_without_message": dict(sorted(self.unmatched.items())),
            "not_known": dict(sorted(self.not_known.items())),
            "clocks_ahead_ms": self.clocks_ahead(),
            "examples": {kind: list(lines) for kind, lines in sorted(self.where.items())},
        }

    def text(self) -> str:
        """The same for people."""
        out = [f"{sum(self.lines.values())} lines"]
        out += [f"  {count:>8}  {kind}" for kind, count in self.lines.most_common()]
        out.append(f"{self.messages} messages, {self.submits} submits")
        out.append(f"{sum(self.answers.values())} answers")
        out += [f"  {count:>8}  {code}" for code, count in self.answers.most_common()]
        out.append(
            f"{self.reports} reports, {sum(self.matched.values())} of them joined to their message"
            f" ({self.duplicates} said again, {self.early} before the line of the message)"
        )
        out += [f"  {count:>8}  by {relation}" for relation, count in self.matched.most_common()]
        if self.unmatched:
            out.append(f"{sum(self.unmatched.values())} reports found no message in the log")
            out += [self._said(why, count, WHY) for why, count in self.unmatched.most_common()]
        if self.not_known:
            out.append("not known from this log")
            out += [self._said(kind, count, NOT_KNOWN) for kind, count in self.not_known.most_common()]
        for smsc, ahead in self.clocks_ahead().items():
            hours = round(ahead / _HOUR_MS * 4) / 4
            out.append(f"receipts of {smsc} are dated up to {hours:g} h after they came: say its zone")
        return "\n".join(out)

    def _said(self, kind: str, count: int, words: dict[str, str]) -> str:
        lines = ", ".join(self.where.get(kind, ()))
        return f"  {count:>8}  {words.get(kind, kind)}" + (f" (lines {lines})" if lines else "")
