"""Which id rules a provider needs, by what its answers and receipts say. For an operator to adopt, never by itself.

A rule that only fits by chance shows: it finds several messages for one receipt (ambiguous), or one that was answered
after the receipt had come, or ages before it (impossible). Chance does not look at the clock; a provider's receipts do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from streams.resolver.ids import IdRules, trimmed
from streams.resolver.rules import IdPolicy, ResolveKeeping

CANDIDATES = (
    *("as_is", "case", "zeros", "separators", "hex_to_decimal", "decimal_to_hex", "hex_to_signed"),
    *("text_to_hex", "hex_to_text", "case+zeros", "case+separators", "case+zeros+separators"),
)
"""From the strictest on: of rules that find the same the first is advised."""
_TOLERATED = 0.02
"""The share of a rule's findings that may be ambiguous or impossible."""
_WORTH = 0.005
"""The share of the receipts that a further rule must find."""


class Answer(NamedTuple):
    """An id that an answer brought."""

    id_: str
    message: tuple[str, str]
    at_ms: int


class Finding(NamedTuple):
    """What rules find: numbers of receipts, and an example of two ids that they relate (answer, receipt)."""

    rules: tuple[str, ...]
    matched: int
    ambiguous: int
    impossible: int
    example: tuple[str, str] | None

    @property
    def sound(self) -> bool:
        """Tell whether what it finds does not look like chance."""
        return self.matched > 0 and self.ambiguous + self.impossible <= _TOLERATED * self.matched


class Advice(NamedTuple):
    """For one provider: how its rules do now, how each candidate would, and those to adopt (None: as it is)."""

    receipts: int
    answers: int
    now: Finding
    findings: list[Finding]
    best: Finding | None


class Trial:
    """Tries rules on the receipts of one provider; answers are shown to it one by one, so they may be many."""

    def __init__(self, names: tuple[str, ...], receipts: dict[str, list[int]], keeping: ResolveKeeping) -> None:
        """`receipts`: for each id, as written, when reports with it came."""
        self._names = names
        self._rules = IdRules(names)
        self._receipts = receipts
        self._keeping = keeping
        self._by_key: dict[str, list[str]] = {}
        for id_ in receipts:
            self._by_key.setdefault(self._rules.receipt_key(id_), []).append(id_)
        self._uses: dict[str, list[Answer]] = {}
        self.found: set[tuple[str, int]] = set()

    def show(self, answer: Answer) -> None:
        """Take in an answer."""
        for key in self._rules.answer_keys(answer.id_):
            for id_ in self._by_key.get(key, ()):
                if self._rules.related(answer.id_, id_):
                    self._uses.setdefault(id_, []).append(answer)

    def finding(self, window_ms: int) -> Finding:
        """Count what was found, once all answers were shown; ``found`` then has the receipts that were matched."""
        matched = ambiguous = impossible = 0
        example = None
        for id_, uses in self._uses.items():
            for at_ms in self._receipts[id_]:
                possible = [use for use in uses if self._possible(use, at_ms)]
                recent = [use for use in possible if use.at_ms >= at_ms - window_ms]
                messages = {use.message for use in recent or possible}
                if not messages:
                    impossible += 1
                elif len(messages) > 1:
                    ambiguous += 1
                else:
                    matched += 1
                    self.found.add((id_, at_ms))
                    example = example or ((recent or possible)[0].id_, id_)
        return Finding(self._names, matched, ambiguous, impossible, example)

    def _possible(self, use: Answer, at_ms: int) -> bool:
        return at_ms - self._keeping.index_ms <= use.at_ms <= at_ms + self._keeping.early_ms


class Adviser:
    """Collects what one provider's answers and receipts say."""

    def __init__(self, receipts: Iterable[tuple[str, int]], policy: IdPolicy, keeping: ResolveKeeping) -> None:
        """`receipts`: id and arrival of each, epoch milliseconds UTC; `policy`: as it is now."""
        self._receipts: dict[str, list[int]] = {}
        for id_, at_ms in receipts:
            self._receipts.setdefault(id_, []).append(at_ms)
        self._policy, self._keeping = policy, keeping
        self._now = self._trial(policy.id_rules)
        self._trials = [self._trial((name,)) for name in CANDIDATES]
        self._answers: list[Answer] = []
        self._seen = 0

    def _trial(self, names: tuple[str, ...]) -> Trial:
        return Trial(names, self._receipts, self._keeping)

    def show(self, answer: Answer) -> None:
        """Take in an answer; those that some rule relates to a receipt are kept."""
        if not trimmed(answer.id_):
            return
        self._seen += 1
        self._now.show(answer)
        for trial in self._trials:
            trial.show(answer)

    def advice(self) -> Advice:
        """Return what is to be said, once all answers were shown."""
        window = self._policy.id_window_ms
        total = sum(map(len, self._receipts.values()))
        now = self._now.finding(window)
        findings = [trial.finding(window) for trial in self._trials]
        chosen: list[Trial] = []
        names: list[str] = []
        covered: set[tuple[str, int]] = set()
        while True:
            gains = [
                (len(trial.found - covered), trial, finding)
                for trial, finding in zip(self._trials, findings, strict=True)
                if finding.sound
            ]
            gain, trial, finding = max(gains, key=lambda one: one[0], default=(0, None, None))
            if trial is None or finding is None or gain < max(1, _WORTH * total):
                break
            chosen.append(trial)
            names += finding.rules
            covered |= trial.found
        best = self._together(names, chosen, window) if len(covered) > now.matched else None
        return Advice(total, self._seen, now, [one for one in findings if _worth_telling(one)], best)

    def _together(self, names: list[str], trials: list[Trial], window_ms: int) -> Finding:
        """Return what several rules find beside each other."""
        together = self._trial(tuple(names))
        together._uses = _joined(trial._uses for trial in trials)
        return together.finding(window_ms)


def _joined(uses: Iterable[dict[str, list[Answer]]]) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {}
    for some in uses:
        for id_, answers in some.items():
            found.setdefault(id_, []).extend(answers)
    return found


def _worth_telling(finding: Finding) -> bool:
    return bool(finding.matched or finding.ambiguous or finding.impossible)
