"""A test centre: an SMPP 3.4 SMSC for Kannel to talk to, which does what it is told and writes down the truth.

What happens to a message is told by the last two digits of its recipient (``SCENARIOS``); in which form ids are
written is told by the connection (``IDS``). Standard library only.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER = 0x01, 0x02, 0x09
SUBMIT_SM, DELIVER_SM, UNBIND, ENQUIRE_LINK = 0x04, 0x05, 0x06, 0x15
RESP = 0x80000000
OK, INVALID_DESTINATION, SUBMIT_FAILED, QUEUE_FULL, THROTTLED = 0x0, 0x0B, 0x45, 0x14, 0x58

IDS: dict[str, tuple[int, Callable[[int], str], Callable[[int], str]]] = {
    "ALPHA": (2_100_000_000, str, str),
    "BETA": (0xEB400000, lambda number: f"{number:X}", str),
    "GAMMA": (0x433C0000, lambda number: f"{number:x}", str),
    "DELTA": (700_000_000, str, lambda number: f"{number:X}"),
    "OMEGA": (0x812FC74700000000, lambda number: f"{number:016X}", str),
    "ZETA": (0x00B80000, lambda number: f"{number:08X}", lambda number: f"{number:x}"),
}
"""Connection: first id, how the answer writes it, how the receipt does."""

SCENARIOS: dict[str, dict[str, Any]] = {
    "10": {"receipts": [("DELIVRD", "000", 1.0)]},
    "11": {"receipts": [("ENROUTE", "027", 0.5), ("DELIVRD", "000", 2.0)]},
    "12": {"receipts": [("UNDELIV", "001", 1.0)]},
    "13": {"receipts": [("EXPIRED", "000", 1.5)], "tlv": True},
    "14": {"receipts": [("DELIVRD", "000", 1.0), ("DELIVRD", "000", 1.6)]},
    "15": {"receipts": [("DELIVRD", "000", -1.0)]},
    "16": {"receipts": []},
    "17": {"receipts": [("REJECTD", "00B", 0.7)]},
    "18": {"receipts": [("UNKNOWN", "000", 0.8)], "tlv": True},
    "19": {"receipts": [("ACCEPTD", "000", 0.4), ("DELIVRD", "000", 1.2)], "tlv": True},
    "20": {"answers": [INVALID_DESTINATION]},
    "21": {"answers": [SUBMIT_FAILED]},
    "22": {"answers": [THROTTLED, OK], "receipts": [("DELIVRD", "000", 1.0)]},
    "23": {"answers": [THROTTLED]},
    "24": {"answers": [QUEUE_FULL, OK], "receipts": [("DELIVRD", "000", 1.0)]},
    "25": {"answers": [OK, INVALID_DESTINATION], "by_part": True, "receipts": [("DELIVRD", "000", 1.0)]},
    "26": {"receipts": [("DELIVRD", "000", 1.0)], "unasked": True},
    "27": {"receipts": [("UNDELIV", "006", 3.0)]},
}
"""Recipient's last two digits: answers in turn (the last repeats; ``by_part``: one for each part) and receipts (stat,
err, seconds after the answer, negative before it; ``unasked``: also where none was asked for)."""

_STATES = {"DELIVRD": 2, "EXPIRED": 3, "UNDELIV": 5, "ACCEPTD": 6, "UNKNOWN": 7, "REJECTD": 8, "ENROUTE": 1}


class Centre:
    """One listening port for one connection of Kannel."""

    def __init__(self, name: str, truth: IO[str], numbers: itertools.count[int], clock_hours: int = 0) -> None:
        """``numbers`` counts submits over all connections; ``clock_hours`` shifts the dates in receipts."""
        self.name, self._truth, self._numbers, self._clock_hours = name, truth, numbers, clock_hours
        first, self._answer_form, self._receipt_form = IDS[name]
        self._ids = itertools.count(first + 0x5A17, 0x1F3D)
        self._random = random.Random(name)
        self._tries: dict[tuple[str, str], int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.records: list[dict[str, Any]] = []

    async def serve(self, port: int) -> asyncio.Server:
        """Listen on loopback only."""
        return await asyncio.start_server(self._session, "127.0.0.1", port)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                size, command, _, sequence = struct.unpack(">4I", await reader.readexactly(16))
                body = await reader.readexactly(size - 16)
                if command in (BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER):
                    _send(writer, command | RESP, OK, sequence, b"centre\0")
                elif command == SUBMIT_SM:
                    self._later(self._submit(writer, sequence, body))
                elif command in (ENQUIRE_LINK, UNBIND):
                    _send(writer, command | RESP, OK, sequence, b"")
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _submit(self, writer: asyncio.StreamWriter, sequence: int, body: bytes) -> None:
        message = _read_submit(body)
        scenario = SCENARIOS.get(message["to"][-2:], SCENARIOS["10"])
        key = (message["to"], message["udh"] or message["text"])
        attempt = self._tries[key] = self._tries.get(key, 0) + 1
        turn = message["part"] if scenario.get("by_part") else attempt
        answers = scenario.get("answers", [OK])
        status = answers[min(turn, len(answers)) - 1]
        number = next(self._ids)
        record = {
            "n": next(self._numbers),
            "smsc": self.name,
            "submit_at_ms": _now_ms(),
            "attempt": attempt,
            **message,
            "answer": "ok" if status == OK else f"0x{status:08X}",
            "id_resp": self._answer_form(number) if status == OK else None,
            "id_receipt": self._receipt_form(number) if status == OK else None,
            "receipts": [],
        }
        self.records.append(record)
        await asyncio.sleep(self._random.uniform(0.02, 0.2))
        wanted = status == OK and (message["registered_delivery"] & 0x01 or scenario.get("unasked"))
        receipts = scenario.get("receipts", []) if wanted else []
        for stat, err, delay in receipts:
            if delay < 0:
                self._receipt(writer, record, stat, err, bool(scenario.get("tlv")))
                await asyncio.sleep(-delay)
        record["answer_at_ms"] = _now_ms()
        name = record["id_resp"].encode() if record["id_resp"] else b""
        _send(writer, SUBMIT_SM | RESP, status, sequence, name + b"\0" if status == OK else b"")
        for stat, err, delay in receipts:
            if delay >= 0:
                self._later(self._receipt_after(writer, record, stat, err, delay, bool(scenario.get("tlv"))))

    async def _receipt_after(
        self,
        writer: asyncio.StreamWriter,
        record: dict[str, Any],
        stat: str,
        err: str,
        delay: float,
        tlv: bool,
    ) -> None:
        await asyncio.sleep(delay)
        self._receipt(writer, record, stat, err, tlv)

    def _receipt(self, writer: asyncio.StreamWriter, record: dict[str, Any], stat: str, err: str, tlv: bool) -> None:
        at_ms = _now_ms()
        date = time.strftime("%y%m%d%H%M%S", time.gmtime(at_ms / 1000 + 3600 * self._clock_hours))
        delivered = "001" if stat == "DELIVRD" else "000"
        text = (
            f"id:{record['id_receipt']} sub:001 dlvrd:{delivered} submit date:{date[:10]} done date:{date[:10]} "
            f"stat:{stat} err:{err} text:{record['text'][:20]}"
        )
        record["receipts"].append({"stat": stat, "err": err, "at_ms": at_ms, "text": text})
        body = text.encode("latin-1", "replace")
        extra = b""
        if tlv:
            name = str(record["id_receipt"]).encode() + b"\0"
            extra = struct.pack(">2H", 0x001E, len(name)) + name
            extra += struct.pack(">2HB", 0x0427, 1, _STATES[stat]) + struct.pack(">2HBH", 0x0423, 3, 3, 0)
        addresses = _address(1, record["to"]) + _address(*record["_from"])
        head = b"\0" + addresses + bytes([0x04, 0, 0]) + b"\0\0" + bytes([0, 0, 0, 0, len(body)])
        _send(writer, DELIVER_SM, OK, next(self._numbers) + 100_000, head + body + extra)

    def write_truth(self) -> None:
        """One JSON object for each submit_sm."""
        for record in self.records:
            self._truth.write(json.dumps({k: v for k, v in record.items() if k != "_from"}, ensure_ascii=False) + "\n")


def _send(writer: asyncio.StreamWriter, command: int, status: int, sequence: int, body: bytes) -> None:
    writer.write(struct.pack(">4I", 16 + len(body), command, status, sequence) + body)


def _address(kind: int, number: str) -> bytes:
    return bytes([kind, 1 if kind == 1 else 0]) + number.encode("latin-1", "replace") + b"\0"


def _read_submit(body: bytes) -> dict[str, Any]:
    """The fields of a submit_sm that matter here."""
    at = 0

    def text() -> str:
        nonlocal at
        end = body.index(b"\0", at)
        value, at = body[at:end].decode("latin-1"), end + 1
        return value

    def octet() -> int:
        nonlocal at
        at += 1
        return body[at - 1]

    service_type = text()
    source_kind, _, source = octet(), octet(), text()
    _, _, recipient = octet(), octet(), text()
    esm_class, _, _ = octet(), octet(), octet()
    text(), text()
    registered, _, coding, _, size = octet(), octet(), octet(), octet(), octet()
    data = body[at : at + size]
    header = data[: data[0] + 1] if esm_class & 0x40 and data else b""
    part, parts = (header[-1], header[-2]) if header else (1, 1)
    payload = data[len(header) :]
    return {
        "from": source,
        "_from": (source_kind, source),
        "to": recipient,
        "part": part,
        "parts": parts,
        "udh": header.hex().upper() or None,
        "coding": {8: 2, 4: 1}.get(coding, 0),
        "registered_delivery": registered,
        "service_type": service_type,
        "octets": len(payload),
        "text": payload.decode("utf-16-be" if coding == 8 else "latin-1", "replace"),
    }


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def start(ports: dict[str, int], truth: Path) -> tuple[list[Centre], Callable[[], None]]:
    """Start a test centre for each connection; gives them and what writes the truth at the end."""
    out = truth.open("w", encoding="utf-8")
    numbers = itertools.count(1)
    centres = [Centre(name, out, numbers, 2 if name == "BETA" else 0) for name in ports]
    for centre in centres:
        await centre.serve(ports[centre.name])

    def finish() -> None:
        for centre in centres:
            centre.write_truth()
        out.close()

    return centres, finish
