"""Realistic traffic, seeded and reproducible: what a few senders and their providers would put on the topics.

Pure: the only chance is `random.Random(seed)`, the only time the event time of the traffic itself.
"""

from streams.simulator.config import Account, Campaign, Country, Provider, TrafficConfig
from streams.simulator.traffic import Arrival, Traffic, Truth
from streams.simulator.troubles import TROUBLES, Trouble

__all__ = [
    "TROUBLES",
    "Account",
    "Arrival",
    "Campaign",
    "Country",
    "Provider",
    "Traffic",
    "TrafficConfig",
    "Trouble",
    "Truth",
]
