"""Whether somebody still holds the other end of a connection over loopback.

A program that has closed its socket and one that has only sent its last byte look alike from here:
a FIN came. The kernel knows: a socket that nobody holds has no inode.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LOCAL, _REMOTE, _INODE = 1, 2, 9  # fields of a line, proc(5)
Address = tuple[str, int]


def is_held(client: Address, server: Address) -> bool:
    """Say whether a program holds the socket at ``client`` that is connected to ``server``.

    Addresses are of IPv4; sockets of IPv6 reach them too, by mapped addresses.
    """
    return any(is_in(path.read_text(), client, server) for path in _TABLES if path.exists())


def is_in(table: str, client: Address, server: Address) -> bool:
    """Say what ``is_held`` says from the text of one table."""
    wanted = _spelled(client), _spelled(server)
    for line in table.splitlines()[1:]:
        fields = line.split()
        ends = fields[_LOCAL], fields[_REMOTE]
        if tuple(end[-13:] for end in ends) == wanted:
            return fields[_INODE] != "0"
    return False


def _spelled(address: Address) -> str:
    """Return an address as the kernel writes it; the end of it where it is mapped into IPv6."""
    host, port = address
    # 32 bits as a number of its own processor's
    number = int.from_bytes(socket.inet_aton(host), sys.byteorder)
    return f"{number:08X}:{port:04X}"
