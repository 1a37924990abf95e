"""The signature of messages from Amazon SNS, checked against a certificate that the operator has put here.

SNS names the certificate's URL in each message. Fetching it would let a sender decide what we connect to, so the
certificate (or its public key) is a file of ours instead; when AWS changes it, put the new one beside the old.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}


def sns_is_signed(body: bytes, certificate: str) -> bool:
    """Tell whether an SNS message is signed with a certificate (PEM); raise ``InvalidSignature`` or ``ValueError``."""
    message: dict[str, Any] = json.loads(body)
    names = _NOTIFICATION if message["Type"] == "Notification" else _CONFIRMATION
    text = "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name) is not None)
    key = _public_key(certificate.encode())
    signature = base64.b64decode(message["Signature"], validate=True)
    key.verify(signature, text.encode(), PKCS1v15(), _HASHES[str(message["SignatureVersion"])])
    return True


def _public_key(pem: bytes) -> RSAPublicKey:
    key = load_pem_x509_certificate(pem).public_key() if b"CERTIFICATE" in pem else load_pem_public_key(pem)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("SNS signs with RSA")
    return key
