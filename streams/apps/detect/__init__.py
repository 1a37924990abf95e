"""`sms-streams detect`: anomalies, hosted on Faust, which nothing else imports.

    sms.route-health -> forward -> sms.detect-group -> watch -> sms.anomaly

`forward` hands each record on to the groups it belongs to (its provider, its account), so that all records of a group
come to one worker whatever partitions they came from, and heartbeats to all of them. `watch` gives the groups to the
detectors (`streams.detectors.engine`) and writes what they find. Any number of workers share both.

The steps of `watch` for a partition, and what if it dies here:

1. take records in, without acknowledging them. Dies: they are read again.
2. when all sources have got past the end of a window, close it: the detectors look. Dies: the same.
3. write the anomalies to sms.anomaly, and wait until the brokers have them. Dies: the same records give the same
   anomalies with the same ids and revisions again; readers drop what they have.
4. write the changed state to the changelog of the table, and wait. Dies: the same.
5. acknowledge the records; Faust commits their offsets. Dies: they are read once more, and their windows are closed
   already in the state that is restored.

The states' totals are absolute, so records of transactions that were aborted (Faust reads them) are overwritten by
those of the transaction that was done again.

`worker` puts it together; `forward` and `watch` are the two halves, `host` is what `watch` does without Kafka; `topics`
looks before it starts, `faust_app` is Faust as it is used here, `run` runs it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from streams.settings import load_settings


def __getattr__(name: str) -> Any:
    """Make the application that `faust -A streams.apps.detect worker` asks for, from SMS_CONFIG and the environment."""
    if name != "app":
        raise AttributeError(name)
    file = os.environ.get("SMS_CONFIG")
    settings = load_settings(Path(file) if file else None, os.environ)
    from streams.apps.detect.worker import Detect  # Faust takes a second to import

    made = globals()["app"] = Detect(settings).app
    return made
