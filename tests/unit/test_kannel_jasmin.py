"""Lines of the Jasmin gateway and of bearerbox's main log, as people showed them in public."""

from __future__ import annotations

import pytest

from streams.events import DeliveryReport, Submit, SubmitResponse
from streams.importers.bearerbox import UnmatchedReport, parse_bearerbox
from streams.importers.jasmin import JasminLine, parse_jasmin
from streams.importers.kannel import KannelImport
from streams.importers.kannel_options import ImportedEvent, Options

AT = "2022-03-03 17:41:13 INFO     1984993 "
REST = "[prio:0] [dlr:SMSC_DELIVERY_RECEIPT_REQUESTED] [validity:none] [from:De] [to:009] [content:'a] [status:x]']"


def read(text: str) -> JasminLine:
    found = parse_jasmin(text.encode())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("fields", "id", "status"),
    [
        ("[smpp-msgid:812FC7470000001B] [status:ESME_ROK] ", "812FC7470000001B", "ESME_ROK"),
        ("[status:ERROR/**ESME_RTHROTTLED**] [retry:True] ", "", "ESME_RTHROTTLED"),
        ("[smpp-msgid:b'**39f99dd5**'] [status:CommandStatus.ESME_ROK] ", "39f99dd5", "ESME_ROK"),
        (
            "[smpp-msgid:SAR-2347039240000-1eedf843-2-1] [status:**ESME_ROK**] ",
            "SAR-2347039240000-1eedf843-2-1",
            "ESME_ROK",
        ),
    ],
)
def test_the_answer_to_a_submit(fields: str, id: str, status: str) -> None:
    line = read(f"{AT}SMS-MT [cid:c1] [queue-msgid:ead99724] {fields}{REST}")
    assert (line.kind, line.cid, line.message_id) == ("SMS-MT", "c1", "ead99724")
    assert (line.provider_message_id, line.status, line.recipient) == (id, status, "009")


def test_mappings_and_unknown_ids() -> None:
    line = read(
        "2022-05-03 07:29:16 DEBUG    885 Mapping smpp msgid: 15EF9B68 to queue msgid: ac96-1, expiring in 86400"
    )
    assert (line.kind, line.provider_message_id, line.message_id) == ("mapping", "15EF9B68", "ac96-1")
    line = read(
        "2023-09-03 03:21:58 ERROR    29510 [msgid:BB42DD] (retrials: 1/2) DLRMapNotFound: "
        "Got a DLR for an unknown **message id: BB42DD (coded:BB42DD)**"
    )
    assert (line.kind, line.provider_message_id) == ("DLRMapNotFound", "BB42DD")


def test_a_line_of_bearerbox() -> None:
    text = b"got DLR but could not find message or was not interested in it id<870928761> dst<123>, type<1>"
    assert parse_bearerbox(text) == UnmatchedReport("", "", "870928761", "123", 1)
    head = b"2026-11-22 16:17:18 [15091] [6] ERROR: SMPP[ALPHA]: "
    assert parse_bearerbox(head + text) == UnmatchedReport("2026-11-22 16:17:18", "ALPHA", "870928761", "123", 1)


def test_a_message_sent_again_is_the_next_attempt_and_its_report_is_joined() -> None:
    texts = [
        "2022-03-03 17:41:13 INFO     1 SMS-MT [cid:c1] [queue-msgid:q] [status:ERROR/ESME_RTHROTTLED] " + REST,
        f"2022-03-03 17:42:13 INFO     1 SMS-MT [cid:c1] [queue-msgid:q] [smpp-msgid:4d] [status:ESME_ROK] {REST}",
        "2022-03-03 17:42:14 DEBUG    1 Mapping smpp msgid: 4D to queue msgid: q, expiring in 86400",
        "2022-03-03 17:42:20 INFO     1 DLR [cid:c1] [smpp-msgid:77] [status:DELIVRD] [done date:2203031742] [err:000]",
    ]
    importer = KannelImport(Options())
    events: list[ImportedEvent] = []
    for number, text in enumerate(texts, 1):
        events += importer.feed(number, text.encode())
    assert [(one.attempt, one.provider) for one in events if isinstance(one, Submit)] == [
        (1, "c1"),
        (2, "c1"),
    ]
    assert [(one.attempt, one.code) for one in events if isinstance(one, SubmitResponse)] == [
        (1, "ESME_RTHROTTLED"),
        (2, "ESME_ROK"),
    ]
    (report,) = (one for one in events if isinstance(one, DeliveryReport))
    assert (report.message_id, report.attempt, report.code, report.provider_message_id) == (
        "q",
        2,
        "DELIVRD",
        "4d",
    )
