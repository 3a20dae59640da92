"""Ports of services in a cluster, on loopback: through the API server, as kubectl port-forward.

Unlike kubectl's, a forwarded port outlives the pod behind it: each connection goes to a pod that
is Ready when it comes. It outlives the API server too: while that is away connections are reset,
later ones work.

Of our own, since what there is falls short: kubectl would be another program to have and follows
one pod; kr8s follows one pod as long as it takes connections, ends an answer when its reader has
no more to ask, and leaves the kubeconfig's keys in /tmp; kubernetes' own carries an eighth of the
bytes.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self, TypeVar

from fogbed.clients.aborting import abort
from fogbed.clients.forward_target import Target
from fogbed.clients.forwarded import carry, finish
from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_wire import CHUNK
from fogbed.errors import ServiceError, UsageError

_LOG = logging.getLogger(__name__)
_HOST = "127.0.0.1"
_BACKLOG = 512
_END_S = 10.0
_T = TypeVar("_T")


class Forwarder:
    """Ports of one namespace's services; leaving the block closes them and their connections."""

    def __init__(self, access: KubeAccess, namespace: str) -> None:
        self._access, self._namespace = access, namespace
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._servers: list[asyncio.Server] = []
        self._targets: list[Target] = []
        self._carried: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()
        self.problem = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, service: str, port: int, *, local_port: int = 0) -> int:
        """Listen on loopback for a service's port and return where; 0 takes a free one.

        ``problem`` says later on why the last connection that failed did so.

        Raises:
            ServiceError: the cluster has no such service or port, or does not answer.
            UsageError: the local port is taken.
        """
        return self._run(self._open(service, port, local_port))

    def close(self) -> None:
        """Close every port and connection; nothing of them is left when it returns."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._end(), loop).result(_END_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_END_S)
        loop.close()

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop.set_exception_handler(_say_quietly)
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="fogbed-forwarder", daemon=True
                )
                self._thread.start()
            loop = self._loop
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    async def _open(self, service: str, port: int, local_port: int) -> int:
        target = Target(self._access, self._namespace, service, port)
        try:
            await target.look()

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = asyncio.create_task(self._serve(target, reader, writer))
                self._carried.add(task)
                task.add_done_callback(self._carried.discard)
                # one that is cancelled before it began has closed nothing
                task.add_done_callback(lambda _: abort(writer))

            server = await asyncio.start_server(
                accept, _HOST, local_port, limit=CHUNK, backlog=_BACKLOG
            )
        except OSError as error:
            target.close()
            raise UsageError(
                f"port {local_port} on {_HOST} cannot be used: {error.strerror}",
                hint="name another one, or none: a free one is taken then",
            ) from error
        except BaseException:
            target.close()
            raise
        self._servers.append(server)
        self._targets.append(target)
        return int(server.sockets[0].getsockname()[1])

    async def _serve(
        self, target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        is_well = False
        try:
            async with await target.connect() as channels:
                await carry(channels, reader, writer)
            is_well, self.problem = True, ""
        except ServiceError as error:
            self.problem = f"{target}: {error.message}"
            _LOG.debug("%s", self.problem)
        except OSError as error:
            _LOG.debug("%s: the client has gone: %s", target, error)
        finally:
            await finish(writer, is_well=is_well)

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for task in list(self._carried):
            task.cancel()
        await asyncio.gather(*self._carried, return_exceptions=True)
        for target in self._targets:
            target.close()
        self._servers.clear()
        self._targets.clear()
        # what is cancelled closes its sockets in the loop's next rounds
        await asyncio.sleep(0.05)
        await asyncio.get_running_loop().shutdown_default_executor()


def _say_quietly(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what asyncio would print on the terminal: connections of others that end badly."""
    _LOG.debug("%s: %s", context.get("message"), context.get("exception"))
