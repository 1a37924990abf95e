"""The endpoint as an ASGI application: receive, check, decode, hand to Kafka, and only then say yes.

What is answered when is told in docs/ingest.md; each answer is made in one place here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from streams.catalog import Catalog
from streams.clock import now_ms
from streams.ingest.limits import Bucket
from streams.ingest.metrics import CONTENT_TYPE, OTHER, Metrics
from streams.ingest.pages import docs_page, openapi
from streams.ingest.producer import AckingProducer, NotTakenError, TooLargeError
from streams.ingest.receivers import Receiver
from streams.ingest.records import Record, RecordMaker, Refused
from streams.ingest.signatures import Call, is_signed
from streams.receipts.webhooks import Decoded, WebhookError, decode
from streams.settings import IngestSettings

log = logging.getLogger(__name__)

_RETRY_S = "5"
_SPARE_NAME = 60
"""Characters of an unknown name that are kept."""


class Answer(NamedTuple):
    """What a request gets: ``result`` is the word by which it is counted."""

    status: int
    result: str
    detail: str = ""
    told: Mapping[str, Any] = {}


@dataclass
class Endpoint:
    """Everything a request needs."""

    receivers: Mapping[str, Receiver]
    producer: AckingProducer
    maker: RecordMaker
    catalog: Catalog
    settings: IngestSettings

    def __post_init__(self) -> None:
        """Begin with full buckets and no request under way."""
        self.metrics = Metrics()
        self._buckets = {name: Bucket(receiver.requests_per_second) for name, receiver in self.receivers.items()}
        self._refused = Bucket(self.settings.refused_per_second)
        self._under_way = 0
        self._away = False

    # ---- one request ---------------------------------------------------------------------------------------------

    async def receive(self, request: Request) -> Response:
        """Answer a vendor's call."""
        began = time.monotonic()
        name = request.path_params["provider"]
        receiver = self.receivers.get(name)
        if self._under_way >= self.settings.max_requests:
            answer = Answer(503, "busy", "too many requests at once")
        else:
            self._under_way += 1
            try:
                answer = await self._answer(request, name, receiver)
            finally:
                self._under_way -= 1
        self.metrics.requests.labels(OTHER if receiver is None else receiver.name, answer.result).inc()
        self.metrics.seconds.observe(time.monotonic() - began)
        return self._response(answer, receiver)

    async def _answer(self, request: Request, name: str, receiver: Receiver | None) -> Answer:
        try:
            body = await self._body(request)
        except ClientDisconnect:
            return Answer(400, "gone", "the sender went away")
        if isinstance(body, Answer):
            return body
        if not body and not request.url.query and request.method != "POST" and receiver is not None:
            return Answer(200, "nothing", "the address is right; nothing was sent")  # vendors try an address so
        try:
            if receiver is None:
                return await self._unknown(name, body or request.url.query.encode())
            return await self._report(request, receiver, body)
        except TooLargeError:
            return Answer(413, "too_large", "larger than the topic takes")
        except NotTakenError as error:
            if not self._away:  # a line when it begins, not one a request
                log.warning("Kafka does not take reports, vendors are answered 503: %s", error)
            self._away = True
            return Answer(503, "kafka_away", "not stored: send it again")

    async def _body(self, request: Request) -> bytes | Answer:
        """Read the body, bounded in size and in time."""
        most = self.settings.max_body_bytes
        too_large = Answer(413, "too_large", f"more than {most} bytes")
        said = request.headers.get("content-length", "0")
        if said.isdigit() and int(said) > most:
            return too_large
        chunks, size = [], 0
        try:
            async with asyncio.timeout(self.settings.body_timeout_ms / 1_000):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > most:
                        return too_large
                    chunks.append(chunk)
        except TimeoutError:
            return Answer(408, "slow", "the body did not come in time")
        return b"".join(chunks)

    async def _unknown(self, name: str, body: bytes) -> Answer:
        detail = f"nobody is called {name[:_SPARE_NAME]!r} under [receipts]"
        kept = await self._put_aside(OTHER, body, "unknown_vendor", detail)
        return Answer(404, "unknown_vendor", detail, {"kept": kept})

    async def _report(self, request: Request, receiver: Receiver, body: bytes) -> Answer:
        call = self._call(request, body)
        query = _without_secret(request.url.query, receiver)
        now = now_ms()
        if not is_signed(receiver.auth, call, receiver.secret, now):
            kept = await self._put_aside(receiver.name, body or query.encode(), "bad_signature", _unsigned(receiver))
            return Answer(401, "bad_signature", "signature or secret missing or wrong", {"kept": kept})
        if not self._buckets[receiver.name].take(time.monotonic()):
            return Answer(429, "throttled", f"more than {receiver.requests_per_second:g} requests a second")
        try:
            kind = call.headers.get("content-type", "")
            decoded = decode(receiver.vendor, body, self.catalog, kind, query, receiver.dialect)
        except WebhookError as error:
            sent = body or query.encode()
            bounded = receiver.auth == "none"  # then it may be a stranger's
            kept = bool(sent) and await self._put_aside(receiver.name, sent, error.reason, error.detail, bounded)
            return Answer(422, error.reason, error.detail, {"kept": kept})
        return await self._store(receiver, decoded, body or query.encode(), now)

    async def _store(self, receiver: Receiver, decoded: Decoded, body: bytes, now: int) -> Answer:
        """Hand over the events of a body, and what of it is none of them; say yes when Kafka has all of it."""
        records: list[Record] = []
        statuses: list[str] = []
        aside = [("not_a_report", kind) for kind in decoded.others]
        aside += [("bad_record", problem) for problem in decoded.problems]
        for event in decoded.events:
            try:
                records.append(self.maker.report(receiver, event, now))
                statuses.append(event.status)
            except Refused as refused:
                aside.append((refused.reason, refused.detail))
        if aside:
            detail = "; ".join(dict.fromkeys(detail for _, detail in aside))
            records.append(self.maker.dead_letter(receiver.name, body, aside[0][0], detail, now))
        await self.producer.send(records)
        if self._away:
            log.info("Kafka takes reports again")
            self._away = False
        for status in statuses:
            self.metrics.events.labels(receiver.name, status).inc()
        for reason in {reason for reason, _ in aside}:
            self.metrics.dead_letters.labels(receiver.name, reason).inc()
        result = "stored" if statuses else aside[0][0]
        others = {detail if reason == "not_a_report" else reason for reason, detail in aside}
        told = {"events": len(statuses), "others": sorted(others)}
        return Answer(200, result, "", told)

    async def _put_aside(self, provider: str, body: bytes, reason: str, detail: str, bounded: bool = True) -> bool:
        """Keep a body; of those that nobody vouches for, no more than the bound. False where it is not kept."""
        if bounded and not self._refused.take(time.monotonic()):
            self.metrics.not_kept.inc()
            return False
        await self.producer.send([self.maker.dead_letter(provider, body, reason, detail, now_ms())])
        self.metrics.dead_letters.labels(provider, reason).inc()
        return True

    def _call(self, request: Request, body: bytes) -> Call:
        """Return the request as the vendor made it: behind a proxy, its URL is not the one we see."""
        url = str(request.url)
        if self.settings.public_url:
            path = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1")
            query = request.url.query
            url = self.settings.public_url.rstrip("/") + path + (f"?{query}" if query else "")
        return Call(request.method, url, {name.lower(): value for name, value in request.headers.items()}, body)

    def _response(self, answer: Answer, receiver: Receiver | None) -> Response:
        headers = {"Retry-After": _RETRY_S} if answer.status in (429, 503) else {}
        if answer.status in (408, 413):
            headers["Connection"] = "close"  # the rest of the body is not wanted
        if answer.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="receipts"'
        wanted = receiver.vendor.answer if receiver is not None and answer.status == 200 else None
        if wanted is not None:
            return Response(wanted.body or None, wanted.status, headers, wanted.content_type if wanted.body else None)
        told = {"result": answer.result, **({"detail": answer.detail} if answer.detail else {}), **answer.told}
        return Response(json.dumps(told) + "\n", answer.status, headers, "application/json")

    # ---- the rest ------------------------------------------------------------------------------------------------

    async def health(self, _: Request) -> Response:
        """Tell whether records get through: 200 or 503."""
        if self.producer.failing:
            await self.producer.probe()
        if self.producer.fatal or self.producer.failing:
            told = {"status": "failing", "detail": self.producer.fatal or "Kafka did not take the last records"}
            return Response(json.dumps(told) + "\n", 503, media_type="application/json")
        return Response('{"status": "ok"}\n', 200, media_type="application/json")

    async def measured(self, _: Request) -> Response:
        """Return the counts for Prometheus."""
        self.metrics.under_way.set(self.producer.under_way)
        self.metrics.kafka_up.set(0 if self.producer.failing or self.producer.fatal else 1)
        return Response(self.metrics.text(), media_type=CONTENT_TYPE)


def _unsigned(receiver: Receiver) -> str:
    return f"not signed as [receipts.{receiver.name}] asks (auth = {receiver.auth})"


def _without_secret(query: str, receiver: Receiver) -> str:
    """Return the query string without the parameter that holds the secret: it must not get into a topic."""
    if receiver.secret.parameter not in query:
        return query
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([(name, value) for name, value in pairs if name != receiver.secret.parameter])


def make_app(endpoint: Endpoint) -> Starlette:
    """Return the application: the receivers, health, metrics, and the pages that describe them."""
    description = json.dumps(openapi(endpoint.receivers)).encode()
    page = docs_page(endpoint.receivers).encode()

    async def described(_: Request) -> Response:
        return Response(description, media_type="application/json")

    async def shown(_: Request) -> Response:
        return Response(page, media_type="text/html")

    places = [f"/{word}/{{provider}}{slash}" for word in ("receipts", "webhooks") for slash in ("", "/")]
    app = Starlette(
        routes=[
            *(Route(place, endpoint.receive, methods=["GET", "POST"]) for place in places),
            Route("/health", endpoint.health),
            Route("/metrics", endpoint.measured),
            Route("/openapi.json", described),
            Route("/docs", shown),
        ]
    )
    app.router.redirect_slashes = False  # vendors do not follow
    return app
