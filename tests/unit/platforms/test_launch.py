"""The loopback port that Flink is reached by."""

from __future__ import annotations

import errno
import socket

import pytest

from fogbed.errors import PlatformError
from fogbed.platforms.local.launch import listen


def test_a_port_that_is_in_use_is_said_to_be():
    with listen(None) as first:
        port = first.getsockname()[1]
        with pytest.raises(PlatformError, match=rf"port {port} on 127\.0\.0\.1 is in use by"):
            listen(port)


def test_a_port_of_root_s_is_not_said_to_be_in_use(monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(PlatformError, match=r"port 80 on 127\.0\.0\.1 is one that only root"):
        listen(80)
