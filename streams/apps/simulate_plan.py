"""What `simulate` is to send, from what its options say and the time it is. Pure but for reading the traffic file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from streams.settings import SettingsError, duration_ms
from streams.simulator import TROUBLES, Provider, TrafficConfig, Trouble

_DAY_MS = 24 * 3_600_000
_TROUBLE = re.compile(r"\s*(\w+)@([^+]+)\+(.+)")


class Wish(NamedTuple):
    """The options: None where nothing was said. Times and durations in milliseconds; ``live``: goes to Kafka."""

    rate: float | None
    speed: float | None
    start_ms: int | None
    messages: int | None
    duration_ms: int | None
    tail_ms: int
    live: bool


class Plan(NamedTuple):
    """What to send: ``speed`` None is as fast as possible; nothing that arrives after ``until_ms`` is sent."""

    config: TrafficConfig
    speed: float | None
    until_ms: int | None
    endless: bool


def plan(
    wish: Wish, now_ms: int, file: Path | None, providers: Mapping[str, float], habits: Mapping[str, float]
) -> Plan:
    """Fill in what was not said: live traffic starts now, a backlog ends now, a file of events is always the same."""
    if wish.messages is not None and wish.duration_ms is not None:
        raise SettingsError("give --messages or --duration, not both")
    config = _traffic(file, providers, habits)
    if wish.rate is not None:
        config = msgspec.structs.replace(config, messages_per_s=wish.rate)
    if not wish.live:
        return _to_file(wish, config)
    speed = 1.0 if wish.speed is None else wish.speed
    return _live(wish, config, now_ms) if speed == 1.0 else _backlog(wish, config, now_ms, speed)


def read_trouble(text: str, start_ms: int) -> Trouble:
    """Read ``KIND@START+LASTS[,size=N][,provider=P][,account=A][,country=C][,traffic_type=T]``.

    START and LASTS are durations; the incident begins START after the first message, which is at `start_ms`.
    """
    when, *settings = text.split(",")
    found = _TROUBLE.fullmatch(when)
    if found is None:
        raise SettingsError(f"--incident {text}: write KIND@START+LASTS, such as delivery_drop@5m+10m,provider=aurora")
    kind = found[1]
    if kind not in TROUBLES:
        raise SettingsError(f"--incident {text}: no incident is called {kind}: there are {', '.join(TROUBLES)}")
    values = dict.fromkeys(Trouble._fields[4:], "") | {"size": str(TROUBLES[kind].usual)}
    for setting in settings:
        name, equals, value = setting.strip().partition("=")
        if not equals or name not in values:
            raise SettingsError(f"--incident {text}: {setting} is not NAME=VALUE of {', '.join(values)}")
        values[name] = value
    from_ms = start_ms + duration_ms(found[2], "--incident")
    try:
        size = float(values.pop("size"))
    except ValueError as error:
        raise SettingsError(f"--incident {text}: size is a number ({TROUBLES[kind].size})") from error
    return Trouble(kind, from_ms, from_ms + duration_ms(found[3], "--incident"), size, **values)


def _to_file(wish: Wish, config: TrafficConfig) -> Plan:
    messages = _messages(wish, config) or config.messages
    start_ms = config.start_ms if wish.start_ms is None else wish.start_ms
    return Plan(_changed(config, start_ms, messages), wish.speed or None, None, endless=messages == 0)


def _live(wish: Wish, config: TrafficConfig, now_ms: int) -> Plan:
    messages = _messages(wish, config)
    start_ms = now_ms if wish.start_ms is None else wish.start_ms
    config = _changed(config, start_ms, messages)
    until_ms = start_ms + config.span_ms + wish.tail_ms if messages else None
    return Plan(config, 1.0, until_ms, endless=not messages)


def _backlog(wish: Wish, config: TrafficConfig, now_ms: int, speed: float) -> Plan:
    messages = _messages(wish, config)
    span_ms = round(messages / config.messages_per_s * 1_000) if messages else _DAY_MS
    start_ms = now_ms - span_ms if wish.start_ms is None else wish.start_ms
    messages = messages or max(1, round((now_ms - start_ms) / 1_000 * config.messages_per_s))
    return Plan(_changed(config, start_ms, messages), speed or None, now_ms, endless=False)


def _messages(wish: Wish, config: TrafficConfig) -> int:
    """Return how many messages are asked for; 0: nothing was said."""
    if wish.duration_ms is not None:
        return max(1, round(wish.duration_ms / 1_000 * config.messages_per_s))
    return wish.messages or 0


def _changed(config: TrafficConfig, start_ms: int, messages: int) -> TrafficConfig:
    return msgspec.structs.replace(config, start_ms=start_ms, messages=messages)


def _traffic(file: Path | None, providers: Mapping[str, float], habits: Mapping[str, float]) -> TrafficConfig:
    try:
        config = TrafficConfig() if file is None else msgspec.toml.decode(file.read_bytes(), type=TrafficConfig)
        if providers:
            known = {provider.name: provider for provider in config.providers}
            chosen = [
                msgspec.structs.replace(known.get(name, Provider(name=name)), weight=weight)
                for name, weight in providers.items()
            ]
            config = msgspec.structs.replace(config, providers=chosen)
        return config.everywhere(**habits)
    except (msgspec.MsgspecError, ValueError) as error:
        raise SettingsError(f"{file or 'traffic'}: {error}") from error
