"""Signatures: what a vendor signs is taken, what anybody has changed is not, and garbage is a no and never an error."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.ingest.signatures import SCHEMES, TOLERANCE_MS, Call, Secret, is_signed

NOW_MS = 1_772_445_600_000
NOW_S = NOW_MS // 1_000
SECRET = "correct horse battery staple 0123456789"
URL = "https://reports.example.com/receipts/acme?from=vendor"
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
BODY = b'{"id": "1", "status": "delivered"}'
FIELDS = [("MessageSid", "SM1"), ("MessageStatus", "delivered"), ("To", "+33600000001"), ("Body", "a b&c=\xe9")]

ED25519 = Ed25519PrivateKey.generate()
ED25519_PUBLIC = base64.b64encode(ED25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
CERTIFICATE = (
    x509.CertificateBuilder()
    .subject_name(NAME)
    .issuer_name(NAME)
    .public_key(RSA.public_key())
    .serial_number(1)
    .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    .not_valid_after(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=365))
    .sign(RSA, hashes.SHA256())
    .public_bytes(Encoding.PEM)
    .decode()
)


def mac(message: bytes | str, algorithm: str = "sha256", key: bytes | str = SECRET) -> bytes:
    key = key.encode() if isinstance(key, str) else key
    return hmac.new(key, message.encode() if isinstance(message, str) else message, algorithm).digest()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sha256(data: bytes | str) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def post(body: bytes, headers: dict[str, str], url: str = URL) -> Call:
    return Call("POST", url, headers, body)


def sns(kind: str, version: str, algorithm: hashes.HashAlgorithm) -> Call:
    message: dict[str, Any] = {"Type": kind, "MessageId": "m", "TopicArn": "arn", "Message": "{}", "Timestamp": "t"}
    if kind != "Notification":
        message |= {"Token": "k", "SubscribeURL": "https://sns.example.com"}
    text = "".join(f"{name}\n{message[name]}\n" for name in sorted(message))
    signature = b64(RSA.sign(text.encode(), PKCS1v15(), algorithm))
    return post(json.dumps(message | {"SignatureVersion": version, "Signature": signature}).encode(), {})


def signed_calls() -> dict[str, tuple[str, Call, Secret]]:
    form = urlencode(FIELDS).encode()
    stamp = str(NOW_S)
    ordered = sorted(FIELDS)
    twilio_text = URL + "".join(name + value for name, value in ordered)
    twilio_json = URL + "&bodySHA256=" + sha256(BODY)
    plivo_text = f"https://reports.example.com/receipts/acme?from=vendor.{''.join(n + v for n, v in ordered)}.nonce"
    vonage_fields = {"status": "delivered", "messageId": "1", "timestamp": stamp, "text": "a&b=c"}
    vonage_text = "".join(
        f"&{name}={vonage_fields[name].replace('&', '_').replace('=', '_')}" for name in sorted(vonage_fields)
    )
    vonage_sig = {**vonage_fields, "sig": mac(vonage_text).hex().upper()}
    vonage_md5 = {**vonage_fields, "sig": hashlib.md5((vonage_text + SECRET).encode()).hexdigest()}
    claims = {"iat": NOW_S, "jti": "j", "iss": "Vonage", "payload_hash": sha256(BODY)}
    bird = {"nbf": NOW_S - 1, "exp": NOW_S + 60, "url_hash": sha256(URL), "payload_hash": sha256(BODY)}
    standard_key = base64.b64encode(SECRET.encode()).decode()
    one = Secret([SECRET])
    return {
        "basic": (
            "basic",
            post(BODY, {"authorization": "Basic " + b64(f"me:{SECRET}".encode())}),
            one._replace(username="me"),
        ),
        "header": ("header", post(BODY, {"x-token": SECRET}), one._replace(header="X-Token")),
        "shared, bearer": ("shared", post(BODY, {"authorization": f"Bearer {SECRET}"}), one),
        "shared, header": ("shared", post(BODY, {"x-webhook-secret": SECRET}), one),
        "shared, query": ("shared", post(BODY, {}, URL + "&" + urlencode({"token": SECRET})), one),
        "shared, basic": ("shared", post(BODY, {"authorization": "Basic " + b64(f"x:{SECRET}".encode())}), one),
        "hmac, hex": ("hmac", post(BODY, {"x-sig": "sha256=" + mac(BODY).hex().upper()}), one._replace(header="X-Sig")),
        "hmac, base64": (
            "hmac",
            post(BODY, {"x-sig": b64(mac(BODY, "sha1"))}),
            one._replace(header="X-Sig", algorithm="sha1", encoding="base64"),
        ),
        "twilio": ("twilio", post(form, {**FORM, "x-twilio-signature": b64(mac(twilio_text, "sha1"))}), one),
        "twilio, JSON": (
            "twilio",
            post(BODY, {**JSON, "x-twilio-signature": b64(mac(twilio_json, "sha1"))}, twilio_json),
            one,
        ),
        "twilio, with the port": (
            "twilio",
            Call("GET", URL, {"x-twilio-signature": b64(mac(URL.replace(".com/", ".com:443/"), "sha1"))}, b""),
            one,
        ),
        "vonage, JWT": ("vonage", post(BODY, {"authorization": "Bearer " + jwt.encode(claims, SECRET)}), one),
        "vonage, sig": ("vonage", Call("GET", "https://x.example/r?" + urlencode(vonage_sig), {}, b""), one),
        "vonage, MD5": (
            "vonage",
            Call("GET", "https://x.example/r?" + urlencode(vonage_md5), {}, b""),
            one._replace(algorithm="md5hash"),
        ),
        "messagebird": ("messagebird", post(BODY, {"messagebird-signature-jwt": jwt.encode(bird, SECRET)}), one),
        "gatewayapi": ("gatewayapi", post(BODY, {"x-gwapi-signature": jwt.encode(json.loads(BODY), SECRET)}), one),
        "telnyx": (
            "telnyx",
            post(
                BODY,
                {
                    "telnyx-timestamp": stamp,
                    "telnyx-signature-ed25519": b64(ED25519.sign(f"{stamp}|".encode() + BODY)),
                },
            ),
            Secret([ED25519_PUBLIC]),
        ),
        "plivo": (
            "plivo",
            post(
                form,
                {
                    **FORM,
                    "x-plivo-signature-v3-nonce": "nonce",
                    "x-plivo-signature-v3": "other," + b64(mac(plivo_text)),
                },
            ),
            one,
        ),
        "sinch": (
            "sinch",
            post(
                BODY,
                {
                    "x-sinch-webhook-signature-nonce": "n",
                    "x-sinch-webhook-signature-timestamp": stamp,
                    "x-sinch-webhook-signature": b64(mac(BODY + f".n.{stamp}".encode())),
                },
            ),
            one,
        ),
        "standard-webhooks": (
            "standard-webhooks",
            post(
                BODY,
                {
                    "webhook-id": "w",
                    "webhook-timestamp": stamp,
                    "webhook-signature": "v1," + b64(mac(f"w.{stamp}.".encode() + BODY)),
                },
            ),
            Secret(["whsec_" + standard_key]),
        ),
        "ycloud": (
            "ycloud",
            post(BODY, {"ycloud-signature": f"t={stamp},s={mac(stamp.encode() + b'.' + BODY).hex()}"}),
            one,
        ),
        "smsgate": (
            "smsgate",
            post(BODY, {"x-timestamp": stamp, "x-signature": mac(BODY + stamp.encode()).hex()}),
            one,
        ),
        "salesforce": ("salesforce", post(BODY, {"x-sfmc-ens-signature": b64(mac(BODY))}), one),
        "termii": ("termii", post(BODY, {"x-termii-signature": mac(BODY, "sha512").hex()}), one),
        "aws-sns, version 1": ("aws-sns", sns("Notification", "1", hashes.SHA1()), Secret([CERTIFICATE])),
        "aws-sns, version 2": ("aws-sns", sns("SubscriptionConfirmation", "2", hashes.SHA256()), Secret([CERTIFICATE])),
    }


SIGNED = signed_calls()
WHOLE = [name for name in SIGNED if not name.startswith(("basic", "header", "shared", "vonage, sig", "vonage, MD5"))]
TIMED = ["vonage, JWT", "vonage, sig", "messagebird", "telnyx", "sinch", "standard-webhooks", "ycloud", "smsgate"]


def test_every_scheme_is_tried_here() -> None:
    assert {scheme for scheme, _, _ in SIGNED.values()} == set(SCHEMES) - {"none"}


@pytest.mark.parametrize("name", SIGNED)
def test_what_the_vendor_signed_is_taken(name: str) -> None:
    scheme, call, secret = SIGNED[name]
    assert is_signed(scheme, call, secret, NOW_MS)


@pytest.mark.parametrize("name", SIGNED)
def test_another_secret_takes_nothing(name: str) -> None:
    scheme, call, secret = SIGNED[name]
    other = base64.b64encode(b"another secret, 32 bytes long..!").decode()
    assert not is_signed(scheme, call, secret._replace(values=[other]), NOW_MS)
    assert not is_signed(scheme, call, secret._replace(values=[]), NOW_MS)


@pytest.mark.parametrize("name", SIGNED)
def test_while_a_secret_is_exchanged_the_old_and_the_new_are_taken(name: str) -> None:
    scheme, call, secret = SIGNED[name]
    old = "bm90aGluZyB0aGF0IGNvdW50cyBhbnkgbW9yZSBoZXJlIQ=="
    assert is_signed(scheme, call, secret._replace(values=[old, *secret.values]), NOW_MS)


@pytest.mark.parametrize("name", SIGNED)
def test_without_any_header_and_query_nothing_is_taken(name: str) -> None:
    scheme, call, secret = SIGNED[name]
    if scheme != "aws-sns":
        assert not is_signed(scheme, Call("POST", "https://x.example/r", {}, call.body), secret, NOW_MS)
    assert not is_signed(scheme, Call("POST", "https://x.example/r", {}, b""), secret, NOW_MS)


@pytest.mark.parametrize("name", WHOLE)
def test_a_changed_body_is_not_taken(name: str) -> None:
    scheme, call, secret = SIGNED[name]
    changed = call.body.replace(b"delivered", b"failed").replace(b'"{}"', b'"[]"') if call.body else b""
    if changed != call.body:
        assert not is_signed(scheme, call._replace(body=changed), secret, NOW_MS)


@pytest.mark.parametrize("name", ["twilio", "twilio, JSON", "messagebird", "plivo"])
def test_a_signature_for_another_address_is_not_taken(name: str) -> None:
    scheme, call, secret = SIGNED[name]
    assert not is_signed(scheme, call._replace(url=call.url.replace("acme", "other")), secret, NOW_MS)


@pytest.mark.parametrize("name", TIMED)
def test_an_old_signature_is_not_taken_again(name: str) -> None:
    scheme, call, secret = SIGNED[name]
    assert is_signed(scheme, call, secret, NOW_MS + TOLERANCE_MS - 1_000)
    assert not is_signed(scheme, call, secret, NOW_MS + 2 * TOLERANCE_MS)


def test_a_token_without_a_signature_is_none() -> None:
    claims = {"iat": NOW_S, "payload_hash": sha256(BODY)}
    token = jwt.encode(claims, "", algorithm="none")
    call = post(BODY, {"authorization": f"Bearer {token}"})
    assert not is_signed("vonage", call, Secret([SECRET]), NOW_MS)


def test_the_example_of_twilio() -> None:
    """From the tests of Twilio's own libraries."""
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    headers = {**FORM, "x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}
    call = post(urlencode(fields).encode(), headers, "https://mycompany.com/myapp.php?foo=1&bar=2")
    assert is_signed("twilio", call, Secret(["12345"]), NOW_MS)


def test_nobody_needs_to_sign_where_that_was_said() -> None:
    assert is_signed("none", post(b"", {}), Secret([""]), NOW_MS)


HEADERS = sorted({header for _, call, _ in SIGNED.values() for header in call.headers})


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(SIGNED)),
    st.dictionaries(st.sampled_from(HEADERS), st.text(max_size=60)),
    st.binary(max_size=60),
    st.text(max_size=30),
)
def test_garbage_is_a_no_and_never_an_error(name: str, headers: dict[str, str], body: bytes, path: str) -> None:
    scheme, _, secret = SIGNED[name]
    assert not is_signed(scheme, Call("POST", "https://x.example/" + path, headers, body), secret, NOW_MS)
