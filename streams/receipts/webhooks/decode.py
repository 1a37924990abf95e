"""A webhook's body turned into delivery-report events, by the description of its vendor and the catalog.

Nothing is invented: what has no id, or neither a status nor anything that stands for one, is no event; bodies that are
no delivery reports (inbound messages, clicks, subscription confirmations) are named as what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from streams.catalog import Catalog
from streams.catalog.outcomes import UNKNOWN_REPORT, ReportOutcome
from streams.receipts.webhooks.times import read_time
from streams.receipts.webhooks.tree import BodyError, Node, find, read_body, read_wrapped, word, words
from streams.receipts.webhooks.vendor import Condition, Report, Vendor, several

_WRAPS_IN_WRAPS = 3
_MOST_PARTS = 255
_LONGEST_WORD, _LONGEST_TEXT = 500, 4_000
"""Characters kept of a code or id, and of a text; no vendor comes near."""


class WebhookError(ValueError):
    """A body that this vendor does not send, as far as we know: a countable word and a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        """Take the word for `streams.events.DeadLetter.reason` and the sentence for its ``detail``."""
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class WebhookEvent(NamedTuple):
    """What one delivery report of a body says. None: not told.

    ``code`` and ``err`` are the vendor's own words as written. ``meaning`` is the word by which the catalog understood
    the report: mostly the code, else another word of it (a group), or what stands for a status that was not given.
    ``reference`` is what the sender gave with the message. ``messages``: it sums up
    so many of a batch and names none.
    """

    provider_message_id: str
    code: str | None
    err: str | None
    status: str
    final: bool
    reason: str
    reason_class: str
    done_at_ms: int | None
    reference: str | None
    recipient: str | None
    part: int | None
    messages: int | None
    text: str | None
    meaning: str

    def shown(self) -> dict[str, Any]:
        """Return the event as `sms-streams decode webhook` prints it."""
        fields = self._asdict()
        del fields["meaning"]
        return fields


class Decoded(NamedTuple):
    """What was in a body: events in its order, kinds of what else it held, and what was wrong with single records."""

    events: tuple[WebhookEvent, ...]
    others: tuple[str, ...]
    problems: tuple[str, ...]


def decode(
    vendor: Vendor,
    body: bytes | str,
    catalog: Catalog,
    content_type: str = "",
    query: str = "",
    dialect: str = "",
) -> Decoded:
    """Decode a body, where it is empty the query string of the URL; raise `WebhookError` where it says nothing known.

    `dialect`: that of the provider, where it has codes of its own; else the vendor's.
    """
    given = body if body.strip() else query
    try:
        tree = read_body(given, content_type)
    except BodyError as error:
        raise WebhookError("bad_body", str(error)) from error
    reader = _Reader(vendor, catalog, dialect or vendor.dialect)
    for node in find(Node(tree), ""):
        reader.read(node)
    decoded = Decoded(tuple(reader.events), tuple(reader.others), tuple(reader.problems))
    if not decoded.events and not decoded.others:
        why = "; ".join(decoded.problems[:3]) or "nothing in it looks like a delivery report"
        raise WebhookError("unknown_body", f"not a body that {vendor.name} is known to send: {why}")
    return decoded


class _Reader:
    """Collects what one body holds."""

    def __init__(self, vendor: Vendor, catalog: Catalog, dialect: str) -> None:
        self._vendor = vendor
        self._dialect = dialect
        self._catalog = catalog
        self.events: list[WebhookEvent] = []
        self.others: list[str] = []
        self.problems: list[str] = []

    def read(self, node: Node, depth: int = 0) -> None:
        for other in self._vendor.other:
            if holds(node, other.when):
                self.others.append(other.kind)
                return
        for path in self._vendor.wrapped if depth < _WRAPS_IN_WRAPS else ():
            inner = read_wrapped(word(node, path) or "")
            if inner is not None:
                for element in find(Node(inner, node), ""):
                    self.read(element, depth + 1)
                return
        self._report(node)

    def _report(self, node: Node) -> None:
        first_problems: list[str] = []
        for report in self._vendor.report:
            problems: list[str] = []
            found = list(self._records(report, node, problems))
            if found:
                self.events += found
                self.problems += problems
                return
            first_problems = first_problems or problems
        self.problems += first_problems

    def _records(self, report: Report, node: Node, problems: list[str]) -> Iterator[WebhookEvent]:
        for number, record in enumerate(find(node, report.each), start=1):
            if not holds(record, report.when):
                continue
            event = self._event(report, record)
            if isinstance(event, str):
                problems.append(f"record {number}: {event}")
            else:
                yield event

    def _event(self, report: Report, record: Node) -> WebhookEvent | str:
        """Return the event of a record, or why it is none."""
        message_id = _first(record, several(report.id), _LONGEST_WORD)
        if message_id is None:
            return f"no message id ({' or '.join(several(report.id))})"
        code = _first(record, several(report.code), _LONGEST_WORD)
        implied = next((i.code for i in report.implied if holds(record, i.when)), None) if code is None else None
        if code is None and implied is None:
            return f"no status ({' or '.join(several(report.code))})"
        err = _first(record, several(report.err), _LONGEST_WORD)
        text = _first(record, several(report.text), _LONGEST_TEXT)
        meaning, outcome = self._outcome(_meanings(report, record, code, implied), err or "", text or "")
        return WebhookEvent(
            provider_message_id=message_id,
            code=code,
            err=err,
            status=outcome.status,
            final=outcome.final,
            reason=outcome.reason,
            reason_class=outcome.reason_class,
            done_at_ms=_time(report, record),
            reference=_first(record, several(report.reference), _LONGEST_WORD),
            recipient=_first(record, several(report.recipient), _LONGEST_WORD),
            part=_part(report, record),
            messages=_count(report, record),
            text=text,
            meaning=meaning,
        )

    def _outcome(self, meanings: list[str], err: str, text: str) -> tuple[str, ReportOutcome]:
        for meaning in meanings:
            outcome = self._catalog.report(self._dialect, meaning, err, text)
            if outcome.known:
                return meaning, outcome
        return meanings[0], UNKNOWN_REPORT


def holds(node: Node, when: Mapping[str, Condition]) -> bool:
    """Tell whether all conditions hold at a place of a tree."""
    return all(_holds(node, path, wanted) for path, wanted in when.items())


def _holds(node: Node, path: str, wanted: Condition) -> bool:
    first = word(node, path)
    if isinstance(wanted, bool):
        there = first is not None or any(found.value not in (None, "", [], {}) for found in find(node, path))
        return there == wanted
    if first is None:
        return False
    patterns = [wanted.lower()] if isinstance(wanted, str) else [pattern.lower() for pattern in wanted]
    return any(_like(text.lower(), pattern) for text in words(node, path) for pattern in patterns)


def _like(text: str, pattern: str) -> bool:
    if pattern.startswith("!"):
        return not _like(text.lstrip("0") or "0", pattern[1:])
    head, star, tail = pattern.partition("*")
    if not star:
        return text == pattern
    return len(text) >= len(head) + len(tail) and text.startswith(head) and text.endswith(tail)


def _first(record: Node, paths: list[str], longest: int) -> str | None:
    for path in paths:
        found = word(record, path)
        if found is not None:
            return found[:longest]
    return None


def _meanings(report: Report, record: Node, code: str | None, implied: str | None) -> list[str]:
    if implied is not None:
        return [implied]
    paths = several(report.meaning) or several(report.code)
    found = [text[:_LONGEST_WORD] for path in paths if (text := word(record, path)) is not None]
    return [*found, code or ""]


def _time(report: Report, record: Node) -> int | None:
    zone, formats = report.time_zone(), several(report.time_format)
    for path in several(report.time):
        found = read_time(word(record, path), formats, zone)
        if found is not None:
            return found
    return None


def _part(report: Report, record: Node) -> int | None:
    part = _whole(_first(record, several(report.part), 10))
    parts = _whole(_first(record, several(report.parts), 10))
    if part is None or not 1 <= part <= _MOST_PARTS or parts == 1:
        return None
    return part


def _count(report: Report, record: Node) -> int | None:
    count = _whole(_first(record, several(report.count), 10))
    return count if count is not None and count > 1 else None


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
