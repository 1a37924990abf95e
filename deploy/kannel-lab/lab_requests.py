"""The sendsms requests of the lab: every scenario of the test centre, and what makes logs hard to read."""

from __future__ import annotations

LONG = (
    "Nordshop news: your order %d was split into two parcels because one article is on back order. The first one "
    "leaves our warehouse today, the second one follows next week. You will get a message for each. Questions? "
)
REQUESTS: list[dict[str, str]] = []


def _add(smsc: str, sender: str, recipient: str, text: str, mask: int | None = 31, **more: str) -> None:
    request = {"username": "web", "smsc": smsc, "from": sender, "to": recipient, "text": text}
    if mask is not None:
        request["dlr-mask"] = str(mask)
    request.update({name.replace("_", "-"): value for name, value in more.items()})
    if "charset" not in request and "coding" not in request:
        request["charset"] = "UTF-8"
    REQUESTS.append(request)


def _to(serial: int, scenario: int) -> str:
    """A recipient of its own, ending in the two digits of the scenario."""
    return f"+346{20 + serial // 100:02d}{serial:03d}0{scenario:02d}"


_SERIAL = iter(range(100, 1000))

for _smsc in ("ALPHA", "BETA", "GAMMA", "DELTA", "ZETA"):
    for _scenario in (10, 11, 12, 14, 15, 19):
        _n = next(_SERIAL)
        _add(_smsc, "NORDSHOP", _to(_n, _scenario), f"Table for 2 booked, ref {_n}")

for _scenario in (13, 16, 17, 18, 20, 21, 22, 23, 24):
    _n = next(_SERIAL)
    _add("ALPHA", "+34600111222", _to(_n, _scenario), f"{_n}00 is your Fjordbank code")

for _smsc, _mask in (("ALPHA", 0), ("ALPHA", 19), ("BETA", 8), ("GAMMA", 3)):
    _n = next(_SERIAL)
    _add(_smsc, "38100", _to(_n, 10), f"mask {_mask} for {_n}", _mask, username="crm")
for _mask in (0, 4, 8, 19):
    _n = next(_SERIAL)
    _add("ALPHA", "38100", _to(_n, 20), f"refused with mask {_mask}, {_n}", _mask)

_add("ALPHA", "Fjord Bank", _to(next(_SERIAL), 10), "x] [FID:123] [to:1] [udh:0:]")
_add("GAMMA", "Fjord Bank", _to(next(_SERIAL), 10), "stat:DELIVRD id:2100023063 text:[udh:0:]")
_add("BETA", "Fjord Bank", _to(next(_SERIAL), 10), "Hola François, tu pedido nº8 está listo: 8,90 €")
_add("ALPHA", "38100", _to(next(_SERIAL), 12), "Γειά σου Søren", coding="2", charset="UTF-8")
_add("ALPHA", "Fjord Bank", _to(next(_SERIAL), 10), "two\nlines and a tab\t.")
_add(
    "ALPHA",
    "NORDSHOP",
    _to(next(_SERIAL), 10),
    "campaign",
    meta_data="?smpp?campaign_ref=xmas+26&x=%5D%20%5B",
)
_add("ALPHA", "NORDSHOP", _to(next(_SERIAL), 10), "billed", binfo="N0001", account="north-1")

for _smsc in ("ALPHA", "GAMMA", "BETA"):
    _n = next(_SERIAL)
    _add(_smsc, "NORDSHOP", _to(_n, 10), (LONG % _n) * 2)
for _smsc, _scenario, _mask in (("ALPHA", 25, 31), ("ALPHA", 25, 0), ("GAMMA", 26, 31), ("ALPHA", 26, 31)):
    _n = next(_SERIAL)
    _add(_smsc, "NORDSHOP", _to(_n, _scenario), (LONG % _n) * 2, _mask)

_n = next(_SERIAL)
for _header, _half in (("%05%00%03%2A%02%01", "first half "), ("%05%00%03%2A%02%02", "second half")):
    _add(
        "GAMMA",
        "38100",
        _to(_n, 10),
        f"{_half}{_n}",
        udh=bytes.fromhex(_header.replace("%", "")).decode("latin-1"),
    )
_n = next(_SERIAL)
for _header in ("060804012B0201", "060804012B0202"):
    _add("ALPHA", "38100", _to(_n, 25), f"piece of {_n}", udh=bytes.fromhex(_header).decode("latin-1"))

for _n in range(3):
    _add("GAMMA", "NORDSHOP", "+34699100010", f"same numbers, message {_n}")
for _n, _scenario in enumerate((27, 10, 12)):
    _add("OMEGA", "NORDSHOP", f"+3469920{_n}0{_scenario}", f"{_n} of 3, id beyond 63 bits")
_add("OMEGA", "NORDSHOP", "+34699200027", "4 of 3, to the first one")

for _n in range(3):
    _add("FAKE", "100", f"20{_n}", f"through the fake centre {_n}")
_add("NOWHERE", "38100", _to(next(_SERIAL), 10), "there is no such connection")
