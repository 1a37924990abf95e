"""Make an access log with a real Kannel: `python run.py OUT [--format FORMAT] [--clean] [--zone TZ]`.

Starts the test centre (smsc.py), Kannel's bearerbox and smsbox and its fake SMSC, all on loopback, sends the
requests of ``lab_requests.py``, waits for the receipts and retries, stops everything, and leaves in OUT:
``access.log``, ``truth.jsonl`` (what the SMSC did), ``requests.jsonl`` (what was sent) and Kannel's own logs.
Needs the Debian packages kannel and kannel-extras, and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import smsc
from lab_requests import REQUESTS

HERE = Path(__file__).resolve().parent
FIRST_PORT = 13_170
FAKE = "/usr/lib/kannel/test/fakesmsc"
WAIT_S = 16.0
MSG_ID_TYPE = {"BETA": "0x01", "OMEGA": "0x01"}


def configuration(out: Path, ports: dict[str, int], access: str) -> str:
    """Kannel's configuration for this run."""
    groups = []
    for name in smsc.IDS:
        lines = [
            "group = smsc",
            "smsc = smpp",
            f"smsc-id = {name}",
            f"allowed-smsc-id = {name}",
            "host = 127.0.0.1",
            f"port = {ports[name]}",
            f"smsc-username = {name.lower()}",
            "smsc-password = lab",
            "transceiver-mode = true",
            'system-type = ""',
        ]
        if name in MSG_ID_TYPE:
            lines.append(f"msg-id-type = {MSG_ID_TYPE[name]}")
        groups.append("\n".join(lines))
    fake = [
        "group = smsc",
        "smsc = fake",
        "smsc-id = FAKE",
        "allowed-smsc-id = FAKE",
        f"port = {ports['FAKE']}",
    ]
    groups.append("\n".join([*fake, "connect-allow-ip = 127.0.0.1"]))
    text = (HERE / "kannel.conf.in").read_text()
    values = {
        "ADMIN": ports["ADMIN"],
        "BOX": ports["BOX"],
        "SEND": ports["SEND"],
        "DIR": out,
        "ACCESS": access,
    }
    for name, value in {**values, "SMSCS": "\n\n".join(groups)}.items():
        text = text.replace(f"@{name}@", str(value))
    return text


async def wait_for(port: int, seconds: float = 15.0) -> None:
    """Until something listens on a port."""
    for _ in range(int(seconds * 10)):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise SystemExit(f"nothing listens on port {port} after {seconds:g} s: see the logs in the output folder")


async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers Kannel's report URLs."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    writer.close()


def send(port: int, request: dict[str, str]) -> str:
    """One sendsms request; gives Kannel's answer."""
    query = urllib.parse.urlencode({"password": "lab", **request}, encoding="utf-8")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/cgi-bin/sendsms?{query}", timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode(errors='replace')}"


async def main() -> None:
    """Run the lab once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--format", help="access-log-format")
    parser.add_argument("--clean", action="store_true", help="access-log-clean")
    parser.add_argument("--zone", default="UTC", help="time zone of Kannel's process")
    options = parser.parse_args()
    out: Path = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    names = [*smsc.IDS, "FAKE", "ADMIN", "BOX", "SEND", "SINK"]
    ports = {name: FIRST_PORT + at for at, name in enumerate(names)}
    access = "\n".join(
        ([f'access-log-format = "{options.format}"'] if options.format else [])
        + (["access-log-clean = true"] if options.clean else [])
    )
    (out / "kannel.conf").write_text(configuration(out, ports, access or "# Kannel's own format"))
    _, write_truth = await smsc.start({name: ports[name] for name in smsc.IDS}, out / "truth.jsonl")
    await asyncio.start_server(sink, "127.0.0.1", ports["SINK"])
    environment = {**os.environ, "TZ": options.zone}
    running: list[subprocess.Popen[bytes]] = []

    def run(*command: str) -> None:
        with (out / f"{Path(command[0]).name}.out").open("wb") as log:
            running.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))

    try:
        run("bearerbox", str(out / "kannel.conf"))
        await wait_for(ports["BOX"])
        await wait_for(ports["FAKE"])
        run(FAKE, "-H", "127.0.0.1", "-r", str(ports["FAKE"]), "-i", "0.1", "-m", "1", "100 200 text nop")
        run("smsbox", str(out / "kannel.conf"))
        await wait_for(ports["SEND"])
        await asyncio.sleep(1.5)
        with (out / "requests.jsonl").open("w") as log:
            for at, request in enumerate(REQUESTS):
                request = dict(request)
                if "dlr-mask" in request:
                    request["dlr-url"] = f"http://127.0.0.1:{ports['SINK']}/dlr?msgid=req-{at}&type=%d"
                answer = await asyncio.to_thread(send, ports["SEND"], request)
                log.write(json.dumps({"request": at, **request, "answer": answer}, ensure_ascii=False) + "\n")
                await asyncio.sleep(0.05)
        await asyncio.sleep(WAIT_S)
    finally:
        for process in reversed(running):
            process.terminate()
        for process in reversed(running):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
        write_truth()


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    asyncio.run(main())
