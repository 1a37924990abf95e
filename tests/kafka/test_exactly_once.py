"""Workers are killed at random moments while traffic runs: every revision is there once, and the last ones are right."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from tests.kafka.helpers import Sender, revisions_of, workers
from tests.kafka.helpers_traffic import CONFIG, Unfinished, assert_every_revision_once, interleaved, messages

pytestmark = pytest.mark.kafka
KILLS = 12


@pytest.mark.parametrize("seed", [1])
def test_a_worker_killed_at_random_moments_writes_every_revision_once(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    prefix = make_topics(4)
    made = messages(rng, 3_000, "m")
    events = interleaved(rng, made)
    sender = Sender(kafka, prefix)
    with workers(kafka, prefix, tmp_path, CONFIG) as started, revisions_of(kafka, prefix) as revisions:
        worker = started.start("one", static_member=True)
        worker.wait_for("partitions")
        kills = 0
        kill_at = time.monotonic() + 1
        while some := list(islice(events, 150)):
            sender.send(some)
            revisions.more(0.1)
            if kills < KILLS and time.monotonic() > kill_at:
                worker.kill()
                kills += 1
                worker = started.start("one", static_member=True)
                kill_at = time.monotonic() + rng.uniform(0.5, 3.5)
        unfinished = Unfinished(made, revisions)
        revisions.wait(unfinished.none, 60, lambda: f"{unfinished}\n{started.logs()}")
        assert_every_revision_once(made, revisions)
        assert worker.stop() == 0
    assert kills >= 5
