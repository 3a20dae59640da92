"""Kubernetes' channels over a WebSocket: numbered streams of bytes to and from a pod.

What is sent is held back while the other side does not read, and nothing is read on while nobody
takes it: neither side's slowness fills this computer's memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Self

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    RejectData,
    Request,
)
from wsproto.utilities import ProtocolError

from fogbed.clients.aborting import abort
from fogbed.clients.kube_login import Login
from fogbed.clients.kube_wire import ANSWER_S, CHUNK, Refused, Streams, connect, explained

_GOODBYE_S = 1.0
_ORDERLY = (1000, 1001, 1005)


class Channels:
    """Open channels; leaving the block closes them all.

    ``protocol``: which of those that were offered the API server chose. ``is_whole``: the other
    side has said that it is at its end.
    """

    def __init__(self, login: Login, streams: Streams) -> None:
        self._login = login
        self._reader, self._writer = streams
        self._socket = WSConnection(ConnectionType.CLIENT)
        self._events: Iterator[Event] = iter(())
        self._channel: int | None = None
        self.protocol = ""
        self.is_whole = False

    @classmethod
    async def open(cls, login: Login, path: str, protocols: Sequence[str]) -> Self:
        """Open the channels that the API server has at a path.

        Raises:
            Refused: it answered with an error.
            ServiceError: it does not answer.
        """
        with explained(login):
            async with asyncio.timeout(ANSWER_S):
                found = cls(login, await connect(login))
                try:
                    with _as_cut():
                        await found._shake_hands(path, protocols)
                except BaseException:
                    found.abort()
                    raise
        return found

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(OSError, ProtocolError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                if not self.is_whole:
                    self._writer.write(self._socket.send(CloseConnection(code=1000)))
                self._writer.close()
                await self._writer.wait_closed()
        self.abort()

    def abort(self) -> None:
        """Let go at once."""
        abort(self._writer)

    async def _shake_hands(self, path: str, protocols: Sequence[str]) -> None:
        request = Request(
            host=self._login.authority,
            target=self._login.prefix + path,
            subprotocols=list(protocols),
            extra_headers=[(a.encode(), b.encode()) for a, b in self._login.headers],
        )
        self._writer.write(self._socket.send(request))
        status, body = 0, b""
        while True:
            event = await self._event()
            if isinstance(event, AcceptConnection):
                self.protocol = event.subprotocol or ""
                return
            if isinstance(event, RejectConnection):
                status = event.status_code
            elif isinstance(event, RejectData):
                body += event.data
            has_ended = isinstance(event, RejectData) and event.body_finished
            if event is None or has_ended or not getattr(event, "has_body", True):
                raise Refused(path.partition("?")[0], status, body)

    async def _event(self) -> Event | None:
        """Return what comes next of the WebSocket; None: nothing ever will."""
        while True:
            for event in self._events:
                return event
            data = await self._reader.read(CHUNK)
            if not data:
                return None
            self._socket.receive_data(data)
            self._events = self._socket.events()

    async def send(self, channel: int, data: bytes) -> None:
        """Send some bytes on a channel; returns when there is room for more.

        Raises:
            ServiceError: the channels are cut.
        """
        with explained(self._login), _as_cut():
            self._writer.write(self._socket.send(BytesMessage(bytes([channel]) + data)))
            await self._writer.drain()

    async def receive(self) -> tuple[int, bytes] | None:
        """Return the next bytes and their channel; None when there are no more.

        Raises:
            ServiceError: the channels are cut.
        """
        with explained(self._login), _as_cut():
            while (event := await self._event()) is not None:
                if isinstance(event, BytesMessage):
                    channel, data = self._placed(event)
                    if data:
                        return channel, data
                elif isinstance(event, Ping):
                    self._writer.write(self._socket.send(event.response()))
                elif isinstance(event, CloseConnection):
                    self.is_whole = event.code in _ORDERLY
                    return None
        return None

    def _placed(self, event: BytesMessage) -> tuple[int, bytes]:
        """Return channel and content of a message, or of a piece of one that is under way."""
        data = bytes(event.data)
        if self._channel is None and data:
            self._channel, data = data[0], data[1:]
        channel = self._channel or 0
        if event.message_finished:
            self._channel = None
        return channel, data


@contextmanager
def _as_cut() -> Iterator[None]:
    """Have what is no WebSocket, or none any more, leave as an error of the connection."""
    try:
        yield
    except ProtocolError as error:
        raise ConnectionError(str(error)) from error
