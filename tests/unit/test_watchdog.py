"""A call that does not come back is noticed; one that does is not."""

from __future__ import annotations

import threading
import time

from streams.runtime.watchdog import Watchdog


def test_it_bites_where_a_call_hangs_and_only_there() -> None:
    bitten: list[str] = []
    bite = threading.Event()

    def bites(what: str, seconds: float) -> None:
        bitten.append(what)
        bite.set()

    dog = Watchdog(0.05, bites)
    for _ in range(20):
        with dog.over("quick"):
            time.sleep(0.005)
    time.sleep(0.15)
    assert not bitten
    with dog.over("hangs"):
        assert bite.wait(5)
    assert set(bitten) == {"hangs"}
