"""What events do, noted by route and window while they are joined.

Nearly every event continues a simple history (`streams.correlator.shortcuts`), and what it counts can be told from its
verdict: that is here, and it is on the hot path, so fields are taken by position as there. Everything else is noted
by `streams.correlator.counting_one`.
"""

from __future__ import annotations

from typing import Any, Final

from streams.correlator import measures as m
from streams.correlator import verdict as words
from streams.correlator.counting_one import OneByOne
from streams.correlator.lanes import Lanes
from streams.correlator.message import FIRST_ANSWER, FIRST_SUBMIT, Message
from streams.correlator.notes import note_submit
from streams.correlator.streamtime import ANSWERS, SUBMITS
from streams.correlator.timeouts import Rules
from streams.correlator.verdict import Verdict
from streams.events import SubmitResponse
from streams.health.buckets import bucket_index

_FIRST_TWO: Final = 512
"""The version of a message of which one submit and one answer are known."""


class Counting:
    """Counts the events of one partition, as they are joined."""

    def __init__(self, rules: Rules) -> None:
        """Look codes up in `rules`."""
        self.lanes = Lanes()
        self.one = OneByOne(rules, self.lanes)

    def plain(self, message: Message, event: Any, source: int, at_ms: int, verdict: Verdict, said_ms: int) -> None:
        """Count an event of an input, dated `at_ms`, of which a shortcut made `verdict` at stream time `said_ms`."""
        if source == SUBMITS:
            if message.stage == FIRST_SUBMIT:  # not announced, not excluded
                note_submit(self.lanes.of_message(message, verdict[1], at_ms, said_ms), event, said_ms)
        elif source == ANSWERS:
            self._answer(message, event, at_ms, verdict, said_ms)
        else:
            self._report(message, at_ms, verdict, said_ms)

    def _answer(self, message: Message, event: SubmitResponse, at_ms: int, verdict: Verdict, said_ms: int) -> None:
        """Count a first answer: a shortcut takes no other to a whole message, but all to segments.

        One to a whole message was OK if it is waited for a report now, or a report was there before it.
        """
        if event[3] is not None:
            if verdict[5] != _FIRST_TWO:
                return
        elif message.stage != FIRST_ANSWER and verdict[7] is None:
            self.one.answer(self.lanes.of_message(message, verdict[1], at_ms, said_ms), event, verdict[1], True)
            return
        lane = self.lanes.of_message(message, verdict[1], at_ms, said_ms)
        lane.log.append(m.OK_AFTER[bucket_index(at_ms - verdict[2])])

    def _report(self, message: Message, at_ms: int, verdict: Verdict, said_ms: int) -> None:
        """Count a report that settled its message, or says it is on its way.

        A shortcut takes no other, but the final ones on segments of which more are waited for: they count nothing yet.
        """
        status = verdict[4][0]
        after = m.DELIVERED_AFTER if status == words.DELIVERED else m.SETTLED_AFTER.get(status)
        if after is None and status != words.ENROUTE:
            return
        lane = self.lanes.of_message(message, verdict[1], at_ms, said_ms)
        if after is None:
            lane.log.append(m.REPORTS_INTERMEDIATE)
            return
        lane.log.append(after[bucket_index(at_ms - verdict[2])])
        if status == words.FAILED:
            lane.named.append((m.FAILURES, verdict.finding.reason))
