"""What `message` prints: the story of one message, every event and every revision in the order of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from streams.clickhouse.backend import Database

Row = Mapping[str, Any]

_TIMELINE = "SELECT * FROM sms.message_timeline WHERE message_id = {id:String}"
_LATEST = "SELECT * FROM sms.message_latest WHERE message_id = {id:String} ORDER BY account"
_REVISIONS = """
SELECT account, version, partition, offset, status, attempt, provider, derived, settled, late, conflict,
       duplicate_delivery, unknown_code, reason, reason_class, recipient_action, billable_parts, response_code,
       report_code, report_err, provider_message_id
FROM sms.revisions FINAL WHERE message_id = {id:String} ORDER BY account, version, partition, offset
"""
_BY_PROVIDER_ID = """
SELECT DISTINCT account, message_id FROM sms.events
WHERE provider_message_id = {id:String} AND message_id != {id:String} ORDER BY account, message_id LIMIT 10
"""
_LONGEST_TEXT = 160


class NoSuchMessage(LookupError):
    """No event names that message; the text says what was looked for and what else there is."""


def message_story(db: Database, message_id: str, account: str | None = None) -> str:
    """Tell what happened to a message, for a person. Of several accounts that have it, all unless one is named."""
    params = {"id": message_id}
    events = db.query(_TIMELINE, params).dicts()
    accounts = list(dict.fromkeys(row["account"] for row in events))
    if account is not None and account in accounts:
        accounts = [account]
    elif account is not None or not accounts:
        raise NoSuchMessage(_not_found(db, message_id, account, accounts))
    latest = {row["account"]: row for row in db.query(_LATEST, params).dicts()}
    changes = _changes(db.query(_REVISIONS, params).dicts())
    return "\n".join(
        line
        for name in accounts
        for line in (
            *_head(message_id, name, latest.get(name)),
            *_lines([row for row in events if row["account"] == name], changes),
            "",
        )
    )


def _not_found(db: Database, message_id: str, account: str | None, accounts: list[str]) -> str:
    if accounts:
        return f"Account {account} has no message {message_id}; there is one of that id in {', '.join(accounts)}."
    named = db.query(_BY_PROVIDER_ID, {"id": message_id}).rows
    if named:
        others = ", ".join(f"{name} (account {owner})" for owner, name in named)
        return f"No message has the id {message_id}, but a provider used that id for {others}."
    return (
        f"No event names a message {message_id}. The id is the sender's own, as in sms.submit, compared exactly. What "
        " was sent a moment ago may not be loaded yet; what could not be read is in sms.dead_letters."
    )


# ---- the head: where it stands -------------------------------------------------------------------------------------


def _head(message_id: str, account: str, row: Row | None) -> Iterator[str]:
    yield f"Message {message_id} of account {account}"
    if row is None:
        yield "  no submit has been seen, so it has no status"
        yield ""
        return
    yield "  " + _joined(
        f"campaign {row['campaign']}" if row["campaign"] else "",
        f"to {row['recipient']}" + (f" ({row['country']})" if row["country"] else ""),
        f"from {row['sender']}" if row["sender"] else "",
        row["traffic_type"] if row["traffic_type"] != "unknown" else "",
        f"{row['parts']} parts" if row["parts"] != 1 else "",
        f"price {row['price_micros'] / 1_000_000:g} {row['currency']}".rstrip() if row["price_micros"] else "",
    )
    yield "  now " + _joined(
        row["status"] + (f", {row['reason']}" if row["reason"] else ""),
        "settled" if row["settled"] else "open",
        "said by a timeout" if row["derived"] else "",
        *(word for flag, word in _FLAGS.items() if row[flag]),
        f"attempt {row['attempt']} via {row['provider'] or 'an unnamed provider'}",
        f"{row['billable_parts']} billable",
        f"version {row['version']}",
    )
    if row["attributes"]:
        yield "  " + _joined(*(f"{name} = {value}" for name, value in sorted(row["attributes"].items())))
    yield ""


_FLAGS = {
    "late": "late",
    "conflict": "reports contradict each other",
    "duplicate_delivery": "delivered by more than one attempt",
    "unknown_code": "a code is unknown",
}


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


# ---- the lines: what happened --------------------------------------------------------------------------------------


def _lines(events: list[Row], changes: Mapping[tuple[Any, ...], str]) -> Iterator[str]:
    start = _time(events[0]["at"])
    for row in events:
        since = _since((_time(row["at"]) - start).total_seconds())
        if row["kind"] in ("status", "timeout"):
            what = row["what"] + changes.get(_revision(row), "")
            yield f"  {row['at']}  {since:>11}    -> {what} (version {row['version']})"
        else:
            yield f"  {row['at']}  {since:>11}  {row['kind']:<9} {_event(row)}"


def _event(row: Row) -> str:
    """Say what an event was: its raw codes, the provider's id, the operator's own time, the text that came."""
    text = row["text"] if len(row["text"]) <= _LONGEST_TEXT else row["text"][:_LONGEST_TEXT] + "..."
    what: str = row["what"]
    return what + "".join(
        [
            f", id {row['provider_message_id']}" if row["provider_message_id"] else "",
            f", done at {row['done_at']}" if row["done_at"] else "",
            f", text {text!r}" if text else "",
            "" if row["partition"] < 0 else f"  [{row['topic']}-{row['partition']}@{row['offset']}]",
        ]
    )


def _revision(row: Row) -> tuple[Any, ...]:
    return row["account"], row["version"], row["partition"], row["offset"]


def _changes(revisions: list[dict[str, Any]]) -> dict[tuple[Any, ...], str]:
    """Say for each revision what changed against the one before, apart from what its line says anyway."""
    said: dict[tuple[Any, ...], str] = {}
    for _, rows in groupby(revisions, key=lambda row: row["account"]):
        before: dict[str, Any] | None = None
        for row in rows:
            if before is not None:
                said[_revision(row)] = _difference(before, row)
            before = row
    return said


_SAID = ("account", "version", "partition", "offset", "reason", "late", "conflict", "duplicate_delivery")


def _difference(before: Row, after: Row) -> str:
    changed = [name for name in after if name not in _SAID and before[name] != after[name]]
    if not changed:
        return "; a fact more, nothing else changed"
    return "; " + ", ".join(f"{name} {_shown(before[name])} > {_shown(after[name])}" for name in changed)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value != "" else "-"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _since(seconds: float) -> str:
    """Write a distance in time: ``+0.200 s``, ``+3 min 05 s``, ``+24 h 00 min``, ``+3 d 02 h``."""
    if seconds < 60:
        return f"+{seconds:.3f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"+{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"+{hours} h {minutes:02d} min"
    return f"+{hours // 24} d {hours % 24:02d} h"
