"""Is this request from whom it says? Each vendor's scheme, as a pure function of the request, the secret and the clock.

Every comparison takes the same time whatever differs. Nothing here prints or keeps a secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from streams.ingest.sns import sns_is_signed

TOLERANCE_MS = 300_000
"""How far a signed time may lie from ours: what vendors recommend against replays."""
FORM = "application/x-www-form-urlencoded"


class Call(NamedTuple):
    """A request as it came. ``url`` as the vendor called it, ``headers`` in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> list[tuple[str, str]]:
        """The fields of a form in the body, in order; none where the body is no form."""
        if not self.headers.get("content-type", "").lower().startswith(FORM):
            return []
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    @property
    def query(self) -> list[tuple[str, str]]:
        """The fields of the query string, in order."""
        return parse_qsl(urlsplit(self.url).query, keep_blank_values=True)


class Secret(NamedTuple):
    """What a receiver knows of its vendor: the secrets (several while one is exchanged) and how they are used."""

    values: Sequence[str]
    username: str = ""
    header: str = ""
    parameter: str = "token"
    algorithm: str = "sha256"
    encoding: str = "hex"


Check = Callable[[Call, Secret, str, int], bool]
"""Of a call, what is known, one secret, and the time: is it signed with that secret?"""


def is_signed(scheme: str, call: Call, secret: Secret, now_ms: int) -> bool:
    """Tell whether a call is signed with one of the secrets; whatever is wrong with it, the answer is no."""
    found = [_is_signed(SCHEMES[scheme], call, secret, value, now_ms) for value in secret.values]
    return any(found)


def _is_signed(check: Check, call: Call, secret: Secret, value: str, now_ms: int) -> bool:
    try:
        return check(call, secret, value, now_ms)
    except (ValueError, KeyError, TypeError, OverflowError, InvalidSignature, jwt.PyJWTError):
        return False


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _mac(secret: str | bytes, message: str | bytes, algorithm: str = "sha256") -> bytes:
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(key, message.encode() if isinstance(message, str) else message, algorithm).digest()


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _fresh(seconds: str, now_ms: int) -> bool:
    return abs(int(seconds) * 1_000 - now_ms) <= TOLERANCE_MS


# ---- shared secrets ----------------------------------------------------------------------------------------------


def _nothing(_: Call, __: Secret, ___: str, ____: int) -> bool:
    return True


def _basic(call: Call, secret: Secret, value: str, _: int) -> bool:
    kind, _blank, given = call.headers.get("authorization", "").partition(" ")
    user, _colon, password = base64.b64decode(given.strip()).decode("utf-8", "replace").partition(":")
    known_user = not secret.username or _same(user, secret.username)
    return kind.lower() == "basic" and _same(password, value) and known_user


def _header(call: Call, secret: Secret, value: str, _: int) -> bool:
    return _same(call.headers[secret.header.lower()], value)


def _shared(call: Call, secret: Secret, value: str, now_ms: int) -> bool:
    """Check the secret wherever the vendor can put it: a header, a bearer token, basic auth, the query string."""
    bearer = call.headers.get("authorization", "")
    given = [
        call.headers.get(name, "") for name in ("x-webhook-secret", "x-webhook-token", "x-lox24-token", "x-api-key")
    ]
    given += [call.headers.get(secret.header.lower(), "") if secret.header else ""]
    given += [bearer[7:].strip() if bearer.lower().startswith("bearer ") else ""]
    given += [text for name, text in call.query if name == secret.parameter]
    found = [_same(text, value) for text in given if text]
    if bearer.lower().startswith("basic "):
        found.append(_basic(call, secret, value, now_ms))
    return any(found)


def _hmac(call: Call, secret: Secret, value: str, _: int) -> bool:
    """Check a MAC over the body, hexadecimal or base64, with or without a prefix such as ``sha256=``."""
    digest = _mac(value, call.body, secret.algorithm)
    given = call.headers[secret.header.lower()].strip()
    wanted = digest.hex() if secret.encoding == "hex" else _base64(digest)
    found = given.removeprefix(f"{secret.algorithm}=")
    return _same(found.lower() if secret.encoding == "hex" else found, wanted)


# ---- vendors' own ------------------------------------------------------------------------------------------------


def _twilio(call: Call, _: Secret, value: str, __: int) -> bool:
    """Twilio, webhooks security: base64 HMAC-SHA1 of the URL and the sorted fields; of JSON, its hash in the URL."""
    given = call.headers["x-twilio-signature"]
    if call.method == "POST" and not call.form and call.body:
        said = dict(call.query).get("bodySHA256", "")
        if not _same(said.lower(), hashlib.sha256(call.body).hexdigest()):
            return False
    fields = "".join(name + text for name, text in sorted(set(call.form))) if call.method == "POST" else ""
    found = [_same(given, _base64(_mac(value, url + fields, "sha1"))) for url in _with_and_without_port(call.url)]
    return any(found)


def _with_and_without_port(url: str) -> list[str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return [url, *(urlunsplit(parts._replace(netloc=netloc)) for netloc in (host, f"{host}:{port}"))]


def _vonage(call: Call, secret: Secret, value: str, now_ms: int) -> bool:
    """Vonage: a JWT with the body's hash (Messages API), or the parameter ``sig`` (SMS API, signed messages)."""
    bearer = call.headers.get("authorization", "")
    if bearer.lower().startswith("bearer "):
        claims = _claims(bearer[7:].strip(), value, now_ms)
        hashed = hashlib.sha256(call.body).hexdigest()
        return "payload_hash" in claims and _same(str(claims["payload_hash"]).lower(), hashed)
    fields = dict(call.query) | dict(call.form)
    given = fields.pop("sig").lower()
    fields.pop(secret.parameter, None)
    if not _fresh(fields["timestamp"], now_ms):
        return False
    text = "".join(f"&{name}={fields[name].replace('&', '_').replace('=', '_')}" for name in sorted(fields))
    if secret.algorithm == "md5hash":
        return _same(given, hashlib.md5((text + value).encode()).hexdigest())
    return _same(given, _mac(value, text, secret.algorithm).hex())


def _claims(token: str, secret: str, now_ms: int) -> dict[str, Any]:
    """Return the claims of a JWT signed with HS256; its times are held against the time given, not against a clock."""
    claims: dict[str, Any] = jwt.decode(
        token,
        secret,
        algorithms=["HS256"],
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
    )
    if "exp" in claims and int(claims["exp"]) * 1_000 < now_ms - TOLERANCE_MS:
        raise ValueError("expired")
    for begin in ("nbf", "iat"):
        if begin in claims and int(claims[begin]) * 1_000 > now_ms + TOLERANCE_MS:
            raise ValueError("not yet valid")
    if "exp" not in claims and ("iat" not in claims or not _fresh(str(int(claims["iat"])), now_ms)):
        raise ValueError("too old")
    return claims


def _messagebird(call: Call, _: Secret, value: str, now_ms: int) -> bool:
    """MessageBird: a JWT with the hashes of the URL and the body in MessageBird-Signature-JWT."""
    claims = _claims(call.headers["messagebird-signature-jwt"], value, now_ms)
    known_url = _same(str(claims["url_hash"]), hashlib.sha256(call.url.encode()).hexdigest())
    if not call.body:
        return known_url and not claims.get("payload_hash")
    return known_url and _same(str(claims["payload_hash"]), hashlib.sha256(call.body).hexdigest())


def _gatewayapi(call: Call, _: Secret, value: str, __: int) -> bool:
    """GatewayAPI: X-Gwapi-Signature is a JWT of the body's fields, HS256; it has no times."""
    claims = jwt.decode(call.headers["x-gwapi-signature"], value, algorithms=["HS256"], options={"verify_aud": False})
    return bool(claims == json.loads(call.body))


def _telnyx(call: Call, _: Secret, value: str, now_ms: int) -> bool:
    """Telnyx: Ed25519 over ``timestamp|body``; the secret is the public key of the portal."""
    stamp = call.headers["telnyx-timestamp"]
    if not _fresh(stamp, now_ms):
        return False
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(value, validate=True))
    key.verify(base64.b64decode(call.headers["telnyx-signature-ed25519"]), stamp.encode() + b"|" + call.body)
    return True


def _plivo(call: Call, _: Secret, value: str, __: int) -> bool:
    """Plivo V3: base64 HMAC-SHA256 of URL, sorted query, sorted fields and nonce; several signatures may be given."""
    nonce = call.headers["x-plivo-signature-v3-nonce"]
    parts = urlsplit(call.url)
    base = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    query = "&".join(f"{name}={text}" for name, text in sorted(call.query))
    fields = "".join(name + text for name, text in sorted(call.form)) if call.method == "POST" else ""
    if query or fields:
        base += "?" + query + ("." if query and fields else "")
    wanted = _base64(_mac(value, f"{base}{fields}.{nonce}"))
    given = call.headers.get("x-plivo-signature-v3", "") + "," + call.headers.get("x-plivo-signature-ma-v3", "")
    found = [_same(text.strip(), wanted) for text in given.split(",")]
    return any(found)


def _sinch(call: Call, _: Secret, value: str, now_ms: int) -> bool:
    """Sinch: base64 HMAC-SHA256 of ``body.nonce.timestamp``."""
    nonce, stamp = call.headers["x-sinch-webhook-signature-nonce"], call.headers["x-sinch-webhook-signature-timestamp"]
    if not _fresh(stamp, now_ms):
        return False
    wanted = _base64(_mac(value, call.body + f".{nonce}.{stamp}".encode()))
    return _same(call.headers["x-sinch-webhook-signature"], wanted)


def _standard(call: Call, _: Secret, value: str, now_ms: int) -> bool:
    """Standard Webhooks (Sweego): base64 HMAC-SHA256 of ``id.timestamp.body``; the secret is in base64."""
    stamp = call.headers["webhook-timestamp"]
    if not _fresh(stamp, now_ms):
        return False
    key = base64.b64decode(value.removeprefix("whsec_"))
    wanted = _base64(_mac(key, f"{call.headers['webhook-id']}.{stamp}.".encode() + call.body))
    found = [_same(text.removeprefix("v1,"), wanted) for text in call.headers["webhook-signature"].split(" ")]
    return any(found)


def _ycloud(call: Call, _: Secret, value: str, now_ms: int) -> bool:
    """YCloud: ``t=...,s=...``, hexadecimal HMAC-SHA256 of ``timestamp.body``."""
    fields = dict(part.strip().split("=", 1) for part in call.headers["ycloud-signature"].split(","))
    wanted = _mac(value, fields["t"].encode() + b"." + call.body).hex()
    return _fresh(fields["t"], now_ms) and _same(fields["s"], wanted)


def _smsgate(call: Call, _: Secret, value: str, now_ms: int) -> bool:
    """SMS Gateway for Android: hexadecimal HMAC-SHA256 of body and X-Timestamp."""
    stamp = call.headers["x-timestamp"]
    return _fresh(stamp, now_ms) and _same(call.headers["x-signature"], _mac(value, call.body + stamp.encode()).hex())


def _salesforce(call: Call, secret: Secret, value: str, now_ms: int) -> bool:
    return _hmac(call, secret._replace(header="x-sfmc-ens-signature", encoding="base64"), value, now_ms)


def _termii(call: Call, secret: Secret, value: str, now_ms: int) -> bool:
    return _hmac(call, secret._replace(header="x-termii-signature", algorithm="sha512"), value, now_ms)


def _sns(call: Call, _: Secret, value: str, __: int) -> bool:
    return sns_is_signed(call.body, value)


SCHEMES: dict[str, Check] = {
    "none": _nothing,
    "basic": _basic,
    "header": _header,
    "shared": _shared,
    "hmac": _hmac,
    "twilio": _twilio,
    "vonage": _vonage,
    "messagebird": _messagebird,
    "gatewayapi": _gatewayapi,
    "telnyx": _telnyx,
    "plivo": _plivo,
    "sinch": _sinch,
    "standard-webhooks": _standard,
    "ycloud": _ycloud,
    "smsgate": _smsgate,
    "salesforce": _salesforce,
    "termii": _termii,
    "aws-sns": _sns,
}
