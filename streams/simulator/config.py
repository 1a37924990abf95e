"""What the traffic is like: rates, senders, campaigns, providers and their habits.

Probabilities are shares from 0 to 1; ``*_ms`` are milliseconds; a *median* and a *sigma* give a log-normal delay.
"""

from __future__ import annotations

from typing import Literal

import msgspec

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One route and its habits."""

    name: str
    weight: float = 1.0
    dialect: Literal["smpp"] = "smpp"
    code_form: Literal["decimal", "hex", "name"] = "decimal"
    id_form: Literal["decimal", "hex", "uuid"] = "hex"
    reports_by: Literal["message_id", "provider_id"] = "message_id"  # whose id its reports carry: ours, or only its own
    receipt_id_form: Literal["same", "decimal", "hex"] = "same"  # how its reports write the number that its id is
    per_part: bool = True  # an answer and a report for each part; else one for the whole message
    response_median_ms: float = 120.0
    response_sigma: float = 0.6
    report_median_ms: float = 4_000.0
    report_sigma: float = 1.0
    no_response: float = 0.002  # the answer is lost; reports come all the same half of the time
    late_response: float = 0.001  # the answer comes after a minute and more
    throttled: float = 0.01  # refused for now; a second attempt follows
    refused: float = 0.008  # refused for good
    no_report: float = 0.03  # the report is lost
    late_report: float = 0.004  # the report comes after a day and more
    absent: float = 0.03  # the phone is off: an intermediate report first, the final one hours later
    failed: float = 0.035  # a final negative report
    early_report: float = 0.01  # the report overtakes the answer
    duplicate: float = 0.01  # any record comes twice
    contradicted: float = 0.001  # a second final report says otherwise
    unknown_code: float = 0.001  # a code nobody has documented
    lagging: float = 0.01  # a record lies around for seconds before it reaches Kafka
    clock_offset_ms: int = 0  # how wrong the operator's clock (done_at) is
    done_at_unit_ms: int = 1_000  # receipts carry whole seconds or minutes


class Country(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where recipients are. ``numbers`` are patterns, "#" any digit."""

    code: str
    numbers: list[str]
    price_micros: int
    weight: float = 1.0


class Campaign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of messages of one kind. A blast runs `open_ms` of each `every_ms`, another one all the time."""

    name: str
    traffic_type: Literal["unknown", "marketing", "notification", "otp"]
    weight: float = 1.0
    every_ms: int = 0
    open_ms: int = 0
    offset_ms: int = 0
    long_text: float = 0.1  # share of messages with more than one part
    ucs2: float = 0.1  # share written outside the GSM alphabet
    excluded: float = 0.0  # share the sender decides not to send
    pending: float = 0.0  # share announced before it is handed over
    validity_ms: int | None = None

    def runs_at(self, at_ms: int) -> bool:
        """Whether messages of this campaign are sent at that time."""
        return not self.every_ms or (at_ms - self.offset_ms) % self.every_ms < self.open_ms


class Account(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sender: whose messages these are."""

    name: str
    sender: str
    campaigns: list[Campaign]
    currency: str = "EUR"
    attributes: list[str] = []  # names of columns of its own
    id_form: Literal["uuid", "counter"] = "uuid"


def _default_providers() -> list[Provider]:
    return [
        Provider(name="aurora", weight=5, no_report=0.015, failed=0.03),
        Provider(
            name="borealis",
            weight=3,
            code_form="name",
            id_form="uuid",
            response_median_ms=260,
            report_median_ms=9_000,
            report_sigma=1.3,
            throttled=0.03,
            clock_offset_ms=2 * HOUR_MS,
            done_at_unit_ms=60_000,
        ),
        Provider(
            name="cumulus",
            weight=1,
            code_form="hex",
            id_form="decimal",
            per_part=False,
            response_median_ms=700,
            response_sigma=0.9,
            no_response=0.01,
            no_report=0.12,
            late_report=0.02,
            early_report=0.04,
            duplicate=0.05,
            failed=0.07,
        ),
    ]


def _default_countries() -> list[Country]:
    return [
        Country(code="FR", numbers=["+336########", "+337########"], price_micros=49_000, weight=8),
        Country(code="BE", numbers=["+3247#######", "+3248#######", "+3249#######"], price_micros=78_000, weight=2),
        Country(code="DE", numbers=["+49151########", "+4917########"], price_micros=82_000, weight=2),
        Country(code="GB", numbers=["+447#########"], price_micros=41_000, weight=2),
        Country(code="CH", numbers=["+4176#######", "+4179#######"], price_micros=62_000),
        Country(code="SN", numbers=["+22177#######", "+22178#######"], price_micros=95_000),
        Country(code="US", numbers=["+1202555####", "+1305#######"], price_micros=8_300),
    ]


def _default_accounts() -> list[Account]:
    quarter = 15 * 60_000
    return [
        Account(
            name="retail",
            sender="MAISON",
            attributes=["segment", "store"],
            campaigns=[
                Campaign(
                    name="summer-sale",
                    traffic_type="marketing",
                    weight=30,
                    every_ms=2 * HOUR_MS,
                    open_ms=2 * quarter,
                    long_text=0.35,
                    excluded=0.04,
                    pending=0.2,
                    validity_ms=12 * HOUR_MS,
                ),
                Campaign(
                    name="private-sale",
                    traffic_type="marketing",
                    weight=20,
                    every_ms=2 * HOUR_MS,
                    open_ms=quarter,
                    offset_ms=HOUR_MS,
                    long_text=0.5,
                    ucs2=0.3,
                    excluded=0.06,
                ),
                Campaign(name="order-shipped", traffic_type="notification", weight=6),
            ],
        ),
        Account(
            name="bank",
            sender="36105",
            id_form="counter",
            campaigns=[
                Campaign(name="login-code", traffic_type="otp", weight=10, long_text=0, validity_ms=300_000),
                Campaign(name="card-alert", traffic_type="notification", weight=4, long_text=0.2),
            ],
        ),
        Account(
            name="city",
            sender="VILLE",
            attributes=["service"],
            campaigns=[
                Campaign(name="appointments", traffic_type="notification", weight=3, ucs2=0.25),
                Campaign(name="", traffic_type="unknown", weight=1, excluded=0.02),
            ],
        ),
    ]


class TrafficConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it. `start_ms` is the event time of the first message; `messages` 0 goes on for ever."""

    start_ms: int = 1_767_225_600_000  # 2026-01-01T00:00:00Z
    messages: int = 10_000
    messages_per_s: float = 20.0  # of event time, on average
    accounts: list[Account] = msgspec.field(default_factory=_default_accounts)
    providers: list[Provider] = msgspec.field(default_factory=_default_providers)
    countries: list[Country] = msgspec.field(default_factory=_default_countries)

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        if not (self.accounts and self.providers and self.countries):
            raise ValueError("traffic needs at least one account, one provider and one country")
        if not all(account.campaigns for account in self.accounts):
            raise ValueError("every account needs at least one campaign")
        if self.messages < 0 or self.messages_per_s <= 0:
            raise ValueError("messages must be 0 or more, messages_per_s more than 0")

    @property
    def span_ms(self) -> int:
        """About how long the submits take, in event time."""
        return int(self.messages / self.messages_per_s * 1000)

    def everywhere(self, **habits: float | None) -> TrafficConfig:
        """Return the same traffic with some habits (fields of `Provider`) the same for all; None changes nothing."""
        changed = {name: value for name, value in habits.items() if value is not None}
        unknown = sorted(set(changed) - set(Provider.__struct_fields__))
        if unknown:
            raise ValueError(f"providers have no habit {', '.join(unknown)}")
        providers = [msgspec.structs.replace(provider, **changed) for provider in self.providers]
        return msgspec.structs.replace(self, providers=providers)
