"""The endpoint described: OpenAPI for programs, a page for people. Nothing is fetched from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from streams import __version__
from streams.ingest.receivers import Receiver

_ANSWERS = {
    "200": "Kafka has acknowledged everything in it (the vendor's own form of yes, where it wants one, may be 204)",
    "400": "The sender went away before the body was complete",
    "401": "Signature or secret missing or wrong; put aside, up to a bound",
    "404": "No such provider is configured; put aside, up to a bound",
    "408": "The body did not come in time",
    "413": "The body is too large",
    "422": "No body that this vendor is known to send; it is in the dead-letter topic",
    "429": "Too many requests for this provider; come again after Retry-After seconds",
    "503": "Not stored, Kafka has not acknowledged or too much is under way; come again after Retry-After seconds",
}
_BODIES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "application/xml",
    "text/xml",
    "multipart/form-data",
)


def openapi(receivers: Mapping[str, Receiver]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of this very endpoint, with its providers."""
    paths: dict[str, Any] = {f"/receipts/{name}": _receiver(receivers[name]) for name in sorted(receivers)}
    paths["/health"] = _get("Whether records get through to Kafka", {"200": "They do", "503": "They do not"})
    paths["/metrics"] = _get("Counts in the text format of Prometheus", {"200": "The counts"})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sms-streams ingest",
            "version": __version__,
            "description": "Receives the webhooks of SMS vendors and writes delivery reports to Kafka. "
            "It answers yes only after Kafka has acknowledged (acks=all).",
        },
        "paths": paths,
        "components": {
            "schemas": {
                "Answer": {
                    "type": "object",
                    "required": ["result"],
                    "properties": {
                        "result": {"type": "string", "description": "stored, not_a_report, or why not"},
                        "detail": {"type": "string"},
                        "events": {"type": "integer", "description": "Delivery reports stored"},
                        "others": {"type": "array", "items": {"type": "string"}},
                        "kept": {"type": "boolean", "description": "Whether the body is in the dead-letter topic"},
                    },
                }
            }
        },
    }


def _receiver(receiver: Receiver) -> dict[str, Any]:
    answers = {status: _answer(text) for status, text in _ANSWERS.items()}
    about = f"{receiver.vendor.title}. Authentication: {receiver.auth}."
    if receiver.vendor.docs:
        about += f" Vendor's documentation: {receiver.vendor.docs}"
    common = {"tags": [receiver.name], "description": about, "responses": answers}
    content: dict[str, Any] = {kind: {"schema": {}} for kind in _BODIES}
    return {
        "post": {
            "summary": f"Delivery reports of {receiver.name}",
            "operationId": f"post_{receiver.name}",
            "requestBody": {"content": content},
            **common,
        },
        "get": {
            "summary": f"Delivery reports of {receiver.name}, in the query string",
            "operationId": f"get_{receiver.name}",
            **common,
        },
    }


def _answer(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Answer"}
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _get(summary: str, answers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "get": {"summary": summary, "responses": {status: {"description": text} for status, text in answers.items()}}
    }


def docs_page(receivers: Mapping[str, Receiver]) -> str:
    """Return one page of HTML that says the same to a person."""
    rows = "".join(
        f"<tr><td><code>/receipts/{html.escape(name)}</code></td><td>{html.escape(receiver.vendor.title)}</td>"
        f"<td>{html.escape(receiver.auth)}</td></tr>"
        for name, receiver in sorted(receivers.items())
    )
    answers = "".join(f"<tr><td>{status}</td><td>{html.escape(text)}</td></tr>" for status, text in _ANSWERS.items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>sms-streams ingest</title>
<style>body{{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}}
table{{border-collapse:collapse}}td,th{{border:1px solid #ccc;padding:.3em .6em;text-align:left}}</style></head>
<body><h1>sms-streams ingest {html.escape(__version__)}</h1>
<p>Vendors post their delivery reports here, or call with a query string. The description for programs is
<a href="openapi.json">openapi.json</a>; <a href="health">health</a> and <a href="metrics">metrics</a> are for
machines.</p>
<h2>Providers</h2><table><tr><th>address</th><th>vendor</th><th>authentication</th></tr>{rows}</table>
<h2>Answers</h2><table><tr><th>status</th><th>meaning</th></tr>{answers}</table></body></html>
"""
