"""Ports of loopback for programs that must be told theirs before they start."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on, and that the kernel gives to nobody.

    One that the kernel chose and that is let go of may be somebody else's before the program has
    it: another test's, any client's. Below the kernel's own range two who look at once hardly meet.
    """
    low = int(_RANGE.read_text(encoding="ascii").split()[0])
    while True:
        port = low // 2 + secrets.randbelow(low - low // 2)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
