"""A broker that lets nobody in: it speaks as much of Kafka's protocol as it takes to refuse a password."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SASL_HANDSHAKE, _API_VERSIONS, _SASL_AUTHENTICATE = 17, 18, 36
_SUPPORTED = ((_API_VERSIONS, 0, 0), (_SASL_HANDSHAKE, 0, 1), (_SASL_AUTHENTICATE, 0, 0))
_NOT_SUPPORTED, _LOGIN_FAILED = 35, 58
_WHY = b"Invalid username or password"


@contextmanager
def refusing_broker() -> Iterator[dict[str, str]]:
    """Run one; gives the client options of a user with the wrong password."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server,), daemon=True).start()
        yield {
            "bootstrap.servers": f"127.0.0.1:{server.getsockname()[1]}",
            "security.protocol": "sasl_plaintext",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "sms",
            "sasl.password": "wrong",
        }


def _accept(server: socket.socket) -> None:
    while True:
        try:
            peer, _ = server.accept()
        except OSError:
            return  # closed
        threading.Thread(target=_talk, args=(peer,), daemon=True).start()


def _talk(peer: socket.socket) -> None:
    with peer, peer.makefile("rb") as requests:
        while head := requests.read(4):
            request = requests.read(*struct.unpack(">i", head))
            key, version, correlation = struct.unpack(">hhi", request[:8])
            answer = struct.pack(">i", correlation) + _answer(key, version)
            peer.sendall(struct.pack(">i", len(answer)) + answer)


def _answer(key: int, version: int) -> bytes:
    if key == _SASL_HANDSHAKE:
        return struct.pack(">hih", 0, 1, 5) + b"PLAIN"
    if key == _SASL_AUTHENTICATE:
        return struct.pack(">hh", _LOGIN_FAILED, len(_WHY)) + _WHY + struct.pack(">i", 0)
    known = b"".join(struct.pack(">hhh", *one) for one in _SUPPORTED)
    return struct.pack(">hi", _NOT_SUPPORTED if version else 0, len(_SUPPORTED)) + known
