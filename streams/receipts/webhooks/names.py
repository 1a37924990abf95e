"""Vendors found by the names people give them: ``Vonage (Nexmo SMS API)``, ``africas-talking``, ``AWS SNS``."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping

from streams.receipts.webhooks.vendor import Vendor

_WORD = re.compile(r"[^\W_]+")
_LONGEST = 100


class UnknownVendorError(LookupError):
    """No vendor has this name; the message says which ones are near."""


class VendorNames:
    """Finds vendors by name, title or alias; case, accents, blanks and signs do not count."""

    def __init__(self, vendors: Mapping[str, Vendor]) -> None:
        """Take the vendors by name; the later one of two that share an alias has it."""
        self.vendors = dict(vendors)
        self._index: dict[str, str] = {}
        for said in (lambda v: v.aliases, lambda v: [v.title.partition(":")[0]], lambda v: [v.name]):
            for vendor in vendors.values():
                self._index.update({_fold(name): vendor.name for name in said(vendor)})

    def find(self, name: str) -> Vendor:
        """Return the vendor called `name`; raise `UnknownVendorError`.

        What stands behind the name does not matter (``Telnyx Messaging API v2``): of the names that it begins with, the
        longest is meant; then the same for what stands in brackets.
        """
        for candidate in _candidates(name[:_LONGEST]):
            found = self._index.get(candidate)
            if found is not None:
                return self.vendors[found]
        near = difflib.get_close_matches(_fold(name[:_LONGEST]), self._index, 3, 0.75)
        meant = sorted({self._index[match] for match in near})
        hint = f"did you mean {' or '.join(meant)}?" if meant else "`sms-streams decode webhook --list` shows them"
        raise UnknownVendorError(f"no vendor is called {name[:_LONGEST]!r}; {hint}")


def _candidates(name: str) -> Iterator[str]:
    yield _fold(name)
    before, _, inside = name.partition("(")
    for part in (before, inside):
        words = _words(part)
        for count in range(len(words), 0, -1):
            yield "".join(words[:count])


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name.replace("'", "").replace("\u2019", ""))
    return _WORD.findall("".join(c for c in plain if not unicodedata.combining(c)).casefold())


def _fold(name: str) -> str:
    return "".join(_words(name))
