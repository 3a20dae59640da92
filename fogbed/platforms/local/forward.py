"""A loopback port of the computer, forwarded into a node's namespace without passing the fabric.

The listening socket was made in the computer's own network namespace and handed to the keeper;
connections are dialled by a thread that lives in the node's namespace. So the user's browser and
the controller reach the JobManager, and no impairment ever delays them.

Flink's REST runs any jar it is handed, as the testbed's owner: connections of other users of the
computer are refused unless the testbed was shared on purpose.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from fogbed.network.namespaces import inside
from fogbed.platforms.local import peers

_CHUNK = 64 * 1024
_TELL_EVERY_S = 10.0  # of one user, however often it knocks
_GOODBYE_S = 1.0
_REFUSAL = (
    "This testbed belongs to another user, and its Flink runs what it is handed as that user.\n"
    "Its owner opens it to everybody with: fogbed up --shared\n"
)


@dataclass(slots=True)
class Door:
    """Who may pass: the testbed's ``owners``, or everybody while it ``is_shared``.

    ``find_user`` names the user (uid) at the other end of a connection, None where it is gone;
    ``tell`` takes a line for the log.
    """

    owners: Collection[int]
    find_user: Callable[[tuple[str, int], tuple[str, int]], int | None]
    tell: Callable[[str], None]
    is_shared: bool = False
    _told: dict[int | None, float] = field(default_factory=dict)

    def lets_in(self, client: tuple[str, int], server: tuple[str, int]) -> bool:
        """Whether this connection may pass; one that may not is told."""
        if self.is_shared:
            return True
        uid = self.find_user(client, server)
        if uid in self.owners:
            return True
        now = time.monotonic()
        if now - self._told.get(uid, -_TELL_EVERY_S) >= _TELL_EVERY_S:
            self._told[uid] = now
            self.tell(f"refused {peers.name_of(uid)}; fogbed up --shared opens Flink to everybody")
        return False


class Dialler:
    """Connects to what listens inside network namespaces, by a thread that enters them."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dialler")

    async def connect(
        self, namespace: int, address: tuple[str, int]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a connection to ``address`` inside ``namespace``.

        Raises:
            OSError: nobody listens there.
        """
        loop = asyncio.get_running_loop()
        dialled = await loop.run_in_executor(self._thread, _socket_inside, namespace)
        try:
            await loop.sock_connect(dialled, address)
        except BaseException:
            dialled.close()
            raise
        return await asyncio.open_connection(sock=dialled)

    def close(self) -> None:
        """Connect no more."""
        self._thread.shutdown(wait=False)


def _socket_inside(namespace: int) -> socket.socket:
    # a socket belongs to the namespace it was made in, whoever uses it afterwards
    with inside(namespace):
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)  # noqa: FBT003 - the socket's own signature
    return made


class Forward:
    """Carries what arrives on a listening socket, and may, to ``address`` inside a namespace."""

    def __init__(
        self, namespace: int, address: tuple[str, int], door: Door, dialler: Dialler
    ) -> None:
        self._namespace = namespace
        self._address = address
        self._door = door
        self._dialler = dialler
        self._server: asyncio.Server | None = None

    async def serve(self, listener: socket.socket) -> None:
        """Accept connections until ``close``."""
        self._server = await asyncio.start_server(self._carry, sock=listener)

    def close(self) -> None:
        """Accept no more."""
        if self._server is not None:
            self._server.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = (writer.get_extra_info(name) for name in ("peername", "sockname"))
        if not self._door.lets_in(*ends):
            await _refuse(reader, writer)
            return
        try:
            inner_reader, inner_writer = await self._dialler.connect(self._namespace, self._address)
        except OSError:  # the JobManager is not there yet: the caller sees the connection close
            writer.close()
            return
        both = (_pump(reader, inner_writer), _pump(inner_reader, writer))
        await asyncio.gather(*both, return_exceptions=True)
        for end in (writer, inner_writer):
            end.close()


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say why in HTTP, and read on for a moment: closed at once, it would not be heard."""
    head = f"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: {len(_REFUSAL)}"
    with suppress(OSError, TimeoutError):
        writer.write(f"{head}\r\nConnection: close\r\n\r\n{_REFUSAL}".encode())
        writer.write_eof()
        async with asyncio.timeout(_GOODBYE_S):
            while await reader.read(_CHUNK):
                pass
    writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    with suppress(OSError):
        writer.write_eof()
