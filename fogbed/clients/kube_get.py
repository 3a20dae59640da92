"""What streams need to know of a cluster's objects: a GET over a connection that is kept."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11

from fogbed.clients.aborting import abort
from fogbed.clients.kube_login import Login
from fogbed.clients.kube_wire import ANSWER_S, CHUNK, Refused, Streams, connect, explained
from fogbed.errors import ServiceError

_OK = 200


class Reader:
    """Reads objects of one cluster, one request after the other."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._streams: Streams | None = None
        self._http = h11.Connection(h11.CLIENT)

    def close(self) -> None:
        """Let go of the connection; a later request makes another."""
        if self._streams is not None:
            abort(self._streams[1])
        self._streams = None

    async def get(self, path: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return the answer to a GET of a path.

        Raises:
            Refused: the API server answered with an error.
            ServiceError: it does not answer.
        """
        if self._streams is not None:
            try:
                return await self._get(path)
            except ServiceError as error:
                # else it had closed the connection while nobody asked anything, or is gone
                if isinstance(error, Refused):
                    raise
        return await self._get(path)

    async def _get(self, path: str) -> Any:  # noqa: ANN401
        try:
            with explained(self._login):
                async with asyncio.timeout(ANSWER_S):
                    status, body = await self._answer(path)
        except BaseException:
            self.close()
            raise
        if status != _OK:
            raise Refused(path.partition("?")[0], status, body)
        return json.loads(body)

    async def _answer(self, path: str) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await connect(self._login)
            self._http = h11.Connection(h11.CLIENT)
        reader, writer = self._streams
        headers = [("Host", self._login.authority), ("Accept", "application/json")]
        request = h11.Request(
            method="GET",
            target=self._login.prefix + path,
            headers=[*headers, *self._login.headers],
        )
        writer.write(self._http.send(request) + self._http.send(h11.EndOfMessage()))
        try:
            return await self._read(reader)
        except h11.RemoteProtocolError as error:
            raise ConnectionError(str(error)) from error

    async def _read(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        status, body = 0, bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await reader.read(CHUNK))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
        if self._http.our_state is h11.MUST_CLOSE or self._http.their_state is h11.MUST_CLOSE:
            self.close()
        else:
            self._http.start_next_cycle()
        return status, bytes(body)
