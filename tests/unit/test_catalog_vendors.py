"""The catalog of gateways, standards and HTTP services: their words, and the error codes beside them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.catalog import default_catalog

CATALOG = default_catalog()

# dialect: word -> status
STATUSES = {
    "smpp": {
        **dict.fromkeys(["BUFFRED", "BUFFERD", "BUFFERED", "ENQUEUE", "PENDING", "SENT", "BADSTAT"], "enroute"),
        **dict.fromkeys(["ACKED", "ACCEPTED", "SUBMITD"], "accepted"),
        **dict.fromkeys(["DELIVERED", "DELIVERD", "2"], "delivered"),
        **dict.fromkeys(["FAILED", "UNDELIVERABLE", "UNDELVRD", "NOCRED", "SYSERR", "NACK", "DND_REJECTED"], "failed"),
        **dict.fromkeys(["DNDNumber", "BLIST", "NOROUTE", "SKIPPED", "FAILED:Abs.subscr"], "failed"),
    },
    "kannel": {"1": "delivered", "2": "failed", "4": "enroute", "8": "accepted", "16": "failed", "34": "failed"}
    | {"0x22": "failed", "66": "enroute", "DELIVRD": "delivered", "ACK/": "accepted"},
    "jasmin": {"ESME_ROK": "accepted", "DELIVRD": "delivered", "UNDELIV": "failed", "ESME_RINVDSTADR": "failed"},
    "twilio": {
        **dict.fromkeys(["queued", "sending", "scheduled"], "enroute"),
        **{"accepted": "accepted", "sent": "accepted", "partially_delivered": "accepted"},
        **{"delivered": "delivered", "read": "delivered", "undelivered": "failed", "failed": "failed"},
        **{"canceled": "failed"},
    },
    "vonage": {
        **{"accepted": "accepted", "submitted": "accepted", "buffered": "enroute", "unknown": "enroute"},
        **{"delivered": "delivered", "read": "delivered"},
        **dict.fromkeys(["expired", "failed", "rejected", "undeliverable"], "failed"),
    },
    "infobip": {
        **{"PENDING_ENROUTE": "enroute", "PENDING_WAITING_DELIVERY": "enroute", "DELIVERED_TO_OPERATOR": "accepted"},
        **{"DELIVERED_TO_HANDSET": "delivered", "5": "delivered", "DELIVERED": "delivered"},
        **dict.fromkeys(
            ["UNDELIVERABLE_NOT_DELIVERED", "EXPIRED_EXPIRED", "REJECTED_DND", "REJECTED_NETWORK"], "failed"
        ),
    },
    "sinch": {
        **{"Queued": "enroute", "Dispatched": "accepted", "Delivered": "delivered", "Unknown": "sent_without_sr"},
        **dict.fromkeys(["Aborted", "Cancelled", "Rejected", "Deleted", "Failed", "Expired"], "failed"),
    },
    "messagebird": {
        **{"scheduled": "enroute", "sent": "accepted", "buffered": "enroute", "delivered": "delivered"},
        **{"expired": "failed", "delivery_failed": "failed"},
    },
    "plivo": {"queued": "enroute", "sent": "accepted", "delivered": "delivered"}
    | dict.fromkeys(["undelivered", "failed", "rejected"], "failed"),
    "telnyx": {"queued": "enroute", "sending": "enroute", "sent": "accepted", "delivered": "delivered"}
    | {"delivery_unconfirmed": "sent_without_sr", "delivery_failed": "failed", "sending_failed": "failed"},
    "aws": {"TEXT_QUEUED": "enroute", "PENDING": "enroute", "TEXT_SUCCESSFUL": "sent_without_sr"}
    | {"DELIVERED": "delivered", "TEXT_DELIVERED": "delivered", "UNKNOWN": "sent_without_sr"}
    | dict.fromkeys(["TEXT_INVALID", "TEXT_CARRIER_UNREACHABLE", "SPAM", "TTL_EXPIRED", "BLOCKED"], "failed"),
    "bandwidth": {"message-sending": "enroute", "message-delivered": "delivered", "message-failed": "failed"},
    "tp-status": {"0": "delivered", "1": "sent_without_sr", "0x21": "enroute", "34": "enroute", "0x46": "failed"}
    | {"97": "failed", "0x7F": "failed", "0x3F": "enroute", "0x1F": "sent_without_sr", "0x5F": "failed"},
    "vodafone": {"00": "delivered", "01": "enroute", "02": "failed"},
}

# dialect, word of a failure, error code -> reason, class
CAUSES = [
    line.split()
    for line in """
twilio undelivered 30003 absent_subscriber temporary
twilio undelivered 30005 unknown_subscriber permanent
twilio undelivered 30006 landline permanent
twilio undelivered 30007 spam permanent
twilio undelivered 30008 unknown undetermined
twilio undelivered 21610 blacklisted sender
twilio undelivered 30001 queue_full temporary
twilio undelivered 30017 congestion temporary
vonage failed 2 absent_subscriber temporary
vonage failed 3 unknown_subscriber permanent
vonage failed 7 handset_error temporary
vonage failed 8 network_error temporary
vonage failed 9 blacklisted sender
vonage failed 1180 absent_subscriber temporary
vonage failed 1120 invalid_sender sender
vonage failed 0 undeliverable undetermined
infobip UNDELIVERABLE 1 unknown_subscriber permanent
infobip UNDELIVERABLE EC_ABSENT_SUBSCRIBER absent_subscriber temporary
infobip UNDELIVERABLE 27 absent_subscriber temporary
infobip UNDELIVERABLE 256 memory_full temporary
infobip UNDELIVERABLE 2050 blacklisted sender
sinch Failed 402 routing_error permanent
sinch Failed 404 temporary_error temporary
sinch Failed 1 unknown_subscriber permanent
sinch Failed 27 absent_subscriber temporary
sinch Failed 33 memory_full temporary
sinch Failed 999 congestion temporary
bandwidth message-failed 4432 destination_not_allowed sender
bandwidth message-failed 4720 invalid_recipient permanent
bandwidth message-failed 4702 absent_subscriber temporary
bandwidth message-failed 9902 expired undetermined
telnyx delivery_failed 40002 spam temporary
telnyx delivery_failed 40001 landline permanent
plivo undelivered 80 absent_subscriber temporary
plivo undelivered 200 blacklisted sender
messagebird delivery_failed 103 blacklisted sender
messagebird delivery_failed 1 unknown_subscriber permanent
kannel UNDELIV 00B invalid_recipient permanent
restcomm UNDELIV 008 absent_subscriber temporary
restcomm UNDELIV 017 memory_full temporary
8x8-smpp UNDELIV 043 spam permanent
""".strip().splitlines()
]


@pytest.mark.parametrize(("dialect", "word"), [(dialect, word) for dialect, told in STATUSES.items() for word in told])
def test_word(dialect: str, word: str) -> None:
    for form in (word, word.upper(), f" {word.lower()} ", word.replace("_", "-")):
        assert CATALOG.report(dialect, form).status == STATUSES[dialect][word], form


@pytest.mark.parametrize(("dialect", "word", "err", "reason", "reason_class"), CAUSES)
def test_an_error_code_tells_why(dialect: str, word: str, err: str, reason: str, reason_class: str) -> None:
    outcome = CATALOG.report(dialect, word, err)
    assert (outcome.status, outcome.reason, outcome.reason_class) == ("failed", reason, reason_class)
    assert CATALOG.report(dialect, word, f" {err} ".lower()) == outcome


def test_numberings_contradict_each_other_so_none_holds_for_all() -> None:
    numberings = [CATALOG.book(name) for name in ("map", "sinch-smpp", "restcomm", "8x8-smpp", "vonage")]
    told = {entry.reason for book in numberings for entry in [book.find_err("9")] if entry is not None}
    assert len(told) >= 4, told
    assert CATALOG.report("smpp", "UNDELIV", "008") == CATALOG.report("smpp", "UNDELIV")


def test_an_error_code_changes_the_reason_and_never_the_status() -> None:
    for word in ("DELIVRD", "ACCEPTD", "ENROUTE", "EXPIRED", "UNDELIV", "NO SUCH WORD"):
        plain, told = CATALOG.report("restcomm", word), CATALOG.report("restcomm", word, "008")
        assert (told.status, told.final, told.known) == (plain.status, plain.final, plain.known)
    assert CATALOG.report("restcomm", "DELIVRD", "008").reason == ""
    assert CATALOG.report("restcomm", "ENROUTE", "008").reason == "absent_subscriber"
    assert CATALOG.report("restcomm", "EXPIRED", "008").reason == "expired"  # that is a cause already


def test_without_a_word_the_error_code_speaks_and_beside_an_unknown_word_it_does_not() -> None:
    assert CATALOG.report("twilio", "", "30003")[:3] == ("failed", True, "absent_subscriber")
    assert not CATALOG.report("twilio", "huh", "30003").known
    assert CATALOG.report("twilio", "", "0").known is False
    assert CATALOG.report("vonage", "", "0")[:2] == ("enroute", False)


@pytest.mark.parametrize("err", ["", "-", "null", "nul", "...", "00Z", "0x", "9" * 300, "\0", "٣"])
def test_what_is_no_error_code_says_nothing(err: str) -> None:
    for dialect in ("restcomm", "kannel", "twilio"):
        assert CATALOG.report(dialect, "undelivered", err) == CATALOG.report(dialect, "undelivered")


def test_hexadecimal_numberings_read_all_their_digits_so() -> None:
    assert CATALOG.report("kannel", "UNDELIV", "058").reason == "throttled"
    assert CATALOG.report("kannel", "UNDELIV", "0x58") == CATALOG.report("kannel", "UNDELIV", "58")
    assert CATALOG.report("kannel", "UNDELIV", "88").reason == "undeliverable"


def test_bandwidth_bills_what_the_carrier_refused_and_not_what_it_refused_itself() -> None:
    assert CATALOG.report("bandwidth", "message-failed", "4750").billed is True
    assert CATALOG.report("bandwidth", "message-failed", "4403").billed is False
    assert CATALOG.report("bandwidth", "message-failed").billed is None


def test_every_value_of_tp_status_is_there_but_the_reserved_half() -> None:
    for value in range(0x80):
        outcome = CATALOG.report("tp-status", f"0x{value:02X}")
        assert outcome.known
        assert outcome == CATALOG.report("tp-status", str(value))
        assert outcome.status == ("enroute" if 0x20 <= value < 0x40 else "failed" if value >= 0x40 else outcome.status)
        assert outcome.reason_class == ("temporary" if value >= 0x60 else outcome.reason_class)
    assert not CATALOG.report("tp-status", "128").known


def test_aws_sns_tells_in_words() -> None:
    delivered = CATALOG.report("aws", "SUCCESS", "", "Message has been accepted by phone")
    carrier = CATALOG.report("aws", "SUCCESS", "", "Message has been accepted by phone carrier")
    assert (delivered.status, carrier.status) == ("delivered", "sent_without_sr")
    assert (
        CATALOG.report("aws", "FAILURE", "", "Phone carrier is currently unreachable/unavailable").reason
        == "network_error"
    )
    assert CATALOG.report("aws", "FAILURE", "", "no idea").reason == "undeliverable"


@given(st.sampled_from(sorted(CATALOG.files)), st.text(max_size=20), st.text(max_size=20))
def test_any_code_and_error_code_can_be_looked_up(dialect: str, code: str, err: str) -> None:
    CATALOG.report(dialect, code, err)
    CATALOG.rows(dialect, err)
