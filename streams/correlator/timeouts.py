"""How long to wait, and what the codes of a provider mean: the policy of each provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeVar

from streams.catalog import AnswerOutcome, Catalog, ReportOutcome

SECOND: Final = 1_000
HOUR: Final = 3_600 * SECOND
DAY: Final = 24 * HOUR

RECEIPT_PARTS: Final = ("all", "first", "last", "any")


class Policy(NamedTuple):
    """Timeouts (milliseconds) and customs of one provider."""

    dialect: str = "smpp"
    response_timeout_ms: int = 60 * SECOND
    receipt_timeout_ms: int = 24 * HOUR
    validity_ms: int = 48 * HOUR
    receipt_parts: str = "all"


class Keeping(NamedTuple):
    """How long state is kept, milliseconds of stream time."""

    settled_ms: int = 24 * HOUR
    derived_ms: int = 7 * DAY
    unmatched_ms: int = 24 * HOUR


class Rules:
    """The catalog and the providers' policies: everything the status depends on besides the facts."""

    def __init__(
        self,
        catalog: Catalog,
        default: Policy | None = None,
        providers: Mapping[str, Policy] | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        """Take the policy of every configured provider and the one of all others."""
        self.catalog = catalog
        self.default = default or Policy()
        self.keeping = keeping or Keeping()
        self._providers = dict(providers or {})
        self._answers: dict[tuple[str, str], AnswerOutcome] = {}
        self._reports: dict[tuple[str, str, str], ReportOutcome] = {}

    def policy(self, provider: str) -> Policy:
        """Return the policy of a provider, the defaults where it has none of its own."""
        return self._providers.get(provider, self.default)

    def answer(self, provider: str, code: str) -> AnswerOutcome:
        """Return what an answer's code means to this provider."""
        known = self._answers.get((provider, code))
        if known is not None:
            return known
        outcome = self.catalog.answer(self.policy(provider).dialect, code)
        return _remember(self._answers, (provider, code), outcome)

    def reads_text(self, provider: str) -> bool:
        """Tell whether the meaning of this provider's reports depends on more than their codes."""
        return self.catalog.reads_text(self.policy(provider).dialect)

    def report(self, provider: str, code: str, err: str, text: str) -> ReportOutcome:
        """Return what a report's code (with its error code and, in some dialects, its text) means to this provider."""
        known = self._reports.get((provider, code, err))
        if known is not None:
            return known
        outcome = self.catalog.report(self.policy(provider).dialect, code, err, text)
        if self.reads_text(provider):
            return outcome
        return _remember(self._reports, (provider, code, err), outcome)


K = TypeVar("K")
V = TypeVar("V")

_MEMORY: Final = 50_000


def _remember(cache: dict[K, V], key: K, value: V) -> V:
    """Keep a looked-up meaning; codes are few, but a sender of random ones must not fill the memory."""
    if len(cache) >= _MEMORY:
        cache.clear()
    cache[key] = value
    return value
