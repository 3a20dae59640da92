"""What Prometheus asks, in the keeper's namespace: its targets, the keeper's figures, Flink's.

A request for a process' metrics is passed on by a connection made inside the node's namespace, so
that scraping puts no packet on an emulated link. One request a connection: hundreds of processes
would otherwise hold two descriptors each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from fogbed.platforms.local.forward import Dialler

_LONGEST_S = 60.0  # of a scrape, spec
_CHUNK = 64 * 1024
_PASSED_ON = ("accept", "accept-encoding", "user-agent", "x-prometheus-scrape-timeout-seconds")


@dataclass(frozen=True, slots=True)
class Page:
    """What the keeper says itself: its type, and what makes its text."""

    content_type: str
    text: Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process tells its metrics: ``address`` in a namespace (its descriptor)."""

    namespace: int
    address: tuple[str, int]


class ScrapeServer:
    """Answers GET requests for ``pages`` and ``places``, by path."""

    def __init__(
        self, pages: Mapping[str, Page], places: Mapping[str, Place], dialler: Dialler
    ) -> None:
        self._pages = pages
        self._places = places
        self._dialler = dialler
        self._server: asyncio.Server | None = None

    async def serve(self, port: int) -> None:
        """Accept connections on loopback until ``close``."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", port)

    def close(self) -> None:
        """Accept no more."""
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(
            OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            async with asyncio.timeout(_LONGEST_S):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                request, *headers = head.split("\r\n")
                await self._respond(request, headers, writer)
                await writer.drain()
        writer.close()

    async def _respond(
        self, request: str, headers: list[str], writer: asyncio.StreamWriter
    ) -> None:
        method, _, path = request.rpartition(" ")[0].partition(" ")
        page, place = self._pages.get(path), self._places.get(path)
        if method != "GET":
            _say(writer, "405 Method Not Allowed", "only GET is answered\n")
        elif page is not None:
            _say(writer, "200 OK", await page.text(), page.content_type)
        elif place is not None:
            await self._pass_on(place, headers, writer)
        else:
            _say(writer, "404 Not Found", f"there is no {path}\n")

    async def _pass_on(
        self, place: Place, headers: list[str], writer: asyncio.StreamWriter
    ) -> None:
        try:
            inner, outgoing = await self._dialler.connect(place.namespace, place.address)
        except OSError:  # the process is not there, or not yet
            address, port = place.address
            _say(writer, "502 Bad Gateway", f"{address}:{port} does not answer\n")
            return
        try:
            kept = [line for line in headers if line.partition(":")[0].lower() in _PASSED_ON]
            # of HTTP 1.0: the answer ends with the connection
            lines = ["GET /metrics HTTP/1.0", f"Host: {place.address[0]}", *kept, "", ""]
            outgoing.write("\r\n".join(lines).encode("latin-1"))
            while chunk := await inner.read(_CHUNK):
                writer.write(chunk)
                await writer.drain()
        finally:
            outgoing.close()


def _say(
    writer: asyncio.StreamWriter, status: str, text: str, content_type: str = "text/plain"
) -> None:
    body = text.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}"
    writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)
