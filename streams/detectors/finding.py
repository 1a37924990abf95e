"""What a detector says about one scope after one window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Finding(NamedTuple):
    """Something is not as usual.

    ``sure``: so improbable by chance that an anomaly may be opened; ``bad``: still far enough from the usual that an
    open one goes on. A detector that finds nothing to judge by gives no finding; one that finds all well gives one
    that is neither, where an anomaly is open. ``chance``: the probability of this by chance alone. ``excess``:
    messages by which it differs, to be shared out among the parts of the scope. ``effect``: 0 as usual, 1 as bad as
    can be. The rest is the evidence of ``sms.anomaly``.
    """

    kind: str
    sure: bool
    bad: bool
    observed: float
    expected: float
    low: float
    high: float
    unit: str
    volume: int
    window_ms: int
    baseline: str
    chance: float
    excess: float
    effect: float
    says: str
    contributors: Mapping[str, float] = {}

    @property
    def well(self) -> bool:
        """All is as usual again."""
        return not (self.sure or self.bad)
