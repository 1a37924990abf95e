"""What resolving depends on besides the records: each provider's customs with ids, and how long things are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from streams.resolver.ids import AS_IS, IdRules

_SECOND = 1_000
_HOUR = 3_600 * _SECOND
_DAY = 24 * _HOUR

REPORTS_BY = ("any_id", "message_id")
"""What a provider's reports may carry: any id (its own, ours or both), or always ours."""


class IdPolicy(NamedTuple):
    """One provider's customs with ids.

    ``id_window_ms``: an id that was given out again means, in this time after its last use, nothing but that.
    """

    id_rules: tuple[str, ...] = (AS_IS,)
    id_window_ms: int = 3 * _DAY
    reports_by: str = "any_id"


class ResolveKeeping(NamedTuple):
    """How long what is kept, milliseconds.

    ``park_ms``: a receipt waits for its answer. ``index_ms``: an id is known after its answer was read.
    ``early_ms``: how much earlier than its answer a report may be dated.
    """

    park_ms: int = _DAY
    index_ms: int = 7 * _DAY
    early_ms: int = _HOUR


class ResolveRules:
    """The policy of each provider, and the keeping times."""

    def __init__(
        self,
        default: IdPolicy | None = None,
        providers: Mapping[str, IdPolicy] | None = None,
        keeping: ResolveKeeping | None = None,
    ) -> None:
        """Take the policy of every configured provider and the one of all others."""
        self.default = default or IdPolicy()
        self.keeping = keeping or ResolveKeeping()
        self._providers = dict(providers or {})
        self._default_ids = IdRules(self.default.id_rules)
        self._ids = {name: IdRules(policy.id_rules) for name, policy in self._providers.items()}

    def policy(self, provider: str) -> IdPolicy:
        """Return the policy of a provider."""
        return self._providers.get(provider, self.default)

    def ids(self, provider: str) -> IdRules:
        """Return the id rules of a provider."""
        return self._ids.get(provider, self._default_ids)

    def indexes(self, provider: str) -> bool:
        """Tell whether the ids that a provider's answers bring are to be remembered."""
        return self.policy(provider).reports_by != "message_id"

    @property
    def indexes_any(self) -> bool:
        """Tell whether any provider's are."""
        return any(policy.reports_by != "message_id" for policy in (self.default, *self._providers.values()))
