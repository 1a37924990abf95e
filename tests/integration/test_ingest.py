"""The ingest endpoint on the embedded broker: what it takes, what it refuses, what it writes, how it ends."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.events import DEAD_LETTER, DELIVERY_REPORT, PROVIDER_RECEIPT
from streams.kafka import topic_admin
from streams.kafka.embedded import EmbeddedBroker
from tests.ingesting import CONFIG, SECRET, Ingest, ingesting, records
from tests.integration.terminals import run


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedBroker(tmp_path_factory.mktemp("broker")) as running:
        results = topic_admin.create({"bootstrap.servers": running.bootstrap}, partitions=3)
        assert not topic_admin.exit_code(results)
        yield running.bootstrap


@pytest.fixture(scope="module")
def ingest(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingest]:
    with ingesting(broker, tmp_path_factory.mktemp("ingest"), refused_per_second=1_000) as running:
        yield running


@pytest.fixture
def mark(request: pytest.FixtureRequest) -> str:
    """A word that is in everything that one test sends, and in nothing else."""
    return "mark" + hashlib.sha256(request.node.name.encode()).hexdigest()[:12]


def report(mark: str, **more: object) -> str:
    one = {"messageId": f"ib-{mark}", "status": {"name": "DELIVERED_TO_HANDSET"}, "callbackData": f"ours-{mark}"}
    return json.dumps({"results": [one | more]})


def written(broker: str, topic: str, mark: str) -> list[tuple[str, dict[str, Any]]]:
    """What a test wrote: key and fields."""
    return [
        (key, row)
        for key, _, row in records(broker, topic)
        if mark in key or mark.encode() in (row.get("value") or b"")
    ]


# ---- what is taken -----------------------------------------------------------------------------------------------


def test_a_report_with_our_id_goes_to_the_delivery_reports_and_one_without_to_the_receipts(
    ingest: Ingest, broker: str, mark: str
) -> None:
    before = time.time_ns() // 1_000_000
    assert ingest.post("/receipts/borealis", report(mark)).told == {"result": "stored", "events": 1, "others": []}
    form = f"MessageSid={mark}&MessageStatus=undelivered&ErrorCode=30005"
    assert ingest.post("/receipts/aurora", form, Authorization=f"Bearer {SECRET}").status == 204
    ((key, told),) = written(broker, DELIVERY_REPORT, mark)
    assert key == f"ours-{mark}"
    assert (told["message_id"], told["account"], told["provider"]) == (key, "acme", "borealis")
    assert (told["code"], told["provider_message_id"]) == ("DELIVERED_TO_HANDSET", f"ib-{mark}")
    assert before <= told["received_at_ms"] <= time.time_ns() // 1_000_000
    ((key, told),) = written(broker, PROVIDER_RECEIPT, mark)
    assert key == f"aurora:{mark}"
    assert (told["code"], told["err"], told["provider"]) == ("undelivered", "30005", "aurora")
    assert ingest.metric('sms_ingest_events_total{provider="aurora",status="failed"}') >= 1


def test_a_call_with_a_query_string_is_a_report_and_the_vendor_hears_what_it_wants(
    ingest: Ingest, broker: str, mark: str
) -> None:
    answer = ingest.call("GET", f"/webhooks/dart/?messageid={mark}&status=10")
    assert (answer.status, answer.body) == (200, b"000")
    assert [key for key, _ in written(broker, PROVIDER_RECEIPT, mark)] == [f"dart:{mark}"]


def test_the_secret_in_a_query_string_gets_into_no_topic_and_no_log(ingest: Ingest, broker: str, mark: str) -> None:
    token = SECRET.replace(" ", "+")
    assert ingest.call("GET", f"/receipts/aurora?token={token}&MessageSid={mark}&MessageStatus=sent").status == 204
    assert ingest.call("GET", f"/receipts/aurora?token={token}&nothing={mark}").status == 422
    assert ingest.call("GET", f"/receipts/aurora?token=x{token}&MessageSid={mark}").status == 401
    letters = [letter for _, letter in written(broker, DEAD_LETTER, mark)]
    assert sorted(letter["reason"] for letter in letters) == ["bad_signature", "unknown_body"]
    assert all(b"secret" not in letter["value"] and b"token" not in letter["value"] for letter in letters)
    assert SECRET not in ingest.text()


def test_a_batch_is_stored_with_what_it_has_and_the_rest_is_put_aside(ingest: Ingest, broker: str, mark: str) -> None:
    batch = json.loads(report(mark))
    batch["results"] += [{"messageId": "ib-2"}, {"messageId": f"{mark}-3", "status": {"name": "X"}}]
    told = ingest.post("/receipts/borealis", json.dumps(batch)).told
    assert told == {"result": "stored", "events": 2, "others": ["bad_record"]}
    assert len(written(broker, DELIVERY_REPORT, mark)) == 1
    assert [(key, row["code"]) for key, row in written(broker, PROVIDER_RECEIPT, mark)] == [(f"borealis:{mark}-3", "X")]
    ((_, letter),) = written(broker, DEAD_LETTER, mark)
    assert letter["value"] == json.dumps(batch).encode()
    assert letter["detail"].startswith("record 2: no status")


def test_keys_are_partitioned_as_java_does(ingest: Ingest, broker: str) -> None:
    """The hashes are from the tests of Kafka's own ``Utils.murmur2``."""
    hashes = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536}
    for name in hashes:
        assert ingest.post("/receipts/borealis", report("x", callbackData=name)).status == 200
    found = {key: partition for key, partition, _ in records(broker, DELIVERY_REPORT) if key in hashes}
    assert found == {name: (value & 0x7FFFFFFF) % 3 for name, value in hashes.items()}


# ---- what is not -------------------------------------------------------------------------------------------------


def test_what_is_no_report_is_answered_yes_and_put_aside(ingest: Ingest, broker: str, mark: str) -> None:
    inbound = {"results": [{"messageId": mark, "from": "336", "text": "Hi", "receivedAt": "2026-03-02T10:00:00Z"}]}
    told = ingest.post("/receipts/borealis", json.dumps(inbound)).told
    assert told == {"result": "not_a_report", "events": 0, "others": ["inbound message"]}
    ((_, letter),) = written(broker, DEAD_LETTER, mark)
    assert (letter["reason"], letter["detail"], letter["source"]) == (
        "not_a_report",
        "inbound message",
        "ingest: borealis",
    )


def test_a_summary_of_many_messages_is_put_aside(broker: str, tmp_path: Path, mark: str) -> None:
    config = '[providers.sinch]\ndialect = "sinch"\n[receipts.sinch]\nauth = "none"\n'
    body = {
        "type": "delivery_report_sms",
        "batch_id": mark,
        "statuses": [{"code": 0, "status": "Delivered", "count": 3}],
    }
    with ingesting(broker, tmp_path, config) as ingest:
        told = ingest.post("/receipts/sinch", json.dumps(body)).told
    assert told == {"result": "summary_report", "events": 0, "others": ["summary_report"]}
    assert written(broker, PROVIDER_RECEIPT, mark) == []
    assert len(written(broker, DEAD_LETTER, mark)) == 1


@pytest.mark.parametrize(
    "body", ["%s", "{%s", "[[[[%s", "<!DOCTYPE a><a>%s</a>", '{"results": [{"a": "%s"}]}', "\x00\xff%s"]
)
def test_a_body_nobody_knows_is_refused_and_put_aside(ingest: Ingest, broker: str, mark: str, body: str) -> None:
    sent = body.replace("%s", mark).encode("latin-1")
    answer = ingest.post("/receipts/borealis", sent)
    assert answer.status == 422
    assert answer.told["kept"]
    ((_, letter),) = written(broker, DEAD_LETTER, mark)
    assert letter["value"] == sent
    assert letter["reason"] in ("bad_body", "unknown_body")


def test_an_empty_body_is_refused(ingest: Ingest) -> None:
    assert ingest.post("/receipts/borealis", b"").status == 422


def test_an_unknown_provider_is_refused_and_put_aside(ingest: Ingest, broker: str, mark: str) -> None:
    answer = ingest.post("/receipts/nobody", mark)
    assert (answer.status, answer.told["result"]) == (404, "unknown_vendor")
    ((_, letter),) = written(broker, DEAD_LETTER, mark)
    assert (letter["reason"], letter["value"]) == ("unknown_vendor", mark.encode())


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic !!"}])
def test_without_the_secret_nothing_is_taken(ingest: Ingest, broker: str, mark: str, headers: dict[str, str]) -> None:
    answer = ingest.call("POST", "/receipts/aurora", f"MessageSid={mark}&MessageStatus=delivered", headers)
    assert (answer.status, answer.told["result"]) == (401, "bad_signature")
    assert "www-authenticate" in answer.headers
    assert written(broker, PROVIDER_RECEIPT, mark) == []


def test_size_rate_patience_and_what_strangers_send_are_bounded(broker: str, tmp_path: Path, mark: str) -> None:
    config = CONFIG.replace("requests_per_second = 100000", "requests_per_second = 0.1")
    bounds: Any = {"max_body_bytes": 1_000, "body_timeout": "300ms", "refused_per_second": 0.1}
    with ingesting(broker, tmp_path, config, **bounds) as ingest:
        assert ingest.post("/receipts/borealis", "x" * 1_001).status == 413
        with socket.create_connection(("127.0.0.1", ingest.port)) as slow:
            slow.sendall(b"POST /receipts/borealis HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
            assert b" 408 " in slow.recv(1_000)
        with socket.create_connection(("127.0.0.1", ingest.port)) as endless:
            endless.sendall(b"POST /receipts/borealis HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            endless.sendall(b"200\r\n" + b"y" * 512 + b"\r\n" + b"200\r\n" + b"y" * 512 + b"\r\n")
            assert b" 413 " in endless.recv(1_000)
        with socket.create_connection(("127.0.0.1", ingest.port), timeout=10) as silent:
            assert silent.recv(1_000) == b""
        with socket.create_connection(("127.0.0.1", ingest.port), timeout=10) as dripping:
            dripping.sendall(b"POST /receipts/borealis HTTP/1.1\r\nHost: x\r\nX-A: ")
            assert dripping.recv(1_000) == b""
        with socket.create_connection(("127.0.0.1", ingest.port), timeout=10) as boundless:
            boundless.sendall(b"POST /receipts/borealis HTTP/1.1\r\nHost: x\r\n" + b"X-A: y\r\n" * 10_000)
            assert b" 400 " in boundless.recv(1_000)
        answers = [ingest.post("/receipts/borealis", report(mark)) for _ in range(10)]
        assert {answer.status for answer in answers} == {200, 429}
        assert next(answer for answer in answers if answer.status == 429).headers["retry-after"]
        assert ingest.post("/receipts/dart", f"status=10&messageid={mark}").status == 200  # a flood is its sender's own
        kept = [ingest.post(f"/receipts/stranger{n}", f"{mark}={n}").told["kept"] for n in range(10)]
        assert kept[0]
        assert not all(kept)
        assert len(written(broker, DEAD_LETTER, mark)) == sum(kept)
        assert ingest.metric("sms_ingest_not_kept_total") == 10 - sum(kept)
        assert 'provider="stranger' not in ingest.call("GET", "/metrics").body.decode()


def test_a_vendor_that_tries_the_address_hears_yes(ingest: Ingest) -> None:
    assert ingest.call("GET", "/receipts/borealis").told["result"] == "nothing"
    assert ingest.call("HEAD", "/receipts/borealis").status == 200
    assert ingest.call("POST", "/receipts/borealis").told["kept"] is False


def test_a_signature_covers_the_address_that_the_vendor_called(broker: str, tmp_path: Path, mark: str) -> None:
    config = f'[providers.twilio]\ndialect = "twilio"\n[receipts.twilio]\nsecret = "{SECRET}"\n'
    url = "https://reports.example.com/receipts/twilio?a=1"
    text = f"{url}MessageSid{mark}MessageStatusdelivered"
    signature = base64.b64encode(hmac.new(SECRET.encode(), text.encode(), "sha1").digest()).decode()
    with ingesting(broker, tmp_path, config, public_url="https://reports.example.com/") as ingest:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
        body = f"MessageSid={mark}&MessageStatus=delivered"
        assert ingest.call("POST", "/receipts/twilio?a=1", body, headers).status == 204
        assert ingest.call("POST", "/receipts/twilio?a=2", body, headers).status == 401
        assert ingest.call("POST", "/receipts/twilio?a=1", body.replace("delivered", "failed"), headers).status == 401
    assert len(written(broker, PROVIDER_RECEIPT, mark)) == 1


def test_other_methods_and_paths_are_refused(ingest: Ingest) -> None:
    assert ingest.call("DELETE", "/receipts/borealis").status == 405
    assert ingest.call("GET", "/receipts/").status == 404
    assert ingest.call("GET", "/../../etc/passwd").status == 404


# ---- a flood, and the end ----------------------------------------------------------------------------------------


def test_a_flood_of_good_and_bad_bodies_loses_nothing_that_was_answered_yes(ingest: Ingest, broker: str) -> None:
    lots = random.Random(7)
    statuses: list[int] = []
    yes: list[str] = []

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", ingest.port)
        good = lots.random() < 0.7
        name = f"flood-{number}"
        body = json.dumps({"results": [{"messageId": name, "status": {"name": "X"}, "callbackData": name}]}).encode()
        if not good:
            cut = lots.randrange(len(body))
            body = body[:cut] + lots.randbytes(5) + body[cut + lots.randrange(20) :]
        head = (
            f"POST /receipts/borealis HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        status = int((await reader.readline()).split()[1])
        await reader.read()
        writer.close()
        statuses.append(status)
        if good and status == 200:
            yes.append(name)

    async def all_of_them() -> None:
        for begin in range(0, 2_000, 200):
            await asyncio.gather(*(one(number) for number in range(begin, begin + 200)))

    asyncio.run(all_of_them())
    assert set(statuses) <= {200, 422}
    stored = {key for key, _, _ in records(broker, DELIVERY_REPORT)}
    assert len(yes) > 1_000
    assert set(yes) <= stored
    assert ingest.call("GET", "/health").status == 200
    assert "Traceback" not in ingest.text()


def test_an_orderly_end_finishes_what_has_come(broker: str, tmp_path: Path, mark: str) -> None:
    answers: list[int] = []
    started = threading.Event()

    def sending() -> None:
        for number in range(400):
            try:
                answers.append(endpoint.post("/receipts/borealis", report(f"{mark}-{number}")).status)
            except OSError:
                return
            if number == 20:
                started.set()

    with ingesting(broker, tmp_path) as endpoint:
        thread = threading.Thread(target=sending)
        thread.start()
        started.wait(20)
        assert endpoint.stop() == 0
        thread.join()
        assert "Traceback" not in endpoint.text()
    assert set(answers) == {200}
    assert len(written(broker, DELIVERY_REPORT, mark)) >= len(answers)


def test_what_was_put_aside_is_read_again_once_it_is_understood(broker: str, tmp_path: Path, mark: str) -> None:
    described = """
[vendors.acme]
title = "Acme"
dialect = "words"
report = [{{ id = "{name}", code = "state" }}]
[providers.acme]
dialect = "words"
[receipts.acme]
auth = "none"
"""
    with ingesting(broker, tmp_path, described.format(name="id")) as ingest:
        for number in range(3):
            assert ingest.post("/receipts/acme", f"ref={mark}-{number}&state=delivered").status == 422
    letters = [letter for _, letter in written(broker, DEAD_LETTER, mark)]
    (tmp_path / "mended.toml").write_text(described.format(name="ref"))
    for _ in range(2):
        done = run(tmp_path, "-c", "mended.toml", "-X", f"bootstrap.servers={broker}", "ingest", "--again")
        assert done.returncode == 0, done.stderr
        assert "3 reports written" in done.stdout
    found = written(broker, PROVIDER_RECEIPT, mark)
    assert sorted(key for key, _ in found) == sorted(2 * [f"acme:{mark}-{number}" for number in range(3)])
    assert {row["received_at_ms"] for _, row in found} == {letter["timestamp_ms"] for letter in letters}


# ---- pages and configuration -------------------------------------------------------------------------------------


def test_the_description_knows_every_provider_and_fetches_nothing(ingest: Ingest) -> None:
    described = json.loads(ingest.call("GET", "/openapi.json").body)
    assert described["openapi"].startswith("3.")
    assert {"/receipts/aurora", "/receipts/borealis", "/receipts/dart", "/health", "/metrics"} == set(
        described["paths"]
    )
    assert set(described["paths"]["/receipts/aurora"]["post"]["responses"]) >= {"200", "401", "422", "429", "503"}
    page = ingest.call("GET", "/docs").body.decode()
    assert "/receipts/borealis" in page
    assert "http://" not in page
    assert "https://" not in page
    assert SECRET not in page + json.dumps(described)


def test_without_kafka_it_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(CONFIG)
    done = run(tmp_path, "-c", "c.toml", "-X", "bootstrap.servers=127.0.0.1:1", "ingest", "--port", "0", timeout=60)
    assert done.returncode == 3
    assert "no broker answers" in done.stderr
    done = run(tmp_path, "ingest", "--port", "0", timeout=30)
    assert done.returncode == 2
    assert "[receipts.NAME]" in done.stderr
