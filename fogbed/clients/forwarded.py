"""One connection that is carried to a pod: bytes both ways until both ends have closed."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from contextlib import suppress

from fogbed.clients.aborting import abort
from fogbed.clients.kube_channels import Channels
from fogbed.clients.kube_wire import CHUNK
from fogbed.clients.loopback_peers import is_held
from fogbed.errors import ServiceError

PROTOCOLS = ("v4.channel.k8s.io",)
_DATA, _ERROR = 0, 1
_HEADER = 2  # bytes at the beginning of each channel: the port, once more
_LOOK_S = 1.0
_RESET = struct.pack("ii", 1, 0)


async def carry(
    channels: Channels, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Carry bytes between a local connection and a pod's port until the pod has closed it.

    A client that has sent its last byte is still answered. Kubernetes has no word for that on the
    way to the pod: the pod learns of it when nobody holds the client's socket any more.

    Raises:
        ServiceError: the pod does not take it, or the way there is cut.
        OSError: the client has gone.
    """
    up = asyncio.create_task(_to_pod(channels, reader, writer))
    down = asyncio.create_task(_to_client(channels, writer))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if up.done() and isinstance(up.exception(), ServiceError):
            # a pod that has answered and closed takes no more: its answer is on the way
            await asyncio.wait({down})
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
    ended = up if down.cancelled() else down
    ended.result()


async def _to_pod(
    channels: Channels, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Send on what the client sends; return when nobody holds its socket any more."""
    while data := await reader.read(CHUNK):
        await channels.send(_DATA, data)
    client, server = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
    while is_held(client, server):  # noqa: ASYNC110 - the kernel tells nobody when it is let go
        await asyncio.sleep(_LOOK_S)


async def _to_client(channels: Channels, writer: asyncio.StreamWriter) -> None:
    """Hand over what the pod sends; return when it has closed, and all has been taken."""
    skipped: Counter[int] = Counter()
    trouble = b""
    while (received := await channels.receive()) is not None:
        channel, data = received
        if (more := _HEADER - skipped[channel]) > 0:
            skipped[channel] += len(data[:more])
            data = data[more:]
        if channel == _DATA:
            writer.write(data)
            await writer.drain()
        elif channel == _ERROR and data:
            trouble += data
    if trouble:
        raise ServiceError(f"the pod does not take the connection: {trouble.decode().strip()}")
    if not channels.is_whole:
        raise ServiceError("the connection to the pod was cut")
    writer.write_eof()
    await writer.drain()


async def finish(writer: asyncio.StreamWriter, *, is_well: bool) -> None:
    """Close a client's connection; one that went wrong is reset, so that nobody takes it for whole.

    Raises nothing: the client may have gone.
    """
    with suppress(OSError):
        if is_well:
            writer.close()
            await writer.wait_closed()
            return
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        abort(writer)
