"""What an operator can say about a log, and what is made of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from streams.events import DeliveryReport, ProviderReceipt, Submit, SubmitResponse
from streams.importers.kannel_fields import check_selector
from streams.importers.matcher import RELATIONS

_MINUTE_MS = 60_000

ImportedEvent = Submit | SubmitResponse | DeliveryReport | ProviderReceipt


@dataclass(frozen=True, slots=True)
class Options:
    """How to read a log. Durations in milliseconds; selectors as in ``kannel_fields.select``."""

    zone: tzinfo = UTC
    """Zone of the process that wrote the log: its lines name none."""
    format: str | None = None
    """``access-log-format`` of the bearerbox; None: Kannel's own."""
    clean: bool = False
    """``access-log-clean``: no time stands before the line."""
    receipt_zones: Mapping[str, tzinfo] = field(default_factory=dict)
    """Zone of the dates in an SMSC's receipts; UTC where not named."""
    ids: Mapping[str, str] = field(default_factory=dict)
    """Form of the ids of an SMSC in its answers and receipts: same, hex-decimal, decimal-hex."""
    account: str = "svc"
    campaign: str = ""
    message_id: str = ""
    """Where the sender's own id of a message stands; empty: made of SMSC and FID."""
    default_smsc: str = ""
    """The provider of lines that name none."""
    missing_time_ms: int | None = None
    """When everything happened in a log without any time; None: such lines give no events."""
    parts_window_ms: int = 10 * _MINUTE_MS
    """How far apart the segments of one long message may be."""
    hold_ms: int | None = None
    """How long, in the log's time, a report waits for its message; None: to the end of the log."""
    keep_ms: int | None = None
    """How long messages are remembered for their reports; None: to the end of the log."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for selector in (self.account, self.campaign, self.message_id):
            check_selector(selector)
        for smsc, relation in self.ids.items():
            if relation not in RELATIONS:
                raise ValueError(f"ids of {smsc}: {relation!r} is none of {', '.join(RELATIONS)}")
