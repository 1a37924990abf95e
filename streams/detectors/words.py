"""Numbers, times and scopes as people say them."""

from __future__ import annotations

from streams.detectors.scopes import Scope


def percent(share: float) -> str:
    """Write a share (0 to 1)."""
    return f"{share * 100:.1f} %" if share < 0.9995 else "100 %"


def span(window_ms: int) -> str:
    """Write a length of time in milliseconds: ``30 s``, ``5 min``, ``2 h``."""
    for unit_ms, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min")):
        if window_ms >= unit_ms:
            return f"{window_ms / unit_ms:.3g} {unit}"
    return f"{window_ms / 1_000:.3g} s"


def latency(value_ms: float) -> str:
    """Write a latency in milliseconds: ``180 ms``, ``4.2 s``, ``12 min``."""
    if value_ms < 1_000:
        return f"{value_ms:.0f} ms"
    return span(round(value_ms)) if value_ms >= 60_000 else f"{value_ms / 1_000:.1f} s"


def count(value: float) -> str:
    """Write a count: ``12,300``; small ones with a decimal."""
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:,.1f}"


def name(scope: Scope) -> str:
    """Name a scope: ``aurora to FR, otp of bank``."""
    kind = "" if scope.traffic_type in ("", "unknown") else scope.traffic_type
    route = " to ".join(part for part in (scope.provider, scope.country) if part)
    if not scope.provider and scope.country:
        route = f"to {scope.country}"
    sender = f"{kind} of {scope.account}" if kind and scope.account else kind or scope.account
    if not scope.provider:
        return " ".join(part for part in (sender, route) if part)
    return ", ".join(part for part in (route, sender) if part) or "a route without a name"


def contributors(shares: dict[str, float]) -> str:
    """Write where it comes from: ``mostly country=SN (84 %)``; empty where nothing stands out."""
    top = sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:2]
    named = [f"{key.replace('=', ' ').replace('_', ' ')} ({share * 100:.0f} %)" for key, share in top if share >= 0.3]
    return f"; mostly {' and '.join(named)}" if named else ""
