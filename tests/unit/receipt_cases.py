"""Receipts as gateways write them: one example of our own for each deviation, and what it says.

A case is a name, the body, and the fields that are there (``id``, ``sub``, ``dlvrd``, ``sd`` and ``dd`` for the dates,
``stat``, ``err``, ``text``, ``word``); every other field is absent.
"""

from __future__ import annotations

from typing import NamedTuple

_FIELDS = {"sd": "submit_date", "dd": "done_date"}
_DATES = {"sd": "2611221359", "dd": "2611221401"}
_ALL = {"sub": "001", "dlvrd": "001", **_DATES, "stat": "DELIVRD", "err": "000"}
_REST = "sub:001 dlvrd:001 submit date:2611221359 done date:2611221401 stat:DELIVRD err:000"


class Case(NamedTuple):
    """A body and its fields by name."""

    name: str
    body: str
    fields: dict[str, str]


def case(name: str, body: str, **fields: str) -> Case:
    """One deviation."""
    return Case(name, body, {_FIELDS.get(key, key): value for key, value in fields.items()})


IDS = [
    *("7", "0000000042", "4062581461644996000241", "311126125222636445993424531921", "1795355966.417701000002"),
    *("5D1F0A3C", "00ff3e", "0x1A2B3C4D", "0E8FC7470000002B", "2f1f6a52-8b0e-4a6c-9a55-3c1d8e0b7f10"),
    *("2f1f6a52-8b0e-4a6c-9a55-3c1d8e0b7f101996", "S31126249091151177073671044", "SAR-33600000001-2BDDF843-3-1"),
    *("a_b", "0226Z-0122I-2309U-57DGC", "rdwjwxns18krxr9936ey96ymcx", "ns:8812", "msg/2026/11", "AbC+dEf=="),
]

ORDER = [
    case("upper case", f"ID:7 {_REST.upper()} TEXT:HI", id="7", **_ALL, text="HI"),
    case("mixed case", "Id:7 Stat:delivrd Err:000 Text:Hi", id="7", stat="delivrd", err="000", text="Hi"),
    case("id last", "stat:DELIVRD err:000 id:7", id="7", stat="DELIVRD", err="000"),
    case("sub first", f"{_REST.replace('sub:001', 'sub:001 id:7')} text:", id="7", **_ALL, text=""),
    case(
        "err before stat", "id:7 err:104 stat:DND_REJECTED text:Hi", id="7", err="104", stat="DND_REJECTED", text="Hi"
    ),
    case("alphabetical", "dlvrd:1 err:0 id:7 stat:DELIVRD sub:1", id="7", dlvrd="1", err="0", stat="DELIVRD", sub="1"),
    case("done before submit", "id:7 done date:1 submit date:2 stat:X", id="7", dd="1", sd="2", stat="X"),
    case("stat behind an empty text", "id:7 err:000 text: stat:DELIVRD", id="7", err="000", text="", stat="DELIVRD"),
    case("twice", "id:A stat:DELIVRD id:B stat:UNDELIV", id="A", stat="DELIVRD"),
]

MISSING = [
    case("id and state", "id:7 stat:UNDELIV", id="7", stat="UNDELIV"),
    case("no id", _REST, **_ALL),
    case("no sub, no dlvrd", "id:7 submit date:1 done date:2 stat:X err:0", id="7", sd="1", dd="2", stat="X", err="0"),
    case(
        "no dates",
        "id:7 sub:1 dlvrd:0 stat:EXPIRED err:27 text:",
        id="7",
        sub="1",
        dlvrd="0",
        stat="EXPIRED",
        err="27",
        text="",
    ),
    case("no state", "id:7 sub:0 dlvrd:0 err:500 Text:Hi", id="7", sub="0", dlvrd="0", err="500", text="Hi"),
    case("no err", "id:7 stat:DELIVRD text:Hi", id="7", stat="DELIVRD", text="Hi"),
    case("id alone", "id:2f1f6a52-8b0e", id="2f1f6a52-8b0e"),
    case("one date alone", "submit date:261122135930", sd="261122135930"),
    case(
        "state without key",
        "id:7 done date:2611221401 UNDELIV err:021 text:",
        id="7",
        dd="2611221401",
        err="021",
        text="",
        word="UNDELIV",
    ),
    case("state alone", "DELIVRD", word="DELIVRD"),
    case("words behind err", "id:7 stat:DELIVRD err:000 see you soon", id="7", stat="DELIVRD", err="000"),
    case("misspelt keys", "i:7 su:1 dlvr:1 submit dat:1 one date:2 sat:X rr:0 txt:Hi"),
    case("keys that end in keys", "myid:1 user_id:2 x-id:3 xstat:A substat:B id:7", id="7"),
    case(
        "vendor keys between",
        "id:7 mccmnc:20801 dlvrd:1 ref:xy stat:DELIVRD err:0 price:0.02",
        id="7",
        dlvrd="1",
        stat="DELIVRD",
        err="0",
    ),
    case(
        "empty values",
        "id: sub: dlvrd: submit date: done date: stat: err: text:",
        id="",
        sub="",
        dlvrd="",
        sd="",
        dd="",
        stat="",
        err="",
        text="",
    ),
    case("empty done date", "id:7 done date: stat:ENROUTE", id="7", dd="", stat="ENROUTE"),
]

GLUED = [
    case(
        "everything",
        "id:7sub:001dlvrd:001submit date:2611221359done date:2611221401stat:DELIVRDerr:000text:Hi",
        id="7",
        **_ALL,
        text="Hi",
    ),
    case("dates", "id:7 submitdate:2611221359donedate:2611221401 stat:DELIVRD", id="7", **_DATES, stat="DELIVRD"),
    case("state and err", "id:7 stat:UNDELIVerr:017 text:Hi", id="7", stat="UNDELIV", err="017", text="Hi"),
    case("text", "id:7 stat:DELIVRD err:000text:id:9", id="7", stat="DELIVRD", err="000", text="id:9"),
    case("no word is a key", "id:7 junksub:1 dlvrd:1 stat:DELIVRD", id="7", dlvrd="1", stat="DELIVRD"),
    case("id behind a state", "stat:DELIVRDid:7", stat="DELIVRD", id="7"),
    case(
        "commas",
        "id:7,sub:001,dlvrd:001,stat:DELIVRD,err:000,text:a, b",
        id="7",
        sub="001",
        dlvrd="001",
        stat="DELIVRD",
        err="000",
        text="a, b",
    ),
    case("commas and blanks", "id:7, stat:DELIVRD, err:000, text:a", id="7", stat="DELIVRD", err="000", text="a"),
    case("semicolons", "id:7;stat:DELIVRD;err:000", id="7", stat="DELIVRD", err="000"),
    case("bars", "id:7|stat:DELIVRD|err:000", id="7", stat="DELIVRD", err="000"),
    case("ampersands", "id:7&stat:DELIVRD&err:000", id="7", stat="DELIVRD", err="000"),
]

NAMES = [
    case("msgid", "msgid:7 stat:DELIVRD", id="7", stat="DELIVRD"),
    case("message_id", "message_id:7 stat:DELIVRD", id="7", stat="DELIVRD"),
    case("message id", "Message ID:7 stat:DELIVRD", id="7", stat="DELIVRD"),
    case("smsid", "smsid:7 status:EXPIRED error code:12", id="7", stat="EXPIRED", err="12"),
    case("submitdate", "id:7 submitdate:1 donedate:2", id="7", sd="1", dd="2"),
    case("submit_date", "id:7 submit_date:1 done_date:2", id="7", sd="1", dd="2"),
    case("sub date", "id:7 subdate:1 done time:2", id="7", sd="1", dd="2"),
    case("the specification's name wins", "id:7 status:OK stat:DELIVRD", id="7", stat="DELIVRD"),
    case("blank before the colon", "id :7 stat : DELIVRD err : 1", id="7", stat="DELIVRD", err="1"),
    case(
        "blank behind the colon",
        "id: 7 sub: 001 submit date: 2611221359 stat: DELIVRD",
        id="7",
        sub="001",
        sd="2611221359",
        stat="DELIVRD",
    ),
    case(
        "equals signs",
        "id=7 sub=001 stat=DELIVRD err=000 text=a=b",
        id="7",
        sub="001",
        stat="DELIVRD",
        err="000",
        text="a=b",
    ),
]

VALUES = [
    *[
        case(f"err {err}", f"id:7 stat:UNDELIV err:{err} text:", id="7", stat="UNDELIV", err=err, text="")
        for err in (
            "0",
            "000",
            "0000",
            "27",
            "1001",
            "00C",
            "4A6",
            "21b",
            "0x0B",
            "ESME_RTHROTTLED",
            "E_NETWORK",
            "null",
            "nul",
            "...",
            "-1",
            "xxx",
        )
    ],
    *[
        case(f"state {stat}", f"id:7 stat:{stat} err:0", id="7", stat=stat, err="0")
        for stat in ("buffered", "BuFfErEd", "FAILED", "0", "00", "2", "DNDNumber", "UNDELVRD", "FOOBAR")
    ],
    *[
        case(
            f"date {date}",
            f"id:7 submit date:{date} done date:{date} stat:DELIVRD",
            id="7",
            sd=date,
            dd=date,
            stat="DELIVRD",
        )
        for date in (
            "2611221359",
            "261122135930",
            "202611221359",
            "20261122135930",
            "261122135930004+",
            "0000000000",
            "000000000000",
            "2026-11-22T13:59:30Z",
            "2026-11-22 13:59:30",
            "2026/11/22 13:59",
            "22/11/2026 13:59:30",
            "22-Nov-2026 13:59",
            "11/22/2026 1:59 PM",
            "20261122 135930",
            "1795355966000",
            "2026",
            "n/a",
        )
    ],
    case("counts", "id:7 sub:0 dlvrd:28 stat:UNDELIV", id="7", sub="0", dlvrd="28", stat="UNDELIV"),
    case("dots", "id:7 sub:... dlvrd:... stat:FAILED", id="7", sub="...", dlvrd="...", stat="FAILED"),
    case("explained state", "id:7 stat:FAILED:Abs. subscr. err:6 text:", id="7", stat="FAILED:Abs.", err="6", text=""),
]

TEXTS = [
    case("none", "id:7 stat:DELIVRD text:none      ", id="7", stat="DELIVRD", text="none"),
    case(
        "keys of its own",
        "id:7 stat:DELIVRD text:call 10:30 id:9 stat:UNDELIV",
        id="7",
        stat="DELIVRD",
        text="call 10:30 id:9 stat:UNDELIV",
    ),
    case(
        "an id of its own",
        "stat:DELIVRD err:000 text:id:666 stat:UNDELIV",
        stat="DELIVRD",
        err="000",
        text="id:666 stat:UNDELIV",
    ),
    case("an id behind a blank", "stat:DELIVRD err:000 text: id:666", stat="DELIVRD", err="000", text="id:666"),
    case(
        "known keys behind a blank",
        "id:7 stat:DELIVRD err:0 text: stat:UNDELIV",
        id="7",
        stat="DELIVRD",
        err="0",
        text="stat:UNDELIV",
    ),
    case("an id behind an empty text", "err:000 text: stat:DELIVRD id:666", err="000", text="", stat="DELIVRD"),
    case("text first", "text:Hello id:666 stat:DELIVRD", text="Hello id:666 stat:DELIVRD"),
    case("signs", "id:7 stat:DELIVRD text:@$#!%&/:", id="7", stat="DELIVRD", text="@$#!%&/:"),
    case("accents", "id:7 stat:DELIVRD text:[été]Mã 42.", id="7", stat="DELIVRD", text="[été]Mã 42."),
    case("binary", "id:7 stat:DELIVRD text:\x04\x1f\x04@", id="7", stat="DELIVRD", text="\x04\x1f\x04@"),
    case("line breaks", "id:7 stat:DELIVRD text:a\r\nb\n", id="7", stat="DELIVRD", text="a\r\nb"),
    case("blank before it", "id:7 stat:DELIVRD text: Hi there", id="7", stat="DELIVRD", text="Hi there"),
]

AROUND = [
    case("addresses", "4790000001SMSAlert^id:7 stat:DELIVRD err: text:", id="7", stat="DELIVRD", err="", text=""),
    case("address and hash", "33600000001#id:7 stat:DELIVRD", id="7", stat="DELIVRD"),
    case("address glued", "33600000001id:7 stat:DELIVRD", id="7", stat="DELIVRD"),
    case("name", "XMS=id:7 stat:DELIVRD", id="7", stat="DELIVRD"),
    case("user data header", "\x05\x00\x03\x2a\x02\x01id:7 stat:DELIVRD", id="7", stat="DELIVRD"),
    case("byte order mark", "\ufeffid:7 stat:DELIVRD", id="7", stat="DELIVRD"),
    case("blanks", "  \r\n id:7   stat:DELIVRD\t\terr:000  ", id="7", stat="DELIVRD", err="000"),
    case("line breaks between", "id:7\nstat:DELIVRD\r\nerr:000", id="7", stat="DELIVRD", err="000"),
    case("tabs", "id:7\tsubmitdate:1\tstat:UNDELIV\terr:058", id="7", sd="1", stat="UNDELIV", err="058"),
    case(
        "odd blanks", "id:7\u00a0stat:DELIVRD\u2028err:000\u0085text:Hi", id="7", stat="DELIVRD", err="000", text="Hi"
    ),
    case("NUL at the end", "id:7 stat:DELIVRD err:000\0", id="7", stat="DELIVRD", err="000"),
    case(
        "NULs and what was behind", "id:7 stat:DELIVRD err:000\0\x04\x27\0\x01\x02", id="7", stat="DELIVRD", err="000"
    ),
    case("NUL behind the text", "id:7 stat:DELIVRD text:Hi\0\0", id="7", stat="DELIVRD", text="Hi"),
    case("quotes", '"id:7 stat:DELIVRD text:Hi"', id="7", stat="DELIVRD", text="Hi"),
    case("Python bytes", "b'id:7 stat:DELIVRD text:Hi'", id="7", stat="DELIVRD", text="Hi"),
    case("Python escapes", r"b'id:7 stat:DELIVRD err:000\x00'", id="7", stat="DELIVRD", err="000"),
    case("plus signs", f"id:7+{_REST.replace(' ', '+')}+text:a+b++", id="7", **_ALL, text="a b"),
    case(
        "percent signs", "id%3A7+stat%3ADELIVRD+err%3A000+text%3A50%25", id="7", stat="DELIVRD", err="000", text="50%"
    ),
    case("percent blanks", "id:7%20stat:DELIVRD%20text:a%20b", id="7", stat="DELIVRD", text="a b"),
    case("a plus in an id is no blank", "id:a+b stat:DELIVRD", id="a+b", stat="DELIVRD"),
    case("UCS-2", "".join("\0" + c for c in "id:7 stat:DELIVRD text:Hi"), id="7", stat="DELIVRD", text="Hi"),
    case("UCS-2, marked", "\xfe\xff" + "".join("\0" + c for c in "id:7 stat:DELIVRD"), id="7", stat="DELIVRD"),
    case("UCS-2, other order", "".join(c + "\0" for c in "id:7 stat:DELIVRD"), id="7", stat="DELIVRD"),
    case("octets taken for UCS-2", b"id:7 stat:DELIVRD ".decode("utf-16-be"), id="7", stat="DELIVRD"),
    case("hexadecimal", b"id:7 stat:DELIVRD text:Hi".hex(), id="7", stat="DELIVRD", text="Hi"),
    case("hexadecimal dump", b"id:7 stat:DELIVRD".hex(" ").upper(), id="7", stat="DELIVRD"),
]

TABLES = [
    case(
        "Vodafone",
        "00,2611221401,2611221359,,33600000001,3670000,w2e4",
        id="w2e4",
        stat="00",
        dd="2611221401",
        sd="2611221359",
        err="",
    ),
    case(
        "Vodafone, quoted",
        '"00","2611221401","2611221359","","33600000001","3670000","w2e4"',
        id="w2e4",
        stat="00",
        dd="2611221401",
        sd="2611221359",
        err="",
    ),
    case(
        "Vodafone, error",
        "01,2611221401,2611221359,30,33600000001,3670000,w2e4",
        id="w2e4",
        stat="01",
        dd="2611221401",
        sd="2611221359",
        err="30",
    ),
    case(
        "Vodafone, no id",
        "02,2611221401,2611221359,5,33600000001,3670000",
        stat="02",
        dd="2611221401",
        sd="2611221359",
        err="5",
    ),
    case(
        "values of the specification", "7,001,001,2611221359,2611221401,DELIVRD,000,a, b", id="7", **_ALL, text="a, b"
    ),
    case("and semicolons", "7;001;001;2611221359;2611221401;DELIVRD;000", id="7", **_ALL),
]

LOGS = [
    case(
        "Jasmin, report",
        "2026-11-22 14:01:00 INFO 926 DLR [cid:c1] [smpp-msgid:7] [status:UNDELIV] [submit date:2611221359] "
        "[done date:2611221401] [sub/dlvrd messages:001/000] [err:058] [content:'id:666 stat:DELIVRD']",
        id="7", stat="UNDELIV", **_DATES, sub="001", dlvrd="000", err="058",
    ),
    case(
        "Jasmin, to the client",
        "2026-11-22 14:01:00 INFO 11 DELIVER_SM [uid:u1] [from:892] [to:888] [content:id:7 stat:EXPIRED err:030].",
        id="7", stat="EXPIRED", err="030",
    ),
    case(
        "Jasmin, quoted",
        "2026-11-22 14:01:00 INFO 11 DELIVER_SM [uid:u1] [content:b'id:7 stat:EXPIRED err:030']",
        id="7", stat="EXPIRED", err="030",
    ),
    case(
        "Kannel",
        "2026-11-22 14:01:00 FAILED Receive DLR [SMSC:s] [SVC:] [FID:] [from:A] [to:+336] [flags:-1:0:-1:0:-1] "
        "[msg:32:id:7 stat:DELIVRD err:000 text:]] [udh:6:050003840101]",
        id="7", stat="DELIVRD", err="000", text="]",
    ),
    case(
        "Kannel, shortened by who quoted it",
        "FAILED Receive DLR [SMSC:s] [FID:] [msg:126:id:7 stat:DELIVRD err:000 text:] [udh:0:]",
        id="7",
        stat="DELIVRD",
        err="000",
        text="",
    ),
    case("a list", "[33600000001: id:7 stat:DELIVRD err:000]", id="7", stat="DELIVRD", err="000]"),
]  # fmt: skip

EQUALS = [
    case("equals", "id=7 sub=001 stat=UNDELIV err=27 text=Hi", id="7", sub="001", stat="UNDELIV", err="27", text="Hi"),
    case("a query", "id=7&sub=001&stat=DELIVRD&err=000", id="7", sub="001", stat="DELIVRD", err="000"),
    case("semicolons", "id=7;done_date=1;stat=DELIVRD;text=a;b", id="7", dd="1", stat="DELIVRD", text="a;b"),
    case("commas", "id=7,stat=DELIVRD,err=000", id="7", stat="DELIVRD", err="000"),
    case("a sign in an id", "id=a=b&stat=DELIVRD", id="a=b", stat="DELIVRD"),
    case("a key in the text", "stat=DELIVRD err=0 text=Hi id: 8", stat="DELIVRD", err="0", text="Hi id: 8"),
    case("both signs", "stat:DELIVRD text=Hi id:8", stat="DELIVRD", text="Hi id:8"),
    case("both signs, the other way", "stat=DELIVRD text:Hi id=8", stat="DELIVRD", text="Hi id=8"),
    case("something before", "queue id=3 id:7 sub:001 stat:DELIVRD", id="7", sub="001", stat="DELIVRD"),
]

NOTHING = [
    "",
    " ",
    "\0",
    "\0\0\0\0\0\0\0\0\0",
    ":::",
    "hello there",
    "Your identity is known",
    "identity:x",
    "ACK/",
    "\x01\x02",
    "é" * 9,
]

CASES = [*ORDER, *MISSING, *GLUED, *NAMES, *VALUES, *TEXTS, *AROUND, *TABLES, *LOGS, *EQUALS]
