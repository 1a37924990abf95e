"""Which message a report is about, when all it has is the provider's id in one of the forms providers use.

An answer and the receipts of one message often write its id differently: one in hexadecimal and the other in
decimal, in another case, with or without leading zeros. Numbers are compared in any size. A form is accepted only
where it leads to exactly one message of that SMSC whose addresses do not contradict; nothing else is guessed.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from streams.importers.kannel_fields import SATURATED, same_number

SAME, HEX_DECIMAL, DECIMAL_HEX = "same", "hex-decimal", "decimal-hex"
RELATIONS = (SAME, HEX_DECIMAL, DECIMAL_HEX)
"""Form in the answer - form in the receipt."""

_CEILING = int(SATURATED)
_LONGEST = 65
_HEX = frozenset("0123456789abcdefABCDEF")
_LEARNED = 3
CROWD = 32
"""More messages than this under one id: it identifies nothing, and looking through them would take for ever."""
Key = tuple[str, str, int | str]


class Sent:
    """A message, or one part of it, that the log closed: what a report can be joined to. Times epoch ms UTC."""

    __slots__ = (
        "account",
        "at_ms",
        "attempt",
        "fid",
        "long",
        "message_id",
        "ok",
        "part",
        "recipient",
        "seen",
        "sender",
        "smsc",
    )

    def __init__(
        self,
        *,
        account: str,
        message_id: str,
        attempt: int,
        part: int | None,
        smsc: str,
        fid: str,
        sender: str,
        recipient: str,
        at_ms: int,
        ok: bool,
        long: bool,
    ) -> None:
        """``sender`` and ``recipient`` as number keys; ``long``: too big for one segment, parts not told."""
        self.account, self.message_id, self.attempt, self.part = account, message_id, attempt, part
        self.smsc, self.fid, self.sender, self.recipient = smsc, fid, sender, recipient
        self.at_ms, self.ok, self.long = at_ms, ok, long
        self.seen: set[tuple[str, str, int | None]] | None = None


class Report(NamedTuple):
    """A delivery report of the log before it is known whose it is; addresses in the message's direction."""

    line: str
    smsc: str
    ids: tuple[str, ...]
    sender: str
    recipient: str
    at_ms: int
    done_ms: int | None
    code: str
    err: str
    text: str
    by_gateway: bool
    """Whether the gateway itself found the message."""


class Match(NamedTuple):
    """The message of a report and the relation of ids that led to it; ``sent`` None: why there is none."""

    sent: Sent | None
    relation: str
    why: str


class Matcher:
    """Knows every message by its id in all forms; finds the message of a report."""

    def __init__(self, declared: Mapping[str, str]) -> None:
        """``declared``: the relation of ids of an SMSC, where the operator named it."""
        self._declared = dict(declared)
        self._by_key: dict[Key, Sent | list[Sent]] = {}
        self._by_pair: dict[tuple[str, str], deque[Sent]] = {}
        self._lost: Counter[str] = Counter()
        self.votes: Counter[tuple[str, str]] = Counter()

    def add(self, sent: Sent) -> list[Key]:
        """Remember a message; gives the keys under which reports can find it."""
        self._by_pair.setdefault((sent.smsc, sent.recipient), deque()).append(sent)
        if sent.fid == SATURATED:
            self._lost[sent.smsc] += 1
        keys = [(sent.smsc, *key) for key in _own_keys(sent.fid)]
        for key in keys:
            known = self._by_key.get(key)
            if known is None:
                self._by_key[key] = sent
            elif not isinstance(known, list):
                self._by_key[key] = [known, sent]
            elif len(known) <= CROWD:
                known.append(sent)
        return keys

    def forget(self, sent: Sent) -> None:
        """Drop a message from every index."""
        if sent.fid == SATURATED:
            self._lost[sent.smsc] -= 1
        pair = self._by_pair.get((sent.smsc, sent.recipient))
        if pair:
            pair.remove(sent)  # the first one, when messages are dropped in the order they came
            if not pair:
                del self._by_pair[sent.smsc, sent.recipient]
        for key in _own_keys(sent.fid):
            full: Key = (sent.smsc, *key)
            known = self._by_key.get(full)
            if isinstance(known, list):
                known[:] = [one for one in known if one is not sent]
                if not known:
                    del self._by_key[full]
            elif known is sent:
                del self._by_key[full]

    def with_id(self, smsc: str, fid: str) -> list[Sent]:
        """Messages of an SMSC whose id is exactly this."""
        return [sent for sent in self._under((smsc, *_same_key(fid))) if sent.fid == fid]

    def between(self, smsc: str, recipient: str, sender: str) -> list[Sent]:
        """The last messages of an SMSC from this sender to this recipient, oldest first."""
        near = list(islice(reversed(self._by_pair.get((smsc, recipient), ())), CROWD))
        return [one for one in reversed(near) if same_number(one.sender, sender)]

    def keys_of(self, report: Report) -> list[Key]:
        """The keys of messages that this report could be about."""
        relations = self._relations(report.smsc)
        return [(report.smsc, *key) for rid in report.ids for _, key in _sought_keys(rid, relations)]

    def find(self, report: Report) -> Match:
        """The one message of a report, or why there is none (``no_id``, ``ambiguous``, ``other_numbers``, ...)."""
        if not report.ids:
            return Match(None, "", "no_id")
        contradicted = False
        for rid in report.ids:
            if rid == SATURATED:
                continue
            found, refused = self._candidates(report, rid)
            contradicted |= refused
            if found:
                return self._decide(report.smsc, found)
        if self._beyond(report):
            return self._saturated(report)
        return Match(None, "", "other_numbers" if contradicted else self._explain(report))

    def _candidates(self, report: Report, rid: str) -> tuple[list[tuple[Sent, str]], bool]:
        """Messages that an id can mean, with the relation; and whether any was refused for its addresses."""
        found: list[tuple[Sent, str]] = []
        refused = False
        for relation, key in _sought_keys(rid, self._relations(report.smsc)):
            here = list(self._under((report.smsc, *key)))
            if len(here) > CROWD:
                return [(sent, relation) for sent in here[:2]], refused
            if relation == SAME and any(sent.fid == rid for sent in here):
                here = [sent for sent in here if sent.fid == rid]
            for sent in here:
                if _consistent(sent, report):
                    found.append((sent, relation))
                else:
                    refused = True
        return found, refused

    def _decide(self, smsc: str, found: list[tuple[Sent, str]]) -> Match:
        distinct = {id(sent) for sent, _ in found}
        if len(distinct) > 1:
            learned = self._learned(smsc)
            found = [(sent, relation) for sent, relation in found if relation == learned]
            if len({id(sent) for sent, _ in found}) != 1:
                return Match(None, "", "ambiguous")
        sent, relation = found[0]
        if len(distinct) == 1 and len({relation for _, relation in found}) == 1:
            self.votes[smsc, relation] += 1
        return Match(sent, relation, "")

    def _learned(self, smsc: str) -> str | None:
        """The only relation that reports of this SMSC have shown so far, if there were some."""
        shown = [relation for relation in RELATIONS if self.votes[smsc, relation]]
        return shown[0] if len(shown) == 1 and self.votes[smsc, shown[0]] >= _LEARNED else None

    def _beyond(self, report: Report) -> bool:
        return any(number is not None and number >= _CEILING for number in map(_number, report.ids))

    def _saturated(self, report: Report) -> Match:
        """An id that Kannel cannot hold: accepted where one message alone, between these numbers, has lost its."""
        lost = self._lost[report.smsc]
        near = self.between(report.smsc, report.recipient, report.sender)
        here = [sent for sent in near if sent.fid == SATURATED and sent.recipient and sent.sender]
        if len(here) == 1 and (lost == 1 or not report.by_gateway):
            return Match(here[0], "saturated", "")
        return Match(None, "", "saturated" if lost else self._explain(report))

    def _explain(self, report: Report) -> str:
        """Why no message has the id of a report."""
        near = self.between(report.smsc, report.recipient, report.sender)
        if not near:
            return "unknown_message"
        if any(sent.long and sent.at_ms <= report.at_ms + 60_000 for sent in near):
            return "part_of_long_message"
        return "unknown_id"

    def _relations(self, smsc: str) -> tuple[str, ...]:
        declared = self._declared.get(smsc)
        return (declared,) if declared else RELATIONS

    def _under(self, key: Key) -> Iterator[Sent]:
        known = self._by_key.get(key)
        if isinstance(known, list):
            yield from known
        elif known is not None:
            yield known


def _consistent(sent: Sent, report: Report) -> bool:
    """Whether a report's addresses fit a message; some SMSCs do not swap them in receipts."""
    straight = same_number(sent.recipient, report.recipient) and same_number(sent.sender, report.sender)
    return straight or (same_number(sent.recipient, report.sender) and same_number(sent.sender, report.recipient))


def _bare(value: str) -> str | None:
    """An id as bare hexadecimal digits, where it is nothing else."""
    digits = value[2:] if value[:2] in ("0x", "0X") else value
    return digits if digits and len(digits) <= _LONGEST and _HEX.issuperset(digits) else None


def _number(value: str) -> int | None:
    """An id as a number: decimal where it has only such digits, else hexadecimal."""
    digits = _bare(value)
    return None if digits is None else int(digits, 10 if digits.isdigit() and digits == value else 16)


def _same_key(value: str) -> tuple[str, int | str]:
    digits = _bare(value)
    return ("h", value.casefold()) if digits is None else ("h", int(digits, 16))


def _own_keys(fid: str) -> list[tuple[str, int | str]]:
    """The keys of a message: its id read as hexadecimal (or as it is) and as decimal."""
    if not fid:
        return []
    digits = _bare(fid)
    keys = [_same_key(fid)]
    if digits is not None and digits.isdigit() and fid != SATURATED:
        keys.append(("d", int(digits)))
    return keys


def _sought_keys(rid: str, relations: tuple[str, ...]) -> list[tuple[str, tuple[str, int | str]]]:
    """The keys that the message of a report's id would have, by relation."""
    digits = _bare(rid)
    keys: list[tuple[str, tuple[str, int | str]]] = []
    if SAME in relations:
        keys.append((SAME, _same_key(rid)))
    if digits is not None and HEX_DECIMAL in relations and digits.isdigit():
        keys.append((HEX_DECIMAL, ("h", int(digits))))
    if digits is not None and DECIMAL_HEX in relations:
        keys.append((DECIMAL_HEX, ("d", int(digits, 16))))
    return keys
