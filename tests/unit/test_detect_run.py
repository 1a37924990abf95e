"""A detect worker that cannot start says why."""

from __future__ import annotations

import socket

import pytest

from streams.apps.detect.run import require_port
from streams.settings import SettingsError


def test_a_port_that_another_worker_has_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"cannot listen on 127\.0\.0\.1:{port} .*--web-port"):
            require_port("127.0.0.1", port)
    require_port("127.0.0.1", port)
    require_port("127.0.0.1", 0)
