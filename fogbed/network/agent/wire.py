"""The resident's socket: where it is, who may speak over it, one request and one answer each time.

An abstract Unix socket belongs to a network namespace, ends with the processes that hold it, and
can be bound once: nothing stale is left, and of two residents one wins.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any, NamedTuple

NAME = "\0fogbed-links"
MOST_OCTETS = 64 * 2**20
_UCRED = struct.Struct("iII")  # struct ucred of unix(7): pid, uid, gid


class GoneError(ConnectionError):
    """No resident is there, or it ended before it answered."""


class Other(NamedTuple):
    """The process at the other end of a socket."""

    pid: int
    uid: int

    def is_trusted(self) -> bool:
        """Tell whether it runs as this user, or as root."""
        return self.uid in (0, os.geteuid())


def other_end(connection: socket.socket) -> Other:
    """Return who connected, or who listens; the kernel says so."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, _ = _UCRED.unpack(raw)
    return Other(pid, uid)


def listen() -> socket.socket:
    """Return the socket that the resident of this network serves.

    Raises:
        OSError: EADDRINUSE, where another one does.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(NAME)
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener


def ask(do: str, arguments: dict[str, Any], *, wait_s: float) -> dict[str, Any]:
    """Ask the resident of this network and return its answer.

    Raises:
        GoneError: there is none, or it ended meanwhile.
        TimeoutError: it did not answer within ``wait_s`` seconds.
        PermissionError: somebody else has taken its place.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(wait_s)
        try:
            connection.connect(NAME)
            other = other_end(connection)
            if not other.is_trusted():
                raise PermissionError(
                    f"the socket fogbed-links of this network is held by process {other.pid} of "
                    f"user {other.uid}: end it, or ask as that user"
                )
            send(connection, {"do": do, "with": arguments})
            answer = receive(connection)
        except TimeoutError:
            raise TimeoutError(
                f"the agent's resident does not answer; its guardian ends it when it hangs, or "
                f"kill -9 {other_end(connection).pid}"
            ) from None
        except (ConnectionError, BrokenPipeError) as error:
            raise GoneError(str(error)) from None
    if answer is None:
        raise GoneError("it ended before it answered")
    return answer


def send(connection: socket.socket, message: dict[str, Any]) -> None:
    """Send one message."""
    connection.sendall(json.dumps(message).encode() + b"\n")


def receive(connection: socket.socket) -> dict[str, Any] | None:
    """Return one message; None if the other end closed before it was whole.

    Raises:
        ValueError: it is no JSON object, or too long.
    """
    whole = bytearray()
    while not whole.endswith(b"\n"):
        part = connection.recv(2**16)
        if not part:
            return None
        whole += part
        if len(whole) > MOST_OCTETS:
            raise ValueError("the message is too long")
    message = json.loads(whole)
    if not isinstance(message, dict):
        raise ValueError("the message is no object")  # noqa: TRY004 - of what came in, not of a call
    return message
