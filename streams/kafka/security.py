"""The options that say where a cluster is and how to be let in, for clients that are not librdkafka (Faust's aiokafka).

They are given by librdkafka's names, once for all clients; what only tunes librdkafka has no meaning elsewhere.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.kafka.client import OptionRefused

_PASSWORD_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_MEANT = (
    *("bootstrap.servers", "security.protocol", "sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password"),
    *("ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password"),
    *("ssl.endpoint.identification.algorithm", "enable.ssl.certificate.verification"),
    *("session.timeout.ms", "heartbeat.interval.ms", "client.id"),
)


@dataclass(frozen=True)
class Access:
    """Where the brokers are, and how to be let in. `mechanism` "": without a user."""

    servers: list[str]
    mechanism: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = None
    session_timeout_s: float = 10.0
    heartbeat_s: float = 3.0
    client_id: str = "sms-streams"
    unused: tuple[str, ...] = ()
    """Options that were given and have no meaning here."""


def access(kafka: Mapping[str, Any]) -> Access:
    """Read the options; raise `OptionRefused` for what cannot be had, with what can."""
    options = {
        name.removeprefix("consumer."): str(value)
        for name, value in sorted(kafka.items(), reverse=True)
        if not name.startswith(("producer.", "admin."))
    }
    protocol = options.get("security.protocol", "plaintext").lower().replace("-", "_")
    if protocol not in ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl"):
        raise OptionRefused(
            f"Kafka option security.protocol={protocol!r}: there are plaintext, ssl, sasl_plaintext, sasl_ssl"
        )
    mechanism = ""
    if protocol.startswith("sasl"):
        mechanism = (options.get("sasl.mechanism") or options.get("sasl.mechanisms") or "PLAIN").upper()
        if mechanism not in _PASSWORD_MECHANISMS:
            raise OptionRefused(
                f"Kafka option sasl.mechanism={mechanism!r} is not for detect: it can do "
                f"{', '.join(_PASSWORD_MECHANISMS)} and TLS client certificates"
            )
    return Access(
        servers=[server.strip() for server in options.get("bootstrap.servers", "localhost:9092").split(",")],
        mechanism=mechanism,
        username=options.get("sasl.username", ""),
        password=options.get("sasl.password", ""),
        tls=_tls(options) if protocol.endswith("ssl") else None,
        session_timeout_s=int(options.get("session.timeout.ms", 10_000)) / 1_000,
        heartbeat_s=int(options.get("heartbeat.interval.ms", 3_000)) / 1_000,
        client_id=options.get("client.id", "sms-streams"),
        unused=tuple(sorted(name for name in options if name not in _MEANT)),
    )


def _tls(options: Mapping[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.get("ssl.ca.location") or None)
        certificate = options.get("ssl.certificate.location")
        if certificate:
            key, password = options.get("ssl.key.location") or None, options.get("ssl.key.password") or None
            context.load_cert_chain(certificate, key, password)
    except OSError as error:
        raise OptionRefused(f"Kafka options ssl.*.location: {error}") from error
    if options.get("ssl.endpoint.identification.algorithm", "https").lower() == "none":
        context.check_hostname = False
    if options.get("enable.ssl.certificate.verification", "true").lower() in ("false", "0"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
