"""How a provider writes one id in two ways: in its answers, and later in its receipts (docs/resolve.md).

A rule relates the two. It is declared for a provider, and none holds that is not declared. Ids are texts of any length:
numbers are compared as numbers of any size, never through 64 bits.

The *key* of an id is what the workers find it by: an answer is filed under every text that a receipt about it may show,
with everything taken away that some declared rule does not look at; a receipt has one key. The key only brings the two
together. Whether they are related, the rules decide, each exactly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

TEXT_RULES = ("case", "zeros", "separators")
"""What a rule may overlook; "case+zeros" overlooks both."""
_SEPARATORS = str.maketrans("", "", "-_.:/ {}")
AROUND = " \t\r\n\0"
"""What never belongs to an id at its ends."""
_LONGEST_NUMBER = 256
_HEX = re.compile(r"(?:0[xX])?[0-9A-Fa-f]+", re.ASCII)
_DECIMAL = re.compile(r"[0-9]+", re.ASCII)
_SIGNED = re.compile(r"-?[0-9]+", re.ASCII)


class UnknownRuleError(ValueError):
    """No rule has this name; the message lists those there are."""


class Rule(NamedTuple):
    """One relation. Ids are related where both functions give the same text; None: the rule says nothing of it.

    `shown` gives how a receipt would write the id of an answer.
    """

    name: str
    of_answer: Callable[[str], str | None]
    of_receipt: Callable[[str], str | None]
    shown: Callable[[str], tuple[str, ...]]
    overlooks: frozenset[str]


def trimmed(id_: str) -> str:
    """Return an id without blanks around it and trailing NULs, which never belong to it."""
    return id_ if id_.isalnum() else id_.strip(AROUND)


def without_zeros(id_: str) -> str:
    """Return an id without leading zeros; one with dashes, dots and the like keeps them, they mean something there."""
    return (id_.lstrip("0") or "0") if id_.isascii() and id_.isalnum() else id_


def _text_rule(name: str, overlooks: frozenset[str]) -> Rule:
    def canonical(id_: str) -> str:
        if "zeros" in overlooks:
            id_ = without_zeros(id_)
        if "case" in overlooks:
            id_ = id_.lower()
        if "separators" in overlooks:
            id_ = id_.translate(_SEPARATORS) or id_
        return id_

    return Rule(name, canonical, canonical, lambda id_: (id_,), overlooks)


def _number(pattern: re.Pattern[str], base: int) -> Callable[[str], int | None]:
    def read(id_: str) -> int | None:
        if len(id_) > _LONGEST_NUMBER or not pattern.fullmatch(id_):
            return None
        return int(id_, base)

    return read


_hex = _number(_HEX, 16)
_decimal = _number(_DECIMAL, 10)
_signed = _number(_SIGNED, 10)


def _unsigned(id_: str) -> int | None:
    """Read a decimal that may be negative: two's complement of 32 bits where that is enough, else of 64."""
    value = _signed(id_)
    if value is None or value >= 0:
        return value
    bits = 32 if value >= -(1 << 31) else 64
    return value + (1 << bits) if value >= -(1 << 63) else None


def _as_signed(value: int) -> tuple[str, ...]:
    """Write a number as decimals that may be negative."""
    negative = (value - (1 << bits) for bits in (32, 64) if 1 << (bits - 1) <= value < 1 << bits)
    return tuple(map(str, (value, *negative)))


def _number_rule(
    name: str,
    of_answer: Callable[[str], int | None],
    of_receipt: Callable[[str], int | None],
    write: Callable[[int], tuple[str, ...]],
) -> Rule:
    def text(read: Callable[[str], int | None]) -> Callable[[str], str | None]:
        def canonical(id_: str) -> str | None:
            value = read(id_)
            return None if value is None else str(value)

        return canonical

    def shown(id_: str) -> tuple[str, ...]:
        value = of_answer(id_)
        return () if value is None else write(value)

    return Rule(name, text(of_answer), text(of_receipt), shown, frozenset({"case", "zeros", "0x"}))


def _bytes_of(id_: str) -> str | None:
    """Read hexadecimal digits as the bytes of a text."""
    try:
        return bytes.fromhex(id_).decode("latin-1") if id_.isalnum() else None
    except ValueError:
        return None


def _hex_of(id_: str) -> str | None:
    try:
        return id_.encode("latin-1").hex()
    except UnicodeEncodeError:
        return None


def _maybe(call: Callable[[str], str | None]) -> Callable[[str], tuple[str, ...]]:
    def shown(id_: str) -> tuple[str, ...]:
        found = call(id_)
        return () if found is None else (found,)

    return shown


_CONVERSIONS = (
    _number_rule("hex_to_decimal", _hex, _decimal, lambda value: (str(value),)),
    _number_rule("hex_to_signed", _hex, _unsigned, _as_signed),
    _number_rule("decimal_to_hex", _decimal, _hex, lambda value: (format(value, "x"),)),
    Rule("text_to_hex", lambda id_: id_, _bytes_of, _maybe(_hex_of), frozenset({"case"})),
    Rule("hex_to_text", _bytes_of, lambda id_: id_, _maybe(_bytes_of), frozenset()),
)
AS_IS = "as_is"
_RULES: dict[str, Rule] = {
    AS_IS: _text_rule(AS_IS, frozenset()),
    **{rule.name: rule for rule in _CONVERSIONS},
}
RULE_NAMES = (*_RULES, *TEXT_RULES)
"""What may be declared; besides, text rules joined by "+"."""


def rule(name: str) -> Rule:
    """Return the rule of a name: "as_is", "hex_to_decimal", "case", "case+zeros", ..."""
    known = _RULES.get(name)
    if known is not None:
        return known
    overlooks = frozenset(name.split("+"))
    if not overlooks <= set(TEXT_RULES):
        raise UnknownRuleError(
            f"there is no rule {name!r}: {', '.join(RULE_NAMES)}, or several of the last three as a+b"
        )
    return _RULES.setdefault(name, _text_rule(name, overlooks))


class IdRules:
    """The rules of one provider: a receipt's id and an answer's are the same where any of them says so."""

    def __init__(self, names: Iterable[str] = (AS_IS,)) -> None:
        """Declare rules by their names; raise `UnknownRuleError`."""
        self.names = tuple(names)
        self._rules = tuple(rule(name) for name in self.names)
        overlooks = frozenset[str]().union(*(r.overlooks for r in self._rules))
        self.plain = self.names == (AS_IS,)
        self._case, self._zeros = "case" in overlooks, "zeros" in overlooks
        self._separators, self._prefix = "separators" in overlooks, "0x" in overlooks

    def related(self, answer_id: str, receipt_id: str) -> bool:
        """Tell whether a receipt with one id is about the answer with the other."""
        answer_id, receipt_id = trimmed(answer_id), trimmed(receipt_id)
        if self.plain:
            return answer_id == receipt_id
        for one in self._rules:
            of_answer = one.of_answer(answer_id)
            if of_answer is not None and of_answer == one.of_receipt(receipt_id):
                return True
        return False

    def receipt_key(self, receipt_id: str) -> str:
        """Return what a receipt with this id is found by."""
        return self._key(trimmed(receipt_id))

    def answer_keys(self, answer_id: str) -> tuple[str, ...]:
        """Return the keys of all receipts that may be about an answer with this id, each once."""
        answer_id = trimmed(answer_id)
        if self.plain:
            return (answer_id,)
        return tuple(dict.fromkeys(self._key(text) for one in self._rules for text in one.shown(answer_id)))

    def _key(self, id_: str) -> str:
        """Take away all that some rule overlooks. What a rule relates has the same key (a property test holds that)."""
        if self._separators:
            id_ = id_.translate(_SEPARATORS) or id_
        if self._case:
            id_ = id_.lower()
        if self._zeros:
            id_ = without_zeros(id_)
            if self._prefix and _HEX.fullmatch("0" + id_) and id_[:1] == "x":
                id_ = without_zeros(id_[1:])
        return id_


def kafka_key(provider: str, key: str) -> bytes:
    """Return the key of a record of the resolve pair: provider and key of the id, UTF-8."""
    return f"{provider}:{key}".encode(errors="replace")
