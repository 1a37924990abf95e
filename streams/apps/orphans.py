"""`sms-streams orphans`: which id rules would find the messages of receipts, by what is in the tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from streams.apps.receipts import answers
from streams.clickhouse.backend import Database
from streams.resolver.advice import Advice, Adviser, Answer
from streams.resolver.rules import IdPolicy, ResolveRules

_TOLD_EVERY = 200_000

_RECEIPTS = """
SELECT provider, provider_message_id, toUnixTimestamp64Milli(received_at)
FROM sms.receipts FINAL
WHERE received_at > (SELECT max(received_at) FROM sms.receipts) - toIntervalMillisecond({since:Int64})
  AND (provider = {provider:String} OR {provider:String} = '')
ORDER BY received_at DESC LIMIT {most:UInt64} BY provider
"""


@dataclass
class Told:
    """What is said of one provider. ``other_providers`` are those that answers name, where this one has none."""

    provider: str
    policy: IdPolicy
    advice: Advice
    other_providers: list[str]


def advise(
    db: Database,
    rules: ResolveRules,
    *,
    provider: str = "",
    since_ms: int,
    most: int,
    say: Callable[[int], None] = lambda _: None,
) -> list[Told]:
    """Look at the newest `most` receipts of each provider in the last `since_ms` before the newest of all.

    `provider`: only this one. `say` is told how many answers were looked at.
    """
    receipts: dict[str, list[tuple[str, int]]] = defaultdict(list)
    params = {"since": since_ms, "provider": provider, "most": most}
    for block in db.stream(_RECEIPTS, params):
        for name, id_, at_ms in block:
            receipts[name].append((id_, int(at_ms)))
    if not receipts:
        return []
    advisers = {name: Adviser(some, rules.policy(name), rules.keeping) for name, some in receipts.items()}
    times = [at_ms for some in receipts.values() for _, at_ms in some]
    others: set[str] = set()
    # Later ones too: what a rule relates to receipts that came before the answer was chance.
    span = {"from": min(times) - rules.keeping.index_ms, "to": max(times) + rules.keeping.index_ms}
    for number, (name, id_, account, message_id, *_, at_ms) in enumerate(answers(db, span), start=1):
        answer = Answer(id_, (account, message_id), int(at_ms))
        adviser = advisers.get(name)
        if adviser is None:
            others.add(name)
        else:
            adviser.show(answer)
        if number % _TOLD_EVERY == 0:
            say(number)
    return [
        Told(name, rules.policy(name), adviser.advice(), sorted(others)) for name, adviser in sorted(advisers.items())
    ]


def configuration(told: list[Told]) -> str:
    """Return the lines of the configuration that adopt what is advised."""
    lines: list[str] = []
    for one in told:
        best = one.advice.best
        if best is not None:
            names = ", ".join(f'"{name}"' for name in best.rules)
            lines += [f"[providers.{_toml_key(one.provider)}]", f"id_rules = [{names}]", ""]
    return "\n".join(lines).rstrip()


def _toml_key(name: str) -> str:
    """Write a name as TOML takes it between dots."""
    if name and all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
