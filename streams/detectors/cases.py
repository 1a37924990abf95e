"""From findings to anomalies: which are opened, which are part of a wider one, which go on, which are over."""

from __future__ import annotations

from streams.detectors import life, registry
from streams.detectors.config import DetectConfig
from streams.detectors.finding import Finding
from streams.detectors.life import Case
from streams.detectors.quality import Quality
from streams.detectors.registry import PARTS, RATE_INDEX
from streams.detectors.scopes import ROUTE, Scope, levels
from streams.detectors.sending import PUMPING, VOLUME
from streams.detectors.state import GroupState, ScopeState
from streams.detectors.window import WINDOW_MS
from streams.detectors.words import contributors
from streams.events import Anomaly

_WHOLE = 0.8
"""A part that makes so much of what is wrong is what the anomaly is about."""

_MOST = 0.5
"""Parts that are told of already and make so much of it: the whole is not told of as well."""

_NAMED = 0.1

_MOST_REROUTED = 0.6
_REROUTED = {
    "volume_silent": "; about as many more are handed to other providers: rerouted",
    "volume_surge": "; about as many less are handed to other providers: rerouted",
}
"""By kind of anomaly, what is said where other providers make up for it."""

_ECHO_MS = 60_000
"""What is told of as over is not told again by windows before its last minute."""


class Cases:
    """Everything that is decided after one window of one group."""

    def __init__(self, state: GroupState, at_ms: int, stream_time_ms: int, config: DetectConfig) -> None:
        """Decide about the window of `state` that ended at `at_ms`."""
        self._state, self._at_ms, self._stream_time_ms, self._config = state, at_ms, stream_time_ms, config
        self._cases = {(case.kind, "|".join(case.scope)): case for case in state.head.cases}
        self._found: dict[tuple[str, str], Finding] = {}
        self._order = {level: position for position, level in enumerate(levels(state.group))}

    def open_kinds(self, scope: Scope) -> set[str]:
        """Return the kinds of which an anomaly is open for exactly this scope."""
        if not self._cases:
            return set()
        key = scope.key
        return {kind for kind, scope_key in self._cases if scope_key == key}

    def add(self, scope: Scope, finding: Finding) -> None:
        """Take in what a detector found."""
        self._found[finding.kind, scope.key] = finding

    def tell(self) -> list[Anomaly]:
        """Decide, and return what is to be written."""
        if not self._cases and not self._found and not self._state.head.pending:
            return []
        told = self._go_on()
        told += self._open()
        self._flag()
        self._state.head.cases = [self._cases[key] for key in sorted(self._cases)]
        return told

    # ---- open anomalies ------------------------------------------------------------------------------------------

    def _go_on(self) -> list[Anomaly]:
        told = []
        known = {key: self._found.pop(key, None) for key in self._cases}
        for key in sorted(self._cases):
            case = self._cases[key]
            said = life.follow(case, known[key], self._at_ms, self._config)
            if said and (said == "resolved" or not self._silent(case.kind, Scope(*case.scope))):
                told.append(self._tell(case, said))
            if said == "resolved":
                del self._cases[key]
                self._over(case)
        return told

    def _over(self, case: Case) -> None:
        """Keep what was told of from being told again by a longer span, or for a wider or narrower scope."""
        scope, kind = Scope(*case.scope), case.kind.partition(":")[0]
        for key, state in self._state.scopes.items():
            if _near(state.scope, scope) and isinstance(state, Quality):
                state.over(kind, (self._at_ms - _ECHO_MS) // WINDOW_MS)
                for found in [each for each in self._found if each[1] == key and each[0].partition(":")[0] == kind]:
                    del self._found[found]

    def _tell(self, case: Case, said: str) -> Anomaly:
        case.part_of = case.part_of if said == "resolved" else self._explained_by(case)
        scope = Scope(*case.scope)
        shares = self._shares(case.kind, scope, case.finding) if said != "resolved" else {}
        rerouted = said != "resolved" and self._rerouted(case.kind, scope, case.finding)
        anomaly = life.tell(case, said, self._at_ms, shares, self._stream_time_ms, harmless=rerouted)
        if said != "resolved":
            more = contributors(shares) + (_REROUTED[case.kind] if rerouted else "")
            anomaly = anomaly._replace(sentence=anomaly.sentence + more)
        return anomaly

    def _rerouted(self, kind: str, scope: Scope, finding: Finding) -> bool:
        """Tell whether what a route sends less, or more, other providers are given instead, or no more."""
        if kind not in _REROUTED or scope.level != ROUTE:
            return False
        windows = finding.window_ms // WINDOW_MS
        missing = registry.excess(self._state.scopes[scope.key], kind, windows)
        others = [s for s in self._state.scopes.values() if s.scope._replace(provider=scope.provider) == scope]
        instead = -sum(registry.excess(s, kind, windows) for s in others if s.scope != scope)
        return instead >= _MOST_REROUTED * missing > 0

    def _explained_by(self, case: Case) -> str:
        """Return the id of the open anomaly that this one is a part of: a wider one of its kind, or its cause."""
        scope = Scope(*case.scope)
        for other in self._cases.values():
            theirs = Scope(*other.scope)
            if other.kind == case.kind and scope.within(theirs):
                return other.anomaly_id
        for other in self._cases.values():
            theirs = Scope(*other.scope)
            if theirs.meets(scope) and other.kind.partition(":")[0] in PARTS.get(case.kind.partition(":")[0], ()):
                return other.anomaly_id
        return ""

    # ---- new anomalies -------------------------------------------------------------------------------------------

    def _open(self) -> list[Anomaly]:
        ready = self._confirmed()
        opened = []
        for kind, key in sorted(ready, key=lambda each: (each[0], self._order[self._scope(each[1]).level], each[1])):
            scope, finding = self._scope(key), self._found[kind, key]
            if self._silent(kind, scope) or self._covered(kind, scope) or self._told_by_rate(kind, scope):
                continue
            if scope.level != ROUTE and self._narrower(kind, scope, finding, ready):
                continue
            began_ms = self._state.head.pending.pop(f"{kind}\t{key}")[1]
            self._cases[kind, key] = life.open_case(finding, scope, began_ms, self._at_ms)
            opened.append((kind, key))
        return [self._tell(self._cases[key], "opened") for key in opened]

    def _confirmed(self) -> set[tuple[str, str]]:
        """Return what was found often enough in a row, or is so improbable that once is enough."""
        pending: dict[str, list[int]] = {}
        ready = set()
        for (kind, key), finding in self._found.items():
            if not finding.sure:
                continue
            name = f"{kind}\t{key}"
            times, began_ms = self._state.head.pending.get(name, (0, self._at_ms - finding.window_ms))
            pending[name] = [times + 1, began_ms]
            if times + 1 >= self._config.confirm_windows or finding.chance <= self._config.instant_chance:
                ready.add((kind, key))
        self._state.head.pending = pending
        return ready

    def _covered(self, kind: str, scope: Scope) -> bool:
        """Tell whether a wider anomaly of the kind is open."""
        return any(other == kind and scope.within(self._scope(key)) for other, key in self._cases)

    def _told_by_rate(self, kind: str, scope: Scope) -> bool:
        """Tell whether a reason of failures is told already, among the contributors to a low delivery rate."""
        if not kind.startswith("failure_reason:"):
            return False
        rates = [self._scope(key) for other, key in self._cases if other == "delivery_rate"]
        return any(_near(other, scope) for other in rates)

    def _narrower(self, kind: str, scope: Scope, finding: Finding, ready: set[tuple[str, str]]) -> bool:
        """Tell whether a part of the scope is nearly all of what is wrong and is found to be by itself.

        Or whether parts of which it was told already are most of it: then the whole says nothing new.
        """
        parts = {key: state for key, state in self._state.scopes.items() if state.scope.within(scope)}
        windows = finding.window_ms // WINDOW_MS
        whole = sum(max(registry.excess(s, kind, windows), 0.0) for s in parts.values() if s.scope.level == ROUTE)
        if whole <= 0:
            return False
        known = [key for other, key in self._cases if other == kind and key in parts]
        if sum(registry.excess(parts[key], kind, windows) for key in known) >= _MOST * whole:
            return True
        found = [key for other, key in ready if other == kind and key in parts]
        return any(registry.excess(parts[key], kind, windows) >= _WHOLE * whole for key in found)

    # ---- what both need ------------------------------------------------------------------------------------------

    def _scope(self, key: str) -> Scope:
        return self._state.scopes[key].scope

    def _silent(self, kind: str, scope: Scope) -> bool:
        name = kind.partition(":")[0]
        return any(silence.covers(name, scope, self._at_ms) for silence in self._config.silences)

    def _shares(self, kind: str, scope: Scope, finding: Finding) -> dict[str, float]:
        """Return which countries, accounts and kinds of traffic make how much of what is wrong."""
        windows = finding.window_ms // WINDOW_MS
        by_name: dict[str, float] = {}
        whole = 0.0
        for state in self._state.scopes.values():
            if state.scope.level != ROUTE or not state.scope.within(scope):
                continue
            more = max(registry.excess(state, kind, windows), 0.0)
            whole += more
            for name in filter(None, state.scope.beyond(scope).split(",")):
                by_name[name] = by_name.get(name, 0.0) + more
        own = self._state.scopes.get(scope.key)
        if kind == "delivery_rate" and isinstance(own, Quality):
            reasons = registry.reasons(own, windows)
            whole = whole or 1.0
            by_name |= {f"reason={name}": whole * share for name, share in reasons.items()}
        if whole <= 0:
            return {}
        shares = {name: more / whole for name, more in by_name.items() if more / whole >= _NAMED}
        return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:6])

    def _flag(self) -> None:
        """Say what must not be learned: what is pending, open, or wrong under another name; and under maintenance."""
        cases = [(case.kind, Scope(*case.scope), self._at_ms - case.first_seen_ms) for case in self._cases.values()]
        adapted = [(kind, scope) for kind, scope, lasts in cases if lasts >= self._config.adapt_after_ms]
        wrong = [(kind, scope) for kind, scope, lasts in cases if lasts < self._config.adapt_after_ms]
        wrong += [
            (kind, self._scope(key))
            for (kind, key), finding in self._found.items()
            if finding.sure and not any(kind == other and _near(self._scope(key), scope) for other, scope in adapted)
        ]
        for kind, scope in wrong:
            for state in self._state.scopes.values():
                if _near(state.scope, scope):
                    _flag(state, kind.partition(":")[0])
        for state in self._state.scopes.values():
            if self._config.silences and self._silent("", state.scope):
                for kind in (*RATE_INDEX, "volume_silent", "pumping"):
                    _flag(state, kind)


def _near(one: Scope, other: Scope) -> bool:
    """Tell whether one scope is the other, or a part of it, or the whole."""
    return one == other or one.within(other) or other.within(one)


_ALSO = {"failure_reason": "delivery_rate", "fake_receipts": "receipt_latency"}


def _flag(state: ScopeState, kind: str) -> None:
    kind = _ALSO.get(kind, kind)
    if isinstance(state, Quality):
        if kind in RATE_INDEX:
            state.flag(RATE_INDEX[kind])
    elif kind in ("volume_silent", "volume_surge"):
        state.flag(VOLUME)
    elif kind == "pumping":
        state.flag(PUMPING)
        state.flag(VOLUME)
