"""The control socket of a laptop's network: one JSON object per line in, one out.

    {"do": "apply", "nodes": [...], "index": [[...], ...], "seed": ..., "origin_ns": ...,
     "impairments": [[delay ms, jitter ms, loss, bit/s|null, corrupt, duplicate, reorder,
                      key of its trace|null], ...],
     "traces": {key: {...}, ...}}
    {"do": "show"}      {"do": "clear"}      {"do": "counters", "used": bool}      {"do": "stop"}
    {"do": "cut", "node": ...}      {"do": "heal", "node": ...}

``show`` answers with what ``apply`` takes, and with the ``backend`` that carries it out ("fabric"
or "tc"); of a link with a trace, the step that is in force. ``used`` leaves out the links that have
carried and lost nothing. Every answer has ``ok``; with false, ``error`` says why, ``hint`` the way
out where there is one, and nothing was changed. The socket is 0600: who may write to it is who
started the process.
"""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fogbed.network.fabric_memory import Memory
from fogbed.network.link import UNTOUCHED, Shape
from fogbed.network.local_links import Asked, AskedLink, Links, LinksError
from fogbed.plan.trace import Trace

_CHANGES = ("apply", "clear", "cut", "heal")
MAX_REQUEST = 16 * 2**20


class ControlServer:
    """Serves the control socket inside a loop of its caller's, without ever blocking it."""

    def __init__(self, path: str, links: Links, memory: Memory | None = None) -> None:
        self._path = path
        self._links = links
        self._memory = memory
        if memory is not None:
            for request in memory.read():
                self._perform(request)
        links.begin()
        self._peers: dict[int, _Peer] = {}
        self.stopped = False
        # SIGTERM must end a loop that waits: its handler writes here
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        Path(path).unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            self._listener.bind(path)
        finally:
            os.umask(mask)
        self._listener.listen()
        self._listener.setblocking(False)  # noqa: FBT003 - the socket's own signature

    def filenos(self) -> tuple[int, ...]:
        """Return the descriptors to wait for."""
        return (self._listener.fileno(), self._wake_read)

    def stop(self) -> None:
        """End the loop after its current turn."""
        self.stopped = True
        os.write(self._wake_write, b"\0")

    def close(self) -> None:
        """Close everything and remove the socket's file."""
        for peer in self._peers.values():
            peer.socket.close()
        self._listener.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        Path(self._path).unlink(missing_ok=True)

    def serve(self, fd: int, events: int, poller: select.epoll) -> None:
        """Take a connection, or go on with one."""
        if fd == self._listener.fileno():
            connection, _ = self._listener.accept()
            connection.setblocking(False)  # noqa: FBT003 - as above
            self._peers[connection.fileno()] = _Peer(connection)
            poller.register(connection.fileno(), select.EPOLLIN)
            return
        peer = self._peers.get(fd)
        if peer is None:
            return
        with suppress(BlockingIOError):
            try:
                if events & select.EPOLLIN:
                    peer.receive(self._answer)
                peer.flush()
            except (ConnectionError, EOFError):
                poller.unregister(fd)
                self._peers.pop(fd).socket.close()
                return
        poller.modify(fd, select.EPOLLIN | (select.EPOLLOUT if peer.outgoing else 0))

    def _answer(self, line: bytes) -> bytes:
        try:
            request = json.loads(line)
            reply = {"ok": True, **self._perform(request)}
            if self._memory is not None and request["do"] in _CHANGES:
                self._memory.write(self._restoring())
        except LinksError as error:
            reply = {"ok": False, "error": str(error), "hint": error.hint}
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            reply = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        return json.dumps(reply, separators=(",", ":")).encode() + b"\n"

    def _perform(self, request: dict[str, Any]) -> dict[str, Any]:
        done: dict[str, Any] = getattr(self, f"_do_{request['do']}")(request)
        return done

    def _restoring(self) -> list[dict[str, Any]]:
        """Return the requests that would bring another process to where this one is."""
        return [
            {"do": "apply", **self._as_request(self._links.asked())},
            *({"do": "cut", "node": node} for node in sorted(self._links.cut)),
        ]

    def _do_apply(self, request: dict[str, Any]) -> dict[str, Any]:
        numbers = {node: i for i, node in enumerate(self._links.nodes)}
        traces = {key: Trace.from_json(each) for key, each in request["traces"].items()}
        asked = [_asked(values, traces) for values in request["impairments"]]
        wanted = self._untouched()
        rows = [numbers[name] for name in request["nodes"]]
        for i, row in zip(rows, request["index"], strict=True):
            for j, index in zip(rows, row, strict=True):
                wanted[i][j] = asked[index]
        self._links.apply(Asked(int(request["seed"]), int(request["origin_ns"]), wanted))
        return {}

    def _do_show(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"backend": self._links.backend, **self._as_request(self._links.in_force())}

    def _as_request(self, asked: Asked) -> dict[str, Any]:
        """Return what ``apply`` would take."""
        distinct: dict[tuple[Any, ...], int] = {(*UNTOUCHED, None): 0}
        index = [
            [
                distinct.setdefault((*shape, trace and trace.key), len(distinct))
                for shape, trace in row
            ]
            for row in asked.links
        ]
        traces = {trace.key: trace for row in asked.links for _, trace in row if trace is not None}
        return {
            "nodes": list(self._links.nodes),
            "impairments": list(distinct),
            "index": index,
            "seed": asked.seed,
            "origin_ns": asked.origin_ns,
            "traces": {key: trace.to_json() for key, trace in traces.items()},
        }

    def _do_clear(self, _: dict[str, Any]) -> dict[str, Any]:
        self._links.apply(self._links.asked()._replace(links=self._untouched()))
        self._links.isolate(frozenset())
        return {}

    def _untouched(self) -> list[list[AskedLink]]:
        count = len(self._links.nodes)
        return [[(UNTOUCHED, None)] * count for _ in range(count)]

    def _do_counters(self, request: dict[str, Any]) -> dict[str, Any]:
        every = not request.get("used", False)
        links = [each for each in self._links.counted() if every or any(each[2:])]
        return {"nodes": list(self._links.nodes), "links": links, **self._links.cost()}

    def _do_cut(self, request: dict[str, Any]) -> dict[str, Any]:
        self._links.isolate(self._links.cut | {self._known(request["node"])})
        return {}

    def _do_heal(self, request: dict[str, Any]) -> dict[str, Any]:
        self._links.isolate(self._links.cut - {self._known(request["node"])})
        return {}

    def _known(self, node: str) -> str:
        if node not in self._links.nodes:
            raise KeyError(node)
        return node

    def _do_stop(self, _: dict[str, Any]) -> dict[str, Any]:
        self.stop()
        return {}


class _Peer:
    """One connection: what came in of an unfinished line, what has not gone out yet."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.outgoing = b""
        self._incoming = bytearray()

    def receive(self, answer: Any) -> None:  # noqa: ANN401 - Callable[[bytes], bytes]
        chunk = self.socket.recv(2**16)
        if not chunk or len(self._incoming) > MAX_REQUEST:
            raise EOFError
        self._incoming += chunk
        *lines, rest = self._incoming.split(b"\n")
        self._incoming = rest
        for line in lines:
            self.outgoing += answer(bytes(line))

    def flush(self) -> None:
        if self.outgoing:
            self.outgoing = self.outgoing[self.socket.send(self.outgoing) :]


def _asked(values: list[Any], traces: Mapping[str, Trace]) -> AskedLink:
    """Return a link's shape, and the trace that drives it."""
    delay_ms, jitter_ms, loss, rate_bps, corrupt, duplicate, reorder, key = values
    asked = Shape(
        float(delay_ms),
        float(jitter_ms),
        float(loss),
        rate_bps,
        float(corrupt),
        float(duplicate),
        float(reorder),
    )
    trace = None if key is None else traces[key]
    delays = None if trace is None else trace.delay_ms
    fractions = (asked.loss, asked.corrupt, asked.duplicate, asked.reorder)
    outside = asked.delay_ms < 0 or asked.jitter_ms < 0 or not all(0 <= f <= 1 for f in fractions)
    outside = outside or (asked.rate_bps is not None and asked.rate_bps <= 0)
    # nothing arrives before it left: cut off there, jitter would make the mean grow
    if outside or asked.jitter_ms > min(delays or (asked.delay_ms,)):
        raise ValueError(f"not an impairment: {values}")
    return asked, trace
