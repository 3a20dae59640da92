"""How commands speak to a laptop testbed's keeper."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import pytest

from fogbed.errors import PlatformError
from fogbed.platforms.local import steering


def test_a_keeper_that_says_nothing_is_not_taken_for_none(monkeypatch):
    monkeypatch.setattr(steering, "_TIMEOUT_S", 0.05)
    # a Unix socket's path has room for 107 bytes
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as keeper:
        path = Path(folder) / "keeper"
        assert steering.Steering(path).status() is None
        keeper.bind(str(path))
        keeper.listen()
        with pytest.raises(PlatformError, match="keeper has not answered"):
            steering.Steering(path).status()
