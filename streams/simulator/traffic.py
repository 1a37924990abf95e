"""The stream of arrivals: many stories told at once, sorted by the time their records reach Kafka."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from random import Random
from typing import TypeVar

from streams.events import Submit
from streams.simulator.config import Account, Campaign, Country, Provider, TrafficConfig
from streams.simulator.story import Arrival, Story, Truth
from streams.simulator.troubles import Trouble, troubled
from streams.simulator.words import EXCLUSIONS, number_in_sequence, phone_number, uuid_text

__all__ = ["Arrival", "Traffic", "Truth"]

_Weighted = TypeVar("_Weighted", Country, Provider)
_REPLAN_MS = 60_000  # how often it is looked at which campaigns run
_SEGMENTS = ("new", "regular", "gold")
_LONG_PARTS = (2, 2, 2, 3, 3, 4, 6)


class Traffic:
    """Iterate over it to get `Arrival`s in the order in which they reach Kafka.

    The same configuration and seed give the same arrivals. `on_truth` is told what really happened to each message,
    in the order in which the messages were made.
    """

    def __init__(
        self,
        config: TrafficConfig,
        seed: int = 1,
        on_truth: Callable[[Truth], object] | None = None,
        troubles: Sequence[Trouble] = (),
    ) -> None:
        """Prepare the traffic, with incidents in it; nothing is made before it is iterated over."""
        self.config = config
        self._rng = Random(f"{seed} {config.start_ms}")  # traffic that starts at another time has other message ids
        self._on_truth = on_truth
        self._troubles = troubles
        self._pumped = 0  # how many numbers in sequence were used
        self._counter = 0
        self._series = f"{self._rng.getrandbits(32):08x}"
        self._streams = [(account, campaign) for account in config.accounts for campaign in account.campaigns]
        self._running: list[tuple[Account, Campaign]] = []
        self._running_weights: list[float] = []
        self._plan_until_ms = 0
        self._countries = _weighted(config.countries)
        self._providers = _weighted(config.providers)

    def __iter__(self) -> Iterator[Arrival]:
        """Yield arrivals in order of `at_ms`; what is still under way after the last submit comes too."""
        waiting: list[tuple[int, int, Arrival]] = []  # the number keeps equal times in the order of their making
        number = 0
        for now_ms in self._submit_times():
            while waiting and waiting[0][0] <= now_ms:
                yield heapq.heappop(waiting)[2]
            for arrival in self._message(now_ms):
                number += 1
                heapq.heappush(waiting, (arrival.at_ms, number, arrival))
        while waiting:
            yield heapq.heappop(waiting)[2]

    def _submit_times(self) -> Iterator[int]:
        config = self.config
        per_ms = config.messages_per_s / 1000
        now = float(config.start_ms)
        made = 0
        while not config.messages or made < config.messages:
            yield int(now)
            made += 1
            now += self._rng.expovariate(per_ms)

    def _message(self, now_ms: int) -> list[Arrival]:
        if now_ms >= self._plan_until_ms:
            self._plan(now_ms)
        rng = self._rng
        account, campaign = rng.choices(self._running, cum_weights=self._running_weights)[0]
        country = rng.choices(self._countries[0], cum_weights=self._countries[1])[0]
        routes = self._routes()
        if not self._troubles:
            return self._story(now_ms, account, campaign, country, routes)
        return self._in_trouble(now_ms, account, campaign, country, routes)

    def _in_trouble(
        self, now_ms: int, account: Account, campaign: Campaign, country: Country, routes: list[Provider]
    ) -> list[Arrival]:
        """Tell a message with what goes wrong at its time; some make it none, some more than one."""
        rng = self._rng
        about = (now_ms, account.name, country.code, campaign.traffic_type)
        troubles = [trouble for trouble in self._troubles if trouble.hits(*about)]
        routes = [troubled(provider, troubles) for provider in routes]
        own = {trouble.kind: trouble.size for trouble in troubles if trouble.provider in ("", routes[0].name)}
        if rng.random() < own.get("silence", 0.0):
            return []
        arrivals = self._story(now_ms, account, campaign, country, routes)
        for _ in range(self._times(own.get("surge", 1.0) - 1.0)):
            arrivals += self._story(now_ms, account, campaign, country, routes)
        if campaign.traffic_type != "marketing":
            for _ in range(self._times(own.get("pumping", 0.0))):
                self._pumped += rng.randrange(1, 4)
                number = number_in_sequence(country, self._pumped)
                arrivals += self._story(now_ms, account, campaign, country, routes, number)
        if rng.random() < own.get("repeated_recipients", 0.0):
            submits = [arrival.record.recipient for arrival in arrivals if isinstance(arrival.record, Submit)]
            later_ms = now_ms + rng.randrange(20_000, 120_000)
            arrivals += self._story(later_ms, account, campaign, country, routes, submits[0])
        return arrivals

    def _times(self, mean: float) -> int:
        """Return a whole number of times whose mean is this."""
        return int(mean) + (self._rng.random() < mean % 1) if mean > 0 else 0

    def _story(
        self,
        now_ms: int,
        account: Account,
        campaign: Campaign,
        country: Country,
        routes: list[Provider],
        recipient: str = "",
    ) -> list[Arrival]:
        rng = self._rng
        submit = self._submit(now_ms, account, campaign, country, routes[0])
        story = Story(rng, submit._replace(recipient=recipient) if recipient else submit, routes)
        excluded_for = rng.choice(EXCLUSIONS) if rng.random() < campaign.excluded else ""
        pending_ms = int(rng.uniform(1_000, 600_000)) if rng.random() < campaign.pending else 0
        truth = story.tell(excluded_for, pending_ms)
        if self._on_truth is not None:
            self._on_truth(truth)
        return story.arrivals

    def _plan(self, now_ms: int) -> None:
        """Look which campaigns run now; where none does, all do."""
        running = [stream for stream in self._streams if stream[1].runs_at(now_ms)] or self._streams
        self._running = running
        self._running_weights = list(accumulate(campaign.weight for _, campaign in running))
        self._plan_until_ms = now_ms // _REPLAN_MS * _REPLAN_MS + _REPLAN_MS

    def _routes(self) -> list[Provider]:
        """The provider of the first attempt, and the one that takes over from the second on."""
        rng = self._rng
        first = rng.choices(self._providers[0], cum_weights=self._providers[1])[0]
        if rng.random() < 0.6:
            return [first]
        return [first, rng.choices(self._providers[0], cum_weights=self._providers[1])[0]]

    def _submit(
        self, now_ms: int, account: Account, campaign: Campaign, country: Country, provider: Provider
    ) -> Submit:
        rng = self._rng
        self._counter += 1
        message_id = (
            uuid_text(rng) if account.id_form == "uuid" else f"{account.name}-{self._series}-{self._counter:06d}"
        )
        parts = rng.choice(_LONG_PARTS) if rng.random() < campaign.long_text else 1
        return Submit(
            account=account.name,
            message_id=message_id,
            attempt=1,
            created_at_ms=now_ms,
            submitted_at_ms=now_ms,
            provider=provider.name,
            campaign=campaign.name,
            sender=account.sender,
            recipient=phone_number(rng, country),
            country=country.code,
            traffic_type=campaign.traffic_type,
            encoding="ucs2" if rng.random() < campaign.ucs2 else "gsm7",
            parts=parts,
            validity_ms=campaign.validity_ms,
            disposition="submitted",
            exclusion_reason="",
            price_micros=country.price_micros * parts,
            currency=account.currency,
            attributes={name: rng.choice(_SEGMENTS) for name in account.attributes},
        )


def _weighted(things: list[_Weighted]) -> tuple[list[_Weighted], list[float]]:
    return things, list(accumulate(thing.weight for thing in things))
