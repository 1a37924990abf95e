"""One dialect made ready for looking codes up, with what it takes over from its base and from the words of all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from streams.catalog.dialect import ANSWER, ERR, REPORT, TEXT, Dialect, Entry
from streams.catalog.spelling import as_error_number, as_number, fold, hexadecimal_forms, run_together, words_only

NO_CODE = ("", "-")
"""How tables write that a status has no code; then the text alone tells."""

_NO_ERR = ("", "-", "null", "nul", "none", "...")

_LOGGED = re.compile(r"\s*SR \S{1,60} ([A-Za-z_]{1,30}) \S{0,30}\|")
"""``SR Provider DELIVRD 000|#MESSAGE#``: provider, state, error code, and the text of the receipt."""

_TEXT_LIMIT = 2_000
"""Characters of a text that are looked at; a description is far shorter."""

_MEMORY, _MEMORABLE = 10_000, 300
"""Descriptions are few and short, so what they mean is remembered: that many, if not longer than that."""


class Book:
    """The codes of one dialect. Own codes and words come before own labels, and all those before the base's."""

    def __init__(self, layers: Sequence[Dialect]) -> None:
        """Take the dialect and what it is based on, the nearest first."""
        self.entries = layers[0].entries
        self._hexadecimal = any(layer.hexadecimal for layer in layers)
        self._exact: dict[str, dict[str, Entry]] = {}
        self._loose: dict[str, dict[str, Entry]] = {}
        for side in (ANSWER, REPORT):
            spelled = [named for layer in layers for named in _spellings(layer.entries, side)]
            self._exact[side] = _first_of(spelled)
            self._loose[side] = _first_of([_joined(named) for named in spelled])
        self._errors = [_Errors(layer) for layer in layers if any(entry.side == ERR for entry in layer.entries)]
        self._texts = _texts(layers)
        self._remembered: dict[tuple[str, str], Entry | None] = {}
        self.reads_text = bool(self._texts)

    def find(self, side: str, code: str) -> Entry | None:
        """Return the row that a code means; its length does not matter but to reading it once."""
        index = self._exact[side]
        folded = fold(code)
        entry = index.get(folded)
        if entry is not None:
            return entry
        number = as_number(folded, self._hexadecimal)
        if number is not None:
            return index.get(number)
        found = index.get("esme_" + folded) or self._loose[side].get(run_together(folded))
        return found or self._inside(side, code)

    def _inside(self, side: str, code: str) -> Entry | None:
        """A word with something around it: an explanation (``FAILED:Mob.Abst``), a line of Adobe's delivery log."""
        logged = _LOGGED.match(code)
        word = logged[1] if logged else code.partition(":")[0].strip() if ":" in code else ""
        return self.find(side, word) if word and not word.isdigit() else None

    def spellings(self) -> Iterator[tuple[str, str, Entry]]:
        """Return every way to write a code, folded, with its side and its row; each once a side."""
        for side in (REPORT, ANSWER):
            found = dict(self._exact[side])
            if self._hexadecimal:
                for word, entry in self._exact[side].items():
                    for form in hexadecimal_forms(word, 8):
                        found.setdefault(form, entry)
            for word, entry in self._exact[side].items():
                found.setdefault(word.removeprefix("esme_"), entry)
            for word, entry in self._loose[side].items():
                found.setdefault(word, entry)
            yield from ((side, word, entry) for word, entry in found.items())
        found = {}
        for errors in self._errors:
            for word, entry in errors.spellings():
                found.setdefault(word, entry)
        yield from ((ERR, word, entry) for word, entry in found.items())

    def find_err(self, err: str) -> Entry | None:
        """Return the row that the error code beside a report's code means; a report may have none ("")."""
        folded = fold(err)
        if folded in _NO_ERR:
            return None
        for errors in self._errors:
            entry = errors.find(folded)
            if entry is not None:
                return entry
        return None

    def find_report(self, code: str, text: str) -> Entry | None:
        """Return the row that a report's code means, made precise by its text where the dialect needs that."""
        if not text or not self.reads_text:
            return self.find(REPORT, code)
        if len(code) + len(text) > _MEMORABLE:
            return self._with_text(code, text)
        if (code, text) not in self._remembered:
            if len(self._remembered) >= _MEMORY:
                self._remembered.clear()
            self._remembered[code, text] = self._with_text(code, text)
        return self._remembered[code, text]

    def _with_text(self, code: str, text: str) -> Entry | None:
        entry = self.find(REPORT, code)
        if entry is None:
            texts = self._texts.get("") if fold(code) in NO_CODE else None
        else:
            texts = self._texts.get(fold(entry.code))
        return entry if texts is None else texts.find(text) or entry


class _Errors:
    """The error codes of one numbering; whether they are hexadecimal is its own affair."""

    def __init__(self, layer: Dialect) -> None:
        own = [entry for entry in layer.entries if entry.side == ERR]
        self._hexadecimal = layer.err_hexadecimal
        spelled = _spellings(own, ERR)
        self._exact = _first_of(spelled)
        self._loose = _first_of([_joined(named) for named in spelled])

    def spellings(self) -> Iterator[tuple[str, Entry]]:
        """Return every way to write a code; where the numbering is hexadecimal, with the digits that come."""
        for word, entry in self._exact.items():
            forms = hexadecimal_forms(word, 2, 3, 4) if self._hexadecimal and word.isdigit() else [word]
            yield from ((form, entry) for form in forms)
        yield from self._loose.items()

    def find(self, folded: str) -> Entry | None:
        number = as_error_number(folded, self._hexadecimal)
        if number is not None:
            return self._exact.get(number)
        return self._exact.get(folded) or self._loose.get(run_together(folded))


class _Texts:
    """The phrases that tell in the text beside a code. The leftmost speaks; of several there, the longest.

    One pass of one regular expression of fixed words, in time linear in the (bounded) text.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._rows: dict[str, Entry] = {}
        for entry in entries:
            for phrase in entry.other_words():
                self._rows.setdefault(words_only(phrase), entry)
        longest_first = sorted(self._rows, key=len, reverse=True)
        self._any = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\w)")

    def find(self, text: str) -> Entry | None:
        found = self._any.search(words_only(text[:_TEXT_LIMIT]))
        return None if found is None else self._rows[found[0]]


def _texts(layers: Sequence[Dialect]) -> dict[str, _Texts]:
    """Return the phrases by code; those of all codes under "".

    What a layer says of a code is not changed by the texts of the layers below it.
    """
    rows: dict[str, list[Entry]] = {}
    said: set[str] = set()
    for layer in layers:
        for entry in layer.entries:
            if entry.side == TEXT:
                for code in ("", *(code for code in entry.codes() if code not in said)):
                    rows.setdefault(code, []).append(entry)
        said |= {code for entry in layer.entries if entry.side == REPORT for code in entry.codes()}
    return {code: _Texts(told) for code, told in rows.items()}


def _spellings(entries: Sequence[Entry], side: str) -> list[tuple[str, Entry]]:
    """Return every way to write a code of a side, the surest first."""
    own = [entry for entry in entries if entry.side == side]
    surest = [(word, entry) for entry in own for word in (*entry.codes(), *entry.other_words())]
    taken = {word for word, _ in surest}
    texts = [entry for entry in entries if side == REPORT and entry.side == TEXT]
    others = [(word, entry) for entry in texts for word in entry.other_words() if word not in taken]
    others += [(label, entry) for entry in (*own, *texts) for label in entry.labels() if label not in taken]
    return surest + _unambiguous(others)


def _joined(named: tuple[str, Entry]) -> tuple[str, Entry]:
    return run_together(named[0]), named[1]


def _unambiguous(spelled: list[tuple[str, Entry]]) -> list[tuple[str, Entry]]:
    """Leave out the words that rows of different meaning share."""
    meanings: dict[str, set[tuple[str, ...]]] = {}
    for word, entry in spelled:
        meanings.setdefault(word, set()).add(entry.meaning)
    return [(word, entry) for word, entry in spelled if len(meanings[word]) == 1]


def _first_of(spelled: Iterable[tuple[str, Entry]]) -> dict[str, Entry]:
    index: dict[str, Entry] = {}
    for word, entry in spelled:
        if word:
            index.setdefault(word, entry)
    return index
