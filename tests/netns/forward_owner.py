"""The laptop's forward as its keeper has it: started outside, serving inside its own namespaces.

Without arguments: listen, open the kernel's tables, start the inner half in namespaces of its own
and print the port. With them: the inner half, whose user namespace knows no other user.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from functools import partial

from pyroute2 import IPRoute

from fogbed.platforms import preflight
from fogbed.platforms.local import peers
from fogbed.platforms.local.forward import Dialler, Door, Forward

TARGET = ("127.0.0.1", 8081)


def outside() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        descriptors = [listener.fileno(), *peers.open_tables()]
        owners = sorted(peers.owners())
        words = [",".join(map(str, descriptors)), ",".join(map(str, owners))]
        _say(str(listener.getsockname()[1]))
        argv = [*preflight.unshare_argv(), sys.executable, __file__, *words]
        subprocess.run(argv, check=True, pass_fds=descriptors)


async def serve(listener: int, tables: list[int], owners: list[int]) -> None:
    namespace = os.open("/proc/self/ns/net", os.O_RDONLY)
    target = await asyncio.start_server(_hello, *TARGET)
    door = Door(owners, partial(peers.user_of, tables), _say)
    forward = Forward(namespace, TARGET, door, Dialler())
    await forward.serve(socket.socket(fileno=listener))
    async with target:
        while line := await asyncio.to_thread(sys.stdin.readline):
            door.is_shared = line.strip() == "shared"
            _say(f"shared: {door.is_shared}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
    await writer.drain()
    writer.close()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        outside()
    else:
        (first, *rest), allowed = (list(map(int, word.split(","))) for word in sys.argv[1:])
        with IPRoute() as routes:
            routes.link("set", index=1, state="up")  # lo
        asyncio.run(serve(first, rest, allowed))
