"""Whose a connection over loopback is: the kernel knows the user of the socket at its other end.

The tables are opened where the connections are made, before the keeper's namespaces: what is read
from an open ``/proc/net/tcp`` is of the network namespace it was opened in, and its users are
numbered as in the user namespace of who opened it (``seq_user_ns``, net/ipv4/tcp_ipv4.c). Opened
inside, every user but one would be 65534.
"""

from __future__ import annotations

import os
import pwd
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress

from fogbed import paths

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_CHUNK = 2**16
_LOCAL, _REMOTE, _UID, _INODE = 1, 2, 7, 9  # fields of a line, proc(5)


def owners() -> frozenset[int]:
    """Return the users whose testbed this is: root, who runs this, who called sudo."""
    caller = paths.invoking_user()
    return frozenset({0, os.geteuid(), *(caller[:1] if caller else ())})


def open_tables() -> tuple[int, ...]:
    """Open the kernel's tables of connections and return their descriptors (inheritable)."""
    found = []
    for path in _TABLES:
        with suppress(FileNotFoundError):  # a kernel without IPv6
            descriptor = os.open(path, os.O_RDONLY)
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - the system call's own signature
            found.append(descriptor)
    return tuple(found)


def user_of(tables: Sequence[int], client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """Return the user (uid) whose socket, bound to ``client``, is connected to ``server``.

    None where there is no such socket, or nobody holds it any more: the kernel then shows root.
    Addresses are of IPv4; sockets of IPv6 reach them too, by mapped addresses.
    """
    return next(
        (uid for table in tables if (uid := find_user(_read(table), client, server)) is not None),
        None,
    )


def find_user(table: str, client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """Return what ``user_of`` does from the text of one table."""
    ends = list(zip(_spellings(client), _spellings(server), strict=True))
    for line in table.splitlines()[1:]:
        fields = line.split()
        if (fields[_LOCAL], fields[_REMOTE]) in ends and fields[_INODE] != "0":
            return int(fields[_UID])
    return None


def name_of(uid: int | None) -> str:
    """Return how a user is called, for a log."""
    if uid is None:
        return "a program that has ended"
    with suppress(KeyError):
        return f"user {pwd.getpwuid(uid).pw_name}"
    return f"user {uid}"


def _spellings(end: tuple[str, int]) -> Iterator[str]:
    """Yield an address and port as the tables of IPv4 and of IPv6 show them."""
    address = _word(socket.inet_aton(end[0]))
    for prefix in ("", f"{_word(bytes(4))}{_word(bytes(4))}{_word(bytes((0, 0, 255, 255)))}"):
        yield f"{prefix}{address}:{end[1]:04X}"


def _word(network_order: bytes) -> str:
    # the kernel prints each 32 bits as a number of its own processor's
    return f"{int.from_bytes(network_order, sys.byteorder):08X}"


def _read(table: int) -> str:
    os.lseek(table, 0, os.SEEK_SET)
    return b"".join(iter(lambda: os.read(table, _CHUNK), b"")).decode("ascii")
