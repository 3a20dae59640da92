"""What a fabric leaves to the next one on the same ports: never a network that is bare unnoticed.

The memory is a file descriptor (of ``os.memfd_create``) that the keeper holds and hands to every
fabric it starts: it dies with the keeper, and nothing stays on disk.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

_LENGTH = struct.Struct("!Q")


class Memory:
    """Requests that restore a state, in a file: their length first, 0 while it is being written."""

    def __init__(self, descriptor: int) -> None:
        self._fd = descriptor

    def write(self, requests: list[dict[str, Any]]) -> None:
        """Replace what is remembered."""
        data = json.dumps(requests).encode()
        # A fabric that is killed in between must not leave half a state
        os.pwrite(self._fd, _LENGTH.pack(0), 0)
        os.pwrite(self._fd, data, _LENGTH.size)
        os.pwrite(self._fd, _LENGTH.pack(len(data)), 0)

    def read(self) -> list[dict[str, Any]]:
        """Return what is remembered; nothing where there was no fabric before."""
        head = os.pread(self._fd, _LENGTH.size, 0)
        (length,) = _LENGTH.unpack(head) if len(head) == _LENGTH.size else (0,)
        requests: list[dict[str, Any]] = (
            json.loads(os.pread(self._fd, length, _LENGTH.size)) if length else []
        )
        return requests
