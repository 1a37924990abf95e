"""All detectors: which there are, at which levels they look, and how a scope is shown to them."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import NamedTuple

from streams.detectors import fakes, marketing, pumping, repeats, volume
from streams.detectors.config import DetectConfig
from streams.detectors.finding import Finding
from streams.detectors.judge import judge
from streams.detectors.quality import Quality
from streams.detectors.rates import DELIVERY, RATES
from streams.detectors.ring import SPANS
from streams.detectors.scopes import ACCOUNT, ACCOUNT_COUNTRY, ACCOUNT_LEVELS, PROVIDER_LEVELS
from streams.detectors.sending import Sending


class Detector(NamedTuple):
    """A kind of anomaly, the levels of scopes it is looked for at, and what it means."""

    kind: str
    levels: tuple[str, ...]
    meaning: str


DETECTORS = (
    Detector("delivery_rate", PROVIDER_LEVELS, "fewer of the final reports are deliveries"),
    Detector("no_receipts", PROVIDER_LEVELS, "reports that were due have not come: the provider stopped confirming"),
    Detector("sent_without_sr", PROVIDER_LEVELS, "more messages end without any confirmation"),
    Detector("no_response", PROVIDER_LEVELS, "answers that were due have not come: the provider does not answer"),
    Detector("throttling", PROVIDER_LEVELS, "more submits are refused for now"),
    Detector("refusals", PROVIDER_LEVELS, "more submits are refused for good"),
    Detector("failure_reason", PROVIDER_LEVELS, "one reason of failure is given more often"),
    Detector("response_latency", PROVIDER_LEVELS, "answers take longer"),
    Detector("receipt_latency", PROVIDER_LEVELS, "reports take longer"),
    Detector("duplicates", PROVIDER_LEVELS, "more records are repetitions"),
    Detector("orphans", PROVIDER_LEVELS, "more answers and reports belong to no message"),
    Detector("unknown_codes", PROVIDER_LEVELS, "more codes are not in the catalog"),
    Detector("fake_receipts", PROVIDER_LEVELS, "reports come too fast or too evenly to be true"),
    Detector("volume_silent", ACCOUNT_LEVELS, "nothing is sent where much is usual"),
    Detector("volume_surge", ACCOUNT_LEVELS, "far more is sent than ever was at this time"),
    Detector("pumping", (ACCOUNT_COUNTRY,), "messages pour into few number ranges, or numbers in sequence"),
    Detector("marketing_hours", (ACCOUNT_COUNTRY,), "marketing outside the hours the country permits"),
    Detector("repeated_recipients", (ACCOUNT,), "a campaign reaches the same recipients twice"),
)

RATE_INDEX = {rate.kind: index for index, rate in enumerate(RATES)}

PARTS = {
    "failure_reason": ("delivery_rate",),
    "sent_without_sr": ("no_receipts",),
    "receipt_latency": ("no_receipts",),
    "response_latency": ("no_response",),
    "no_receipts": ("unknown_codes",),
    "volume_surge": ("pumping", "repeated_recipients"),
}
"""Which kinds are explained by which others, where these are open for a scope that messages of it belong to."""

ScopeState = Quality | Sending


def look(state: ScopeState, open_kinds: Set[str], at_ms: int, config: DetectConfig) -> Iterator[Finding]:
    """Yield what the detectors say about a scope after the window that ended at `at_ms`."""
    found = (
        _quality(state, open_kinds, config)
        if isinstance(state, Quality)
        else _sending(state, open_kinds, at_ms, config)
    )
    for finding in found:
        if finding.kind.partition(":")[0] not in config.disabled:
            yield finding


def _quality(state: Quality, open_kinds: Set[str], config: DetectConfig) -> Iterator[Finding]:
    yield from judge(state, open_kinds, config)
    sums = state.sums()
    rows = {windows: sums[SPANS.index(windows)] for windows in fakes.WINDOWS}
    fake = fakes.look(state.scope, rows, fakes.KIND in open_kinds)
    if fake is not None:
        yield fake


def _sending(state: Sending, open_kinds: Set[str], at_ms: int, config: DetectConfig) -> Iterator[Finding]:
    sums = state.ring.sums()
    messages = {windows: float(state.messages_of(sums[span])) for span, windows in enumerate(SPANS)}
    known = state.ring.last + 1 - state.since
    if known >= volume.LEAST_KNOWN:
        sure = {windows: count for windows, count in messages.items() if windows <= known}
        yield from volume.look(state.scope, state.volume, sure, open_kinds, at_ms, config)
    if state.scope.level == ACCOUNT_COUNTRY:
        pumped = _pumping(state, messages, pumping.KIND in open_kinds, config)
        newest = state.marketing(marketing.WINDOWS)
        wrong = marketing.look(state.scope, newest, marketing.KIND in open_kinds, at_ms, config)
        yield from (finding for finding in (pumped, wrong) if finding is not None)
    for name, campaign in state.campaigns.items():
        opened = f"{repeats.KIND}:{name}" in open_kinds
        if opened or campaign.repeated_ms == at_ms:
            repeated = repeats.look(state.scope, name, campaign, opened, at_ms, config)
            if repeated is not None:
                yield repeated


def _pumping(state: Sending, messages: dict[int, float], opened: bool, config: DetectConfig) -> Finding | None:
    """Look at the last minute first, then at the last five; these alone say how an open anomaly goes on."""
    usual, quick = state.usual_concentration, pumping.QUICK_WINDOWS
    found = None
    if not opened:
        found = pumping.look(
            state.scope, state.newest_concentration, messages[quick], usual, opened, config, windows=quick
        )
    return found or pumping.look(state.scope, state.concentration, messages[pumping.WINDOWS], usual, opened, config)


def reasons(state: Quality, windows: int) -> dict[str, float]:
    """Return which reasons the failures beyond the usual have, as shares of these."""
    span = min(SPANS.index(windows), SPANS.index(30))
    failures = state.failures_within(SPANS[span])
    finals = float(state.now().trials[span, DELIVERY])
    more = {name: count - state.reason(name, span)[0] * finals for name, count in failures.items()}
    whole = sum(value for value in more.values() if value > 0)
    return {name: value / whole for name, value in more.items() if value > 0} if whole > 0 else {}


def excess(state: ScopeState, kind: str, windows: int) -> float:
    """Return by how many messages a part of a scope is off, by the kind and span of the scope's finding."""
    kind, _, detail = kind.partition(":")
    span = SPANS.index(windows) if windows in SPANS else 0
    if isinstance(state, Sending):
        messages = state.messages(SPANS[span])
        usual = state.volume.expect((state.ring.last + 1) * 10_000).per_minute * SPANS[span] / 6
        return {"volume_surge": messages - usual, "volume_silent": usual - messages}.get(kind, 0.0)
    measured = state.now()
    if kind == "failure_reason":
        share, _ = state.reason(detail, span)
        return state.failures_within(SPANS[span]).get(detail, 0) - share * float(measured.trials[span, DELIVERY])
    if kind not in RATE_INDEX:
        return 0.0
    index = RATE_INDEX[kind]
    more = float(measured.hits[span, index] - measured.trials[span, index] * measured.share[span, index])
    return -more if RATES[index].low else more
