"""The same recipient twice in a campaign: facts about the sampled recipients, and an estimate for all of them."""

from __future__ import annotations

from typing import Any

from streams.detectors.config import DetectConfig
from streams.detectors.finding import Finding
from streams.detectors.scopes import Scope
from streams.detectors.stats import wilson
from streams.detectors.words import count, name, percent, span
from streams.health.sketch import SAMPLE, sampled_campaign

KIND = "repeated_recipients"
KEEP_MS = 72 * 3_600_000
"""A campaign is over when nothing was sent of it for so long."""

_MOST = 4_096  # sampled recipients of a campaign; from there on every other one is let go
QUIET_MS = 600_000
"""Where nobody was sent to again for so long, it is over."""


class Campaign:
    """What is known of one campaign: how often each sampled recipient was sent to."""

    __slots__ = ("at_ms", "began_ms", "counts", "fresh", "repeated_ms", "thinned")

    def __init__(self, began_ms: int) -> None:
        """Begin."""
        self.began_ms = self.at_ms = began_ms
        self.repeated_ms = 0
        self.fresh = 0  # repetitions since there was none for a while
        self.counts: dict[str, int] = {}
        self.thinned = 1

    def add(self, hash_: str, messages: int, at_ms: int) -> None:
        """Count messages to one sampled recipient."""
        self.at_ms = at_ms
        if int(hash_, 16) % self.thinned:
            return
        known = self.counts.get(hash_, 0)
        self.counts[hash_] = known + messages
        if known or messages > 1:
            again = self.fresh if at_ms - self.repeated_ms < QUIET_MS else 0
            self.fresh = again + messages - (0 if known else 1)
            self.repeated_ms = at_ms
        if len(self.counts) > _MOST:
            self.thinned *= 2
            self.counts = {key: n for key, n in self.counts.items() if int(key, 16) % self.thinned == 0}

    def dump(self) -> list[Any]:
        """Return it as plain values."""
        return [self.began_ms, self.at_ms, self.repeated_ms, self.thinned, self.fresh, self.counts]

    @classmethod
    def load(cls, dumped: list[Any]) -> Campaign:
        """Make it again."""
        campaign = cls(dumped[0])
        campaign.at_ms, campaign.repeated_ms, campaign.thinned, campaign.fresh = dumped[1:5]
        campaign.counts = dict(dumped[5])
        return campaign


def take(campaigns: dict[str, Campaign], sample: dict[str, int], at_ms: int) -> None:
    """Count the sample of a window that ended at `at_ms`, and forget the campaigns that are over."""
    for key in sorted(sample):
        campaign, hash_ = sampled_campaign(key)
        try:
            int(hash_, 16)
        except ValueError:
            continue  # not a key of ours: another version's
        campaigns.setdefault(campaign, Campaign(at_ms)).add(hash_, sample[key], at_ms)
    for campaign in [campaign for campaign, known in campaigns.items() if at_ms - known.at_ms > KEEP_MS]:
        del campaigns[campaign]


def look(
    scope: Scope, campaign: str, known: Campaign, opened: bool, at_ms: int, config: DetectConfig
) -> Finding | None:
    """Judge one campaign."""
    messages = sum(known.counts.values())
    repeats = messages - len(known.counts)
    share = repeats / messages if messages else 0.0
    many = repeats >= config.repeats and share >= config.repeat_share
    now = at_ms - known.repeated_ms < QUIET_MS and (opened or known.fresh >= config.repeats)
    if not opened and not (many and now):
        return None
    low, high = wilson(repeats, messages)
    scale = SAMPLE * known.thinned
    said = (
        f"about {count(repeats * scale)} of {count(messages * scale)} messages of campaign {campaign} since "
        f"{span(max(at_ms - known.began_ms, 10_000))} ago went to recipients who already had one "
        f"({count(repeats)} of {count(messages)} in a sample of one recipient in {scale})"
    )
    return Finding(
        f"{KIND}:{campaign}",
        not opened,
        many and now,
        share,
        0.0,
        low,
        high,
        "share",
        messages * scale,
        max(at_ms - known.began_ms, 10_000),
        "rule",
        0.0,
        float(repeats * scale),
        share,
        f"{name(scope)}: {said}; {percent(share)}",
        {f"campaign={campaign}": 1.0},
    )
