"""What is counted of a route, a byte each: the counters of ``sms.route-health``, then the buckets of its histograms.

So what happened is noted as a few bytes, and a window's counts are a table with a row for each route.
"""

from __future__ import annotations

from typing import Final

from streams.correlator import verdict as words
from streams.events import RouteHealth
from streams.health import buckets

_FIELDS: Final = RouteHealth._fields
COUNTERS: Final = _FIELDS[_FIELDS.index("submits") : _FIELDS.index("refusal_reasons")]
SUBMITS: Final = b"\x00"
RESPONSES_OK: Final = b"\x01"
RESPONSES_TEMPORARY: Final = b"\x02"
RESPONSES_PERMANENT: Final = b"\x03"
RESPONSES_UNKNOWN: Final = b"\x04"
DELIVERED: Final = b"\x05"
PARTIALLY_DELIVERED: Final = b"\x06"
FAILED: Final = b"\x07"
UNCONFIRMED: Final = b"\x08"
REPORTS_INTERMEDIATE: Final = b"\x09"
TIMEOUTS_NO_RESPONSE: Final = b"\x0a"
TIMEOUTS_NO_RECEIPT: Final = b"\x0b"
TIMEOUTS_EXPIRED: Final = b"\x0c"
LATE: Final = b"\x0d"
DUPLICATES: Final = b"\x0e"
CONFLICTS: Final = b"\x0f"
ORPHANS: Final = b"\x10"
UNKNOWN_CODES: Final = b"\x11"
RESPONSE_LATENCY: Final = 18
"""The first bucket of the histogram of answers, and of that of reports."""
RECEIPT_LATENCY: Final = 71
MEASURES: Final = 124

_ENDS = (len(COUNTERS), RESPONSE_LATENCY + len(buckets.BOUNDS), RECEIPT_LATENCY + len(buckets.BOUNDS))
if COUNTERS[LATE[0]] != "late" or _ENDS != (RESPONSE_LATENCY, RECEIPT_LATENCY, MEASURES):
    raise AssertionError("the counters of sms.route-health have changed: mend this module")

_BUCKETS: Final = range(len(buckets.BOUNDS))
ANSWERED_AFTER: Final = {
    measure: [measure + bytes([RESPONSE_LATENCY + bucket]) for bucket in _BUCKETS]
    for measure in (RESPONSES_OK, RESPONSES_TEMPORARY, RESPONSES_PERMANENT, RESPONSES_UNKNOWN)
}
"""What a first answer counts, by the bucket of its latency."""
OK_AFTER: Final[list[bytes]] = ANSWERED_AFTER[RESPONSES_OK]
SETTLED_AFTER: Final = {
    status: [measure + bytes([RECEIPT_LATENCY + bucket]) for bucket in _BUCKETS]
    for status, measure in (
        (words.DELIVERED, DELIVERED),
        (words.PARTIALLY_DELIVERED, PARTIALLY_DELIVERED),
        (words.FAILED, FAILED),
        (words.SENT_WITHOUT_SR, UNCONFIRMED),
    )
}
"""What is counted when a report makes a message's status one of these, by the bucket of its latency."""
DELIVERED_AFTER: Final[list[bytes]] = SETTLED_AFTER[words.DELIVERED]

REFUSALS: Final = 0
FAILURES: Final = 1
SAMPLE: Final = 2
NAMED: Final = 3
"""What is counted by name: reasons of refused attempts and of failed messages, and submits to sampled recipients."""
