"""The demo's traffic: three days with an incident in the last minutes, what is no traffic, and what comes live."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import replace
from operator import attrgetter

import msgspec
from confluent_kafka import Producer

from streams.codec.avro import Encoder
from streams.events import DELIVERY_REPORT, SUBMIT, DeliveryReport
from streams.kafka.client import producer_options
from streams.settings import DetectSettings
from streams.simulator import Arrival, Traffic, TrafficConfig
from streams.simulator.config import Account

BY_OWN_ID = "cumulus"
"""The provider whose reports know only its own ids."""
BACKLOG_MS = 72 * 3_600_000
_LIVE_RATE = 60.0  # messages a second
_STRAY_REPORTS, _BROKEN_RECORDS = 12, 3
_PATIENCE_S = 90.0

FAILS = "aurora"
"""The provider that fails most of what it is given for one country."""
_COUNTRY, _PROVIDERS = "FR", (FAILS, "borealis")
_FAILED = 0.65
_RATE = 4.0
BEFORE_MS, LASTS_MS = 11 * 60_000, 3 * 60_000
"""How long there is steady traffic before it, from which detect learns what is usual, and how long it lasts."""
_AFTER_MS = 60_000
"""It ends so long before the backlog does: what would have come in after that is not sent, and would be missed."""
_INCIDENT_MS = BEFORE_MS + LASTS_MS + _AFTER_MS


def watched(detect: DetectSettings) -> DetectSettings:
    """Return what detect is to look at: not how the steady traffic begins, which is a surge.

    Nor at the hours of marketing: simulated campaigns run at night too.
    """
    engine = detect.engine._replace(disabled=(*detect.engine.disabled, "marketing_hours"))
    return replace(detect, max_age_ms=_INCIDENT_MS, engine=engine)


def backlog_messages(messages: int, incident: bool) -> int:
    """Return of how many messages the backlog is."""
    return messages + (round(_RATE * (BEFORE_MS + LASTS_MS) / 1_000) if incident else 0)


def backlog(start_ms: int, messages: int, seed: int, incident: bool) -> Iterable[Arrival]:
    """Return three days of traffic, in the order of arrival; what is under way at the end comes too."""
    usual = Traffic(_usual(start_ms, messages, messages / (BACKLOG_MS / 1_000)), seed)
    if not incident:
        return usual
    parts = [Traffic(config, seed) for config in _with_incident(start_ms + BACKLOG_MS - _INCIDENT_MS)]
    return heapq.merge(usual, *parts, key=attrgetter("at_ms"))


def live(start_ms: int, lasts_ms: int, seed: int) -> Traffic:
    """Return the traffic that goes on live."""
    messages = max(1, round(lasts_ms / 1_000 * _LIVE_RATE))
    return Traffic(_usual(start_ms, messages, _LIVE_RATE), seed)


def _usual(start_ms: int, messages: int, per_s: float) -> TrafficConfig:
    """Return the usual traffic, but for one provider, whose reports know only its own ids."""
    config = TrafficConfig(start_ms=start_ms, messages=messages, messages_per_s=per_s)
    providers = [
        msgspec.structs.replace(one, reports_by="provider_id") if one.name == BY_OWN_ID else one
        for one in config.providers
    ]
    return msgspec.structs.replace(config, providers=providers)


def _with_incident(start_ms: int) -> list[TrafficConfig]:
    """Return steady traffic of all senders to one country by two providers, and the same with one of them failing."""
    usual = TrafficConfig(start_ms=start_ms, messages=round(_RATE * BEFORE_MS / 1_000), messages_per_s=_RATE)
    usual = msgspec.structs.replace(
        usual,
        accounts=[_steady(account) for account in usual.accounts],
        countries=[country for country in usual.countries if country.code == _COUNTRY],
        providers=[provider for provider in usual.providers if provider.name in _PROVIDERS],
    )
    broken = msgspec.structs.replace(
        usual,
        start_ms=start_ms + BEFORE_MS,
        messages=round(_RATE * LASTS_MS / 1_000),
        providers=[
            msgspec.structs.replace(provider, failed=_FAILED) if provider.name == FAILS else provider
            for provider in usual.providers
        ],
    )
    return [usual, broken]


def _steady(account: Account) -> Account:
    """Return a sender without its campaigns: those begin and end."""
    lasting = [campaign for campaign in account.campaigns if campaign.traffic_type != "marketing"]
    return msgspec.structs.replace(account, campaigns=lasting)


def send_odd_records(kafka: Mapping[str, str], start_ms: int) -> int:
    """Send what happens too: reports of messages that nobody submitted, and records that are no Avro."""
    producer = Producer(producer_options(kafka))
    encoder = Encoder(DELIVERY_REPORT)
    for number in range(_STRAY_REPORTS):
        at_ms = start_ms + number
        report = DeliveryReport(
            "retail", f"stray-{number}", None, None, at_ms, None, "cumulus", f"{number:04X}", "DELIVRD", "000", ""
        )
        producer.produce(DELIVERY_REPORT, encoder.encode(report), report.message_id)
    for number in range(_BROKEN_RECORDS):
        producer.produce(SUBMIT, b'{"to": "+33600000000"', f"broken-{number}")
    producer.flush(_PATIENCE_S)
    return _STRAY_REPORTS + _BROKEN_RECORDS
