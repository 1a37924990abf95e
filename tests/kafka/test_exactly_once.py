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


def test_a_worker_killed_at_random_moments_writes_every_revision_once(
    kafka: str, make_topics: Callable[..., str], tmp_path: Path
) -> None:
    rng = random.Random(1)
    prefix = make_topics(4)
    made = messages(rng, 3_000, "m")
    events = interleaved(rng, made)
    sender = Sender(kafka, prefix)
    with workers(kafka, prefix, tmp_path, CONFIG) as started, revisions_of(kafka, prefix) as revisions:
        written_at_kill = []
        worker = started.start("one", static_member=True)
        kill_at = time.monotonic() + 3
        while some := list(islice(events, 80)):
            sender.send(some)
            revisions.more(0.1)
            if time.monotonic() > kill_at:
                worker.kill()
                written_at_kill.append(revisions.count)
                worker = started.start("one", static_member=True)
                kill_at = time.monotonic() + rng.uniform(1.5, 4)  # it takes one to two seconds to start
        unfinished = Unfinished(made, revisions)
        revisions.wait(unfinished.none, 60, lambda: f"{unfinished}\n{started.logs()}")
        assert_every_revision_once(made, revisions)
        assert worker.stop() == 0
    assert len(set(written_at_kill)) >= 5, "too few workers got anything done before they were killed"
