"""The life of an anomaly: pending, opened, updated, resolved; one id from beginning to end."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from streams.detectors.config import DetectConfig
from streams.detectors.finding import Finding
from streams.detectors.scopes import ACCOUNT_TRAFFIC, ROUTE, Scope
from streams.detectors.words import name, span
from streams.events import Anomaly

INFO, WARNING, CRITICAL = "info", "warning", "critical"
_RANK = {INFO: 0, WARNING: 1, CRITICAL: 2}
_CRITICAL_EFFECT = 0.45
"""An effect from which on somebody is to be woken: near half of what was usual is gone."""

_WORSE_AFTER_MS = 20_000
"""What grows worse is told at once, but not with every window."""

_NEVER_CRITICAL = ("duplicates", "orphans", "unknown_codes", "failure_reason", "receipt_latency", "volume_surge")


class Case(msgspec.Struct):
    """An anomaly that is open. ``kind`` has the detail behind a colon: ``failure_reason:absent_subscriber``."""

    kind: str
    scope: list[str]
    first_seen_ms: int
    last_seen_ms: int
    told_ms: int
    judged_ms: int
    well_since_ms: int | None
    revision: int
    severity: str
    part_of: str
    told_effect: float
    last: Any  # the newest finding, as a list

    @property
    def anomaly_id(self) -> str:
        """Kind, scope and when it began: the same wherever the same records are read."""
        return f"{self.kind}:{'|'.join(self.scope)}:{self.first_seen_ms}"

    @property
    def finding(self) -> Finding:
        """The newest finding that was bad."""
        return Finding(*self.last)


def open_case(finding: Finding, scope: Scope, began_ms: int, at_ms: int) -> Case:
    """Begin the life of an anomaly that was first seen in the window that began at `began_ms`."""
    return Case(finding.kind, list(scope), began_ms, at_ms, at_ms, at_ms, None, 0, "", "", 0.0, _plain(finding))


def _plain(finding: Finding) -> list[Any]:
    """Return a finding as values that a table can hold (numpy's are not)."""
    return [value.item() if isinstance(value, np.generic) else value for value in finding]


def severity(finding: Finding, part_of: str, harmless: bool) -> str:
    """Say how urgent a finding is."""
    if part_of or harmless:
        return INFO
    if finding.kind.partition(":")[0] in _NEVER_CRITICAL:
        return WARNING
    return CRITICAL if finding.effect >= _CRITICAL_EFFECT else WARNING


def follow(case: Case, finding: Finding | None, at_ms: int, config: DetectConfig) -> str:
    """Go on with an open case after a window that ended at `at_ms`; return "", "updated" or "resolved"."""
    if finding is not None:
        case.judged_ms = at_ms
        if not finding.well:
            case.well_since_ms = None
            case.last_seen_ms = at_ms
            worse = finding.effect > max(case.told_effect * 1.3, case.told_effect + 0.1)
            case.last = _plain(finding)
            # ever more seldom: after 5, 10, 20, ... minutes, then each hour
            lasts = min(max(case.told_ms - case.first_seen_ms, config.update_every_ms), 12 * config.update_every_ms)
            due = at_ms - case.told_ms >= lasts
            return "updated" if due or (worse and at_ms - case.told_ms >= _WORSE_AFTER_MS) else ""
        if case.well_since_ms is None:
            case.well_since_ms = at_ms
        if at_ms - case.well_since_ms >= config.resolve_after_ms:
            case.last = _plain(finding)
            return "resolved"
        return ""
    return "resolved" if at_ms - case.judged_ms >= config.give_up_after_ms else ""


def tell(
    case: Case, state: str, at_ms: int, shares: dict[str, float], stream_time_ms: int, *, harmless: bool
) -> Anomaly:
    """Return the record that says where a case stands, and count it; ``harmless``: nobody is to be woken."""
    finding = case.finding
    scope = Scope(*case.scope)
    case.severity = severity(finding, case.part_of, harmless) if state != "resolved" else case.severity
    case.told_ms, case.told_effect = at_ms, finding.effect
    anomaly = Anomaly(
        case.anomaly_id,
        case.revision,
        case.kind.partition(":")[0],
        state,
        case.severity,
        scope.level,
        scope.account,
        scope.provider,
        scope.country,
        scope.traffic_type if scope.level in (ROUTE, ACCOUNT_TRAFFIC) else "unknown",
        case.first_seen_ms,
        case.last_seen_ms,
        stream_time_ms,
        finding.observed,
        finding.expected,
        finding.low,
        finding.high,
        finding.unit,
        finding.volume,
        finding.window_ms,
        finding.baseline,
        {**shares, **finding.contributors},
        case.part_of,
        _resolved(case, scope) if state == "resolved" else finding.says,
    )
    case.revision += 1
    return anomaly


def _resolved(case: Case, scope: Scope) -> str:
    lasted = span(max(case.last_seen_ms - case.first_seen_ms, 0))
    what = case.kind.replace("_", " ").replace(":", " ")
    if not case.finding.well:
        return f"{name(scope)}: nothing to judge {what} by any more; it was seen for {lasted}"
    return f"{name(scope)}: {what} is as usual again after {lasted}. Now: {case.finding.says.partition(': ')[2]}"
