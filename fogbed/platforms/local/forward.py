"""A loopback port of the computer, forwarded into a node's namespace without passing the fabric.

The listening socket was made in the computer's own network namespace and handed to the keeper;
connections are dialled by a thread that lives in the node's namespace. So the user's browser and
the controller reach the JobManager, and no impairment ever delays them.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from fogbed.network.namespaces import inside

_CHUNK = 64 * 1024


class Forward:
    """Carries what arrives on a listening socket to ``address`` inside a namespace."""

    def __init__(self, namespace: int, address: tuple[str, int]) -> None:
        self._namespace = namespace
        self._address = address
        self._dialler = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dialler")
        self._server: asyncio.Server | None = None

    async def serve(self, listener: socket.socket) -> None:
        """Accept connections until ``close``."""
        self._server = await asyncio.start_server(self._carry, sock=listener)

    def close(self) -> None:
        """Accept no more."""
        if self._server is not None:
            self._server.close()
        self._dialler.shutdown(wait=False)

    def _socket_inside(self) -> socket.socket:
        # a socket belongs to the namespace it was made in, whoever uses it afterwards
        with inside(self._namespace):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)  # noqa: FBT003 - the socket's own signature
        return made

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        dialled = await loop.run_in_executor(self._dialler, self._socket_inside)
        try:
            await loop.sock_connect(dialled, self._address)
        except OSError:  # the JobManager is not there yet: the caller sees the connection close
            dialled.close()
            writer.close()
            return
        inner_reader, inner_writer = await asyncio.open_connection(sock=dialled)
        both = (_pump(reader, inner_writer), _pump(inner_reader, writer))
        await asyncio.gather(*both, return_exceptions=True)
        for end in (writer, inner_writer):
            end.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    with suppress(OSError):
        writer.write_eof()
