"""What is advised is what a provider does, and no coincidence."""

from __future__ import annotations

import random

from streams.resolver.advice import Advice, Adviser, Answer
from streams.resolver.rules import IdPolicy, ResolveKeeping

T = 1_772_445_600_000
HOUR, DAY = 3_600_000, 86_400_000
Pair = tuple[str, str]


def advised(
    pairs: list[Pair], policy: IdPolicy | None = None, others: list[str] | None = None, late_ms: int = 5_000
) -> Advice:
    """Ids of answer and receipt of one message each, a minute apart, and of other messages without a receipt."""
    receipts = [(receipt, T + n * 60_000 + late_ms) for n, (_, receipt) in enumerate(pairs)]
    adviser = Adviser(receipts, policy or IdPolicy(), ResolveKeeping())
    for n, (answer, _) in enumerate(pairs):
        adviser.show(Answer(answer, ("acme", f"m{n}"), T + n * 60_000))
    for n, id_ in enumerate(others or []):
        adviser.show(Answer(id_, ("acme", f"other-{n}"), T + n * 60_000))
    return adviser.advice()


def numbers(count: int = 200, bits: int = 64) -> list[int]:
    rng = random.Random(5)
    return [rng.getrandbits(bits) for _ in range(count)]


def rules(advice: Advice) -> tuple[str, ...] | None:
    return None if advice.best is None else advice.best.rules


def test_the_rule_that_a_provider_follows_is_advised() -> None:
    for name, pairs in {
        "hex_to_decimal": [(f"{n:X}", f"{n:022d}") for n in numbers()],
        "decimal_to_hex": [(str(n), f"{n:x}") for n in numbers()],
        "hex_to_signed": [(f"{n:016X}", str(n - (1 << 64) if n >> 63 else n)) for n in numbers()],
        "case": [(f"z-{n:x}", f"Z-{n:X}") for n in numbers()],
        "zeros": [(f"{n:030d}", str(n)) for n in numbers()],
        "separators": [(f"{n:x}-{n:x}", f"{n:x}{n:x}") for n in numbers()],
        "case+separators": [(f"z{n:x}-{n:x}", f"Z{n:X}{n:X}") for n in numbers()],
        "text_to_hex": [(f"z.{n}", f"z.{n}".encode().hex()) for n in numbers()],
    }.items():
        advice = advised(pairs)
        assert rules(advice) == (name,), name
        assert advice.best is not None
        assert (advice.best.matched, advice.best.ambiguous, advice.best.impossible) == (200, 0, 0)
        assert advice.now.matched < 5


def test_nothing_is_advised_where_the_rules_of_now_find_all() -> None:
    pairs = [(f"{n:X}", f"{n:X}") for n in numbers()]
    assert rules(advised(pairs)) is None
    assert rules(advised([(f"{n:X}", str(n)) for n in numbers()], IdPolicy(("hex_to_decimal",)))) is None


def test_of_rules_that_find_the_same_the_strictest_is_advised() -> None:
    assert rules(advised([(f"{n:016X}", f"{n:016x}") for n in numbers()])) == ("case",)


def test_a_provider_that_writes_its_ids_in_two_ways_gets_two_rules() -> None:
    pairs = [(f"{n:016X}", str(n) if n % 3 else f"{n:016X}") for n in numbers()]
    assert set(rules(advised(pairs)) or ()) == {"hex_to_decimal", "as_is"}


def test_ids_that_have_nothing_to_do_with_each_other_give_no_advice() -> None:
    others = [f"{n:X}" for n in random.Random(6).sample(range(1 << 60), 500)]
    advice = advised([(f"a{n}", f"b{n}") for n in numbers()], others=others)
    assert (rules(advice), advice.now.matched) == (None, 0)


def test_a_rule_that_fits_by_chance_is_not_advised() -> None:
    """Small numbers, all of them in use: every rule finds something, at any time."""
    answers = [f"{n:X}" for n in range(2_000)]
    receipts = [(str(n), T + n * 60_000 + 5_000) for n in range(0, 2_000, 4)]
    adviser = Adviser(receipts, IdPolicy(), ResolveKeeping(early_ms=60_000))
    for n, id_ in enumerate(answers):
        adviser.show(Answer(id_, ("acme", f"m{n}"), T + n * 60_000))
    advice = adviser.advice()
    assert rules(advice) == ("hex_to_decimal",)
    chance = {finding.rules: finding for finding in advice.findings if not finding.sound}
    assert chance[("as_is",)].impossible > 100


def test_two_messages_under_one_id_are_ambiguous_in_the_advice_too() -> None:
    pairs = [(f"{n:X}", str(n)) for n in numbers(10)]
    advice = advised(pairs, others=[pairs[0][0]])
    found = next(finding for finding in advice.findings if finding.rules == ("hex_to_decimal",))
    assert (found.matched, found.ambiguous) == (9, 1)


def test_a_digit_more_or_less_is_another_id() -> None:
    assert rules(advised([("04062581461644996000241", "4062581461644996000141")])) is None
