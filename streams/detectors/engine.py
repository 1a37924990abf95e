"""What hosts the detectors: routes records to groups, closes windows, and lets every detector look. Read this first.

A host (the Faust application, the evaluation) does four things, and nothing else needs to be known:

1. For each record of ``sms.route-health``: `Engine.groups` says which groups it belongs to (a provider's and an
   account's). All records of a group must come to one place; groups know nothing of each other.
2. `Engine.see` puts the record into the state of a group. Order and repetition do not matter: of the records of one
   key, window and source partition the one with the newest stream time holds.
3. `Engine.advance` closes every window that ended `DetectConfig.lateness_ms` before the stream time, in order, and
   returns what is to be written to ``sms.anomaly``. The stream time is the host's: the smallest over the source
   partitions of the newest ``stream_time_ms`` seen from each (heartbeats included), in milliseconds.
4. `GroupState.changes` gives the pieces of the state that are new since it was last called, by name, to be kept
   in a table under (group, name); `GroupState.load` makes the state from them again.

Same records and stream times in, same anomalies out, with the same ids, restarts in between or not. The pieces are
to be written in the order in which `changes` gives them, the head last: after a crash in the middle of that the
windows of the last call are gone through again, and only scopes that had not been written take part.
"""

from __future__ import annotations

from streams.detectors import registry
from streams.detectors.cases import Cases
from streams.detectors.config import DetectConfig
from streams.detectors.scopes import groups
from streams.detectors.state import GroupState
from streams.detectors.window import WINDOW_MS
from streams.events import Anomaly, RouteHealth

_LONGEST_GAP = 360
"""Windows without any record that are gone through one by one; longer ones (an outage of ours) are jumped over."""


class Engine:
    """The detectors with their configuration. It keeps no state of its own: all of it is in the `GroupState`."""

    def __init__(self, config: DetectConfig | None = None) -> None:
        """Detect by `config`."""
        self.config = config or DetectConfig()

    @staticmethod
    def groups(record: RouteHealth) -> tuple[str, ...]:
        """Return the groups a record belongs to; none for a heartbeat."""
        return groups(record)

    def see(self, state: GroupState, record: RouteHealth) -> GroupState:
        """Take in a record of the group. The state is changed in place, and returned."""
        state.take(record)
        return state

    def advance(self, state: GroupState, stream_time_ms: int) -> tuple[GroupState, list[Anomaly]]:
        """Close what is complete at this stream time; return the state and what to write, in order."""
        until = (stream_time_ms - self.config.lateness_ms) // WINDOW_MS  # windows before this one are complete
        told: list[Anomaly] = []
        state.begin(until)
        while state.closed is not None and state.closed + 1 < until:
            number = state.next_window(until, _LONGEST_GAP)
            state.close(number)
            told += self._look(state, (number + 1) * WINDOW_MS, stream_time_ms)
        return state, told

    def _look(self, state: GroupState, at_ms: int, stream_time_ms: int) -> list[Anomaly]:
        """Let every detector look at every scope after the window that ended at `at_ms`."""
        cases = Cases(state, at_ms, stream_time_ms, self.config)
        for scope_state in state.scopes.values():
            if (scope_state.ring.last + 1) * WINDOW_MS > at_ms:
                continue  # written, but not the head of the group, when a crash came: it was looked at before
            kinds = cases.open_kinds(scope_state.scope)
            if (scope_state.idle() or scope_state.scope.key in state.doubles()) and not kinds:
                continue
            for finding in registry.look(scope_state, kinds, at_ms, self.config):
                cases.add(scope_state.scope, finding)
        return cases.tell()
