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

Same records and stream times in, same anomalies out, with the same ids, restarts in between or not.
"""

from __future__ import annotations

from streams.detectors.config import DetectConfig
from streams.detectors.state import GroupState
from streams.events import Anomaly, RouteHealth

PROVIDER_GROUP = "provider:"
ACCOUNT_GROUP = "account:"


class Engine:
    """The detectors with their configuration. It keeps no state of its own: all of it is in the `GroupState`."""

    def __init__(self, config: DetectConfig | None = None) -> None:
        """Detect by `config`."""
        self.config = config or DetectConfig()

    @staticmethod
    def groups(record: RouteHealth) -> tuple[str, ...]:
        """Return the groups a record belongs to; none for a heartbeat."""
        if not record.provider and not record.account:
            return ()
        return (PROVIDER_GROUP + record.provider, ACCOUNT_GROUP + record.account)

    def see(self, state: GroupState, record: RouteHealth) -> GroupState:
        """Take in a record of the group. The state is changed in place, and returned."""
        state.take(record)
        return state

    def advance(self, state: GroupState, stream_time_ms: int) -> tuple[GroupState, list[Anomaly]]:
        """Close what is complete at this stream time; return the state and what to write, in order."""
        return state, []
