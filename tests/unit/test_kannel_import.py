"""From lines of Kannel's log to events: joining, what waits, what is said to be unknown."""

from __future__ import annotations

import json
import time
from datetime import timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.events import DeliveryReport, ProviderReceipt, Submit, SubmitResponse
from streams.importers.kannel import KannelImport
from streams.importers.kannel_options import ImportedEvent, Options
from streams.importers.summary import Summary

DAY = "2026-11-22"
NOON_MS = 1_795_348_800_000


def line(
    event: str,
    fid: str = "",
    *,
    at: str = "12:00:00",
    smsc: str = "ALPHA",
    sender: str = "38100",
    to: str = "+34600000001",
    mask: int = 31,
    msg: str = "Hello",
    udh: str = "",
    meta: str = "",
    svc: str = "web",
) -> str:
    return (
        f"{DAY} {at} {event} [SMSC:{smsc}] [SVC:{svc}] [ACT:] [BINF:] [FID:{fid}] [META:{meta}] [from:{sender}] "
        f"[to:{to}] [flags:-1:0:-1:-1:{mask}] [msg:{len(msg)}:{msg}] [udh:{len(udh) // 2}:{udh}]"
    )


def receipt(id: str, stat: str = "DELIVRD", err: str = "000", done: str = "2611221200") -> str:
    return f"id:{id} sub:001 dlvrd:001 submit date:2611221200 done date:{done} stat:{stat} err:{err} text:Hel"


def lost(id: str, **fields: object) -> str:
    """A receipt that Kannel could not join: addresses swapped, no type, the id only in the text."""
    given = {"sender": "+34600000001", "to": "38100", "svc": "", "mask": -1, "msg": receipt(id), **fields}
    return line("FAILED Receive DLR", "", **given)  # type: ignore[arg-type]  # keyword names are those of line()


def run(lines: list[str], options: Options | None = None) -> tuple[list[ImportedEvent], Summary]:
    importer = KannelImport(options or Options())
    events: list[ImportedEvent] = []
    for number, text in enumerate(lines, 1):
        events += importer.feed(number, text.encode() + b"\n")
    last, summary = importer.finish()
    return events + last, summary


def reports(events: list[ImportedEvent]) -> list[tuple[str, str]]:
    return [(event.message_id, event.code) for event in events if isinstance(event, DeliveryReport)]


def answers(events: list[ImportedEvent]) -> list[tuple[str, int | None, str]]:
    return [(event.message_id, event.part, event.code) for event in events if isinstance(event, SubmitResponse)]


def test_an_accepted_message_is_a_submit_and_an_answer_at_the_time_of_the_answer() -> None:
    events, summary = run(
        [line("Sent SMS", "77", meta="?smpp?campaign_ref=xmas&")], Options(campaign="meta:campaign_ref")
    )
    submit, answer = events
    assert isinstance(submit, Submit)
    assert (submit.account, submit.message_id, submit.provider, submit.campaign) == (
        "web",
        "ALPHA:77",
        "ALPHA",
        "xmas",
    )
    assert (submit.submitted_at_ms, submit.created_at_ms, submit.encoding) == (NOON_MS, None, "gsm7")
    assert answer == SubmitResponse("web", "ALPHA:77", 1, None, NOON_MS, "ALPHA", "0", "77", "")
    assert summary.not_known["submit_time"] == 1


@pytest.mark.parametrize(
    ("fid", "id", "relation"),
    [
        ("77", "77", "same"),
        ("1101c1-c9d03d-f000", "1101C1-C9D03D-F000", "same"),
        ("00B8BE19", "B8BE19", "same"),
        ("10C8F40D", "281605133", "hex-decimal"),
        ("18d0e03a", "0416342074", "hex-decimal"),
        ("812FC7470000001B", "9308878062554710043", "hex-decimal"),
        ("281605133", "10c8f40d", "decimal-hex"),
    ],
)
def test_an_id_is_found_in_every_form_that_providers_use(fid: str, id: str, relation: str) -> None:
    events, summary = run([line("Sent SMS", fid), lost(id)])
    assert reports(events) == [(f"ALPHA:{fid}", "DELIVRD")]
    assert summary.matched == {relation: 1}
    report = events[-1]
    assert isinstance(report, DeliveryReport)
    assert report.provider_message_id == fid  # as the answer has it, so that duplicates are one fact


def test_ids_that_only_look_alike_are_not_joined() -> None:
    events, summary = run([line("Sent SMS", "04062581461644996000241"), lost("4062581461644996000141")])
    assert reports(events) == []
    assert summary.unmatched == {"unknown_id": 1}


def test_leading_zeros_count_where_an_id_has_dashes() -> None:
    _, summary = run([line("Sent SMS", "0012-a"), lost("12-a")])
    assert summary.unmatched == {"unknown_id": 1}


def test_ids_are_unique_per_smsc_only() -> None:
    lines = [line("Sent SMS", "77"), line("Sent SMS", "77", smsc="BETA", to="+34600000002")]
    events, _ = run([*lines, lost("77", smsc="BETA", sender="+34600000002")])
    assert reports(events) == [("BETA:77", "DELIVRD")]


def test_the_addresses_must_not_contradict() -> None:
    events, summary = run([line("Sent SMS", "77"), lost("77", sender="+34699999999")])
    assert reports(events) == []
    assert summary.unmatched == {"other_numbers": 1}
    assert isinstance(events[-1], ProviderReceipt)


def test_a_national_number_and_a_sender_not_swapped_do_not_contradict() -> None:
    events, _ = run([line("Sent SMS", "77"), lost("77", sender="600000001")])
    assert reports(events) == [("ALPHA:77", "DELIVRD")]
    events, _ = run([line("Sent SMS", "77"), lost("77", sender="38100", to="+34600000001")])
    assert reports(events) == [("ALPHA:77", "DELIVRD")]


def test_an_id_with_two_meanings_is_not_guessed() -> None:
    """As it is it would be the first message's, read as decimal the second's, and both have these numbers."""
    lines = [line("Sent SMS", "16"), line("Sent SMS", "10", at="12:00:01"), lost("16", at="12:00:02")]
    events, summary = run(lines)
    assert reports(events) == []
    assert summary.unmatched == {"ambiguous": 1}
    events, _ = run(lines, Options(ids={"ALPHA": "same"}))
    assert reports(events) == [("ALPHA:16", "DELIVRD")]
    events, _ = run(lines, Options(ids={"ALPHA": "hex-decimal"}))
    assert reports(events) == [("ALPHA:10", "DELIVRD")]


def test_the_form_that_an_smsc_always_used_decides_between_two_meanings() -> None:
    known = [
        text
        for at in range(3)
        for text in (
            line("Sent SMS", f"{0xA0 + at:x}", to=f"+3461111111{at}"),
            lost(str(0xA0 + at), sender=f"+3461111111{at}"),
        )
    ]
    events, _ = run([*known, line("Sent SMS", "16"), line("Sent SMS", "10", at="12:00:01"), lost("16", at="12:00:02")])
    assert reports(events)[-1] == ("ALPHA:10", "DELIVRD")


def test_a_report_before_the_line_of_its_message_waits_for_it() -> None:
    events, summary = run([lost("77"), line("Sent SMS", "77", at="12:00:01")])
    assert reports(events) == [("ALPHA:77", "DELIVRD")]
    assert summary.early == 1


def test_in_follow_mode_it_waits_only_so_long() -> None:
    importer = KannelImport(Options(hold_ms=10_000))
    assert importer.feed(1, lost("77").encode()) == []
    assert importer.advance_to(NOON_MS + 9_999) == []
    late = importer.advance_to(NOON_MS + 10_000)
    assert late == [ProviderReceipt("ALPHA", "77", None, None, NOON_MS, NOON_MS, "DELIVRD", "000", receipt("77"))]
    assert importer.summary.unmatched == {"unknown_message": 1}


def test_duplicates_are_told_again_and_counted() -> None:
    events, summary = run([line("Sent SMS", "4d"), lost("77"), lost("77", at="12:00:03")])
    first, second = (event for event in events if isinstance(event, DeliveryReport))
    assert first._replace(received_at_ms=0) == second._replace(received_at_ms=0)
    assert summary.duplicates == 1


def test_the_command_status_is_in_the_line_behind_a_refusal() -> None:
    nack = "NACK/0x00000058/Throttled"
    lines = [
        line("REJECTED Send SMS", mask=31),
        line("Sent SMS", "5", to="+34600000009"),
        line("Receive DLR", mask=16, msg=nack),
        line("REJECTED Send SMS", mask=0, at="12:00:05"),
        line("DISCARDED SMS", mask=31, to="+34600000007"),
        line("Receive DLR", mask=16, msg="NACK/no SMSC", to="+34600000007"),
    ]
    events, summary = run(lines)
    assert [code for _, _, code in answers(events)] == [
        "0",
        "0x00000058",
        "KANNEL_REJECTED",
        "KANNEL_NO_SMSC",
    ]
    assert summary.not_known["code"] == 2


def test_refusals_between_the_same_numbers_get_their_codes_in_turn() -> None:
    lines = [
        line("REJECTED Send SMS"),
        line("REJECTED Send SMS"),
        line("Receive DLR", mask=16, msg="NACK/0x0000000b/x"),
        line("Receive DLR", mask=16, msg="NACK/0x00000045/x"),
    ]
    events, _ = run(lines)
    told = answers(events)
    assert [code for _, _, code in told] == ["0x0000000b", "0x00000045"]
    assert told[0][0] != told[1][0]  # equal to the last byte, and still two messages


def test_segments_split_by_the_sender_are_one_message() -> None:
    lines = [
        line("Sent SMS", "5", udh="0500032A0301"),
        line("Sent SMS", "", udh="0500032A0302", mask=0),
        line("REJECTED Send SMS", udh="0500032A0303", mask=0, at="12:00:02"),
        lost("5"),
        line("Sent SMS", "6", udh="0500032A0301", at="12:00:09"),
    ]
    events, summary = run(lines)
    submits = [event for event in events if isinstance(event, Submit)]
    assert [submit.parts for submit in submits] == [3, 3]
    first = submits[0].message_id
    assert answers(events)[:3] == [(first, 1, "0"), (first, 2, "0"), (first, 3, "KANNEL_REJECTED")]
    report = next(event for event in events if isinstance(event, DeliveryReport))
    assert (report.message_id, report.part) == (first, 1)
    assert summary.messages == 2


def test_a_refused_message_with_an_id_was_taken_in_part() -> None:
    lines = [
        line("REJECTED Send SMS", "5", msg="x" * 400),
        line("Receive DLR", "5", mask=16, msg="NACK/"),
        line("Receive DLR", "5", mask=1, msg=receipt("5")),
    ]
    events, summary = run(lines)
    assert answers(events) == [("ALPHA:5", 1, "0"), ("ALPHA:5", 2, "KANNEL_REJECTED")]
    assert [event.part for event in events if isinstance(event, DeliveryReport)] == [1]
    assert summary.not_known["refused_part"] == 1


def test_a_later_part_of_a_long_message_is_said_to_be_perhaps_that() -> None:
    events, summary = run([line("Sent SMS", "5", msg="x" * 400), lost("6")])
    assert summary.unmatched == {"part_of_long_message": 1}
    assert isinstance(events[-1], ProviderReceipt)


def test_an_id_that_kannel_lost_joins_only_where_there_is_no_other() -> None:
    lost_id = "9223372036854775807"
    matched = line("Receive DLR", lost_id, mask=1, msg=receipt("9308878062554710043"))
    alone, _ = run([line("Sent SMS", lost_id), matched])
    (message_id, code) = reports(alone)[0]
    assert (message_id, code) == (alone[0].message_id, "DELIVRD")  # type: ignore[union-attr]  # the submit
    assert lost_id not in message_id
    two, summary = run([line("Sent SMS", lost_id), line("Sent SMS", lost_id, to="+34600000002"), matched])
    assert reports(two) == []
    assert summary.unmatched == {"saturated": 1}
    assert [event.provider_message_id for event in two if isinstance(event, SubmitResponse)] == ["", ""]


def test_a_report_that_kannel_joined_to_a_message_of_an_older_log_has_that_messages_id() -> None:
    events, summary = run([line("Receive DLR", "77", mask=2, msg=receipt("77", "UNDELIV", "001"))])
    assert reports(events) == [("ALPHA:77", "UNDELIV")]
    assert summary.unmatched == {"not_in_log": 1}


def test_without_a_state_the_type_of_the_line_tells() -> None:
    events, _ = run([line("Sent SMS", "7"), line("Receive DLR", "7", mask=34, msg="")])
    assert reports(events) == [("ALPHA:7", "KANNEL_DLR_34")]


def test_an_id_used_again_names_another_message() -> None:
    events, _ = run([line("Sent SMS", "7"), line("Sent SMS", "7", at="13:00:00", to="+34600000002")])
    submits = [event.message_id for event in events if isinstance(event, Submit)]
    assert submits == ["ALPHA:7", "ALPHA:7:20261122130000"]


def test_a_line_read_twice_is_one_message() -> None:
    events, summary = run([line("Sent SMS", "7"), line("Sent SMS", "7")])
    assert len(events) == 2
    assert summary.lines["read before"] == 1


def test_the_senders_own_id_and_its_attempts() -> None:
    meta = "?smpp?ref=order-1&"
    lines = [line("DISCARDED SMS", meta=meta, mask=0), line("Sent SMS", "9", meta=meta, at="12:01:00")]
    events, _ = run([*lines, lost("9")], Options(message_id="meta:ref"))
    submits = [(event.message_id, event.attempt) for event in events if isinstance(event, Submit)]
    assert submits == [("order-1", 1), ("order-1", 2)]
    assert [event.attempt for event in events if isinstance(event, DeliveryReport)] == [2]


def test_the_zone_of_the_log_and_of_the_receipts() -> None:
    options = Options(zone=ZoneInfo("Europe/Madrid"), receipt_zones={"ALPHA": timezone(timedelta(hours=2))})
    events, _ = run([line("Sent SMS", "7"), lost("7")], options)
    submit, report = events[0], events[-1]
    assert isinstance(submit, Submit)
    assert submit.submitted_at_ms == NOON_MS - 3_600_000
    assert isinstance(report, DeliveryReport)
    assert report.done_at_ms == NOON_MS - 7_200_000


def test_the_hour_that_comes_twice_is_read_in_order() -> None:
    zone = ZoneInfo("Europe/Madrid")
    times = ["02:50:00", "02:10:00", "03:05:00"]
    lines = [line("Sent SMS", str(at), at=text).replace(DAY, "2026-10-25") for at, text in enumerate(times, 1)]
    events, summary = run(lines, Options(zone=zone))
    minutes = [(event.submitted_at_ms // 60_000) % 1440 for event in events if isinstance(event, Submit)]
    assert minutes == [50, 70, 125]  # 00:50, 01:10 and 02:05 UTC
    assert summary.not_known["ambiguous_time"] == 2


def test_a_log_without_any_time_gives_events_only_if_a_time_is_said() -> None:
    text = line("Sent SMS", "7").partition("12:00:00 ")[2]
    events, summary = run([text])
    assert (events, summary.not_known["no_time"]) == ([], 1)
    events, _ = run([text], Options(missing_time_ms=NOON_MS))
    assert len(events) == 2


def test_other_lines_are_counted_by_kind() -> None:
    lines = [
        f"{DAY} 12:00:00 Log begins",
        line("Receive SMS"),
        line("REJECTED Receive SMS - black-listed SMS"),
        line("Sent DLR", "7"),
        line("Sent SMS", "7")[:120],
        f"{DAY} 12:00:00 [1] [2] DEBUG: something",
        "garbage \0 \x01",
        "",
    ]
    events, summary = run(lines)
    assert events == []
    assert summary.lines == {
        "Log begins, Log ends": 1,
        "Receive SMS": 1,
        "REJECTED Receive SMS - black-listed SMS": 1,
        "Sent DLR": 1,
        "cut or damaged": 1,
        "main log of Kannel": 1,
        "not understood": 1,
        "empty": 1,
    }
    assert sum(summary.lines.values()) == len(lines)


def test_the_main_log_tells_of_reports_without_message() -> None:
    text = f"{DAY} 12:00:01 [1] [6] ERROR: SMPP[ALPHA]: got DLR but could not find message or was not interested in it "
    events, _ = run([line("Sent SMS", "4d"), f"{text}id<77> dst<34600000001>, type<1>"])
    assert reports(events) == [("ALPHA:4d", "KANNEL_DLR_1")]


def test_lines_of_a_collector_are_unwrapped() -> None:
    events, _ = run([json.dumps({"log": line("Sent SMS", "7") + "\n", "stream": "stdout"})])
    assert len(events) == 2


def test_the_summary_is_said_in_words() -> None:
    _, summary = run([line("Sent SMS", "7"), lost("8"), line("REJECTED Send SMS", mask=0)])
    text = summary.text()
    assert "2 messages, 2 submits" in text
    assert "1 reports found no message in the log" in text
    assert "(lines 2)" in text


FIELDS = st.sampled_from(["", "7", "77", "a", "9223372036854775807", "0x1F", "12-a", "] [FID:", "id:7 stat:"])
EVENTS = st.sampled_from(
    [
        "Sent SMS",
        "REJECTED Send SMS",
        "DISCARDED SMS",
        "Receive DLR",
        "FAILED Receive DLR",
        "Receive SMS",
        "What",
    ]
)


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=120))
    text = line(
        draw(EVENTS),
        draw(FIELDS),
        at=f"12:00:{draw(st.integers(0, 59)):02d}",
        sender=draw(st.sampled_from(["38100", "", "+34600000001", "X"])),
        to=draw(st.sampled_from(["38100", "", "+34600000001", "0034600000001"])),
        mask=draw(st.sampled_from([-1, 0, 1, 2, 8, 16, 31, 34])),
        msg=draw(st.one_of(FIELDS, st.builds(receipt, FIELDS))),
        udh=draw(st.sampled_from(["", "0500032A0201", "0500032A0202", "ZZ"])),
        meta=draw(st.sampled_from(["", "?smpp?x=y&", "?smpp?dlr_err=%03%00%1B&", "?a?%ff=%"])),
    ).encode()
    cut = draw(st.integers(0, len(text)))
    return text[:cut] if draw(st.integers(0, 9)) == 0 else text


@settings(max_examples=150)
@given(st.lists(lines(), max_size=30), st.sampled_from([None, 0, 5_000]))
def test_no_line_is_lost_and_none_does_harm(texts: list[bytes], hold_ms: int | None) -> None:
    importer = KannelImport(Options(hold_ms=hold_ms, keep_ms=hold_ms))
    events: list[ImportedEvent] = []
    for number, text in enumerate(texts, 1):
        events += importer.feed(number, text)
    last, summary = importer.finish()
    events += last
    assert sum(summary.lines.values()) == len(texts)
    joined = sum(summary.matched.values()) + sum(summary.unmatched.values())
    assert joined == summary.reports
    submitted = {(event.account, event.message_id) for event in events if isinstance(event, Submit)}
    for event in events:
        if isinstance(event, DeliveryReport) and event.attempt is not None:
            assert (event.account, event.message_id) in submitted
    summary.text()


def test_a_crowd_of_equal_ids_and_numbers_takes_linear_time() -> None:
    many = 4_000
    texts = [line("Sent SMS", "7", at=f"12:{at // 60 % 60:02d}:{at % 60:02d}").encode() for at in range(many)]
    texts += [lost("8").encode()] * many
    importer = KannelImport(Options())
    started = time.process_time()
    for number, text in enumerate(texts, 1):
        importer.feed(number, text)
    importer.finish()
    assert time.process_time() - started < 20.0
