"""A connection to an API server, straight or through a proxy, and its errors in our words."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from fogbed.clients.aborting import abort
from fogbed.clients.kube_login import Login
from fogbed.errors import ServiceError

ANSWER_S = 10.0
CHUNK = 2**17
# An API server that is gone without a word is given up after half a minute. Pings would not do:
# their answers wait behind the data that a slow reader holds up.
_KEEPALIVE = {socket.TCP_KEEPIDLE: 15, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}
_WAYS_OUT = {
    401: "the kubeconfig's credentials do not hold (any more): fetch new ones",
    403: "ask the cluster's administrator for the right that is named",
}
_KEPT = 4000
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Refused(ServiceError):  # noqa: N818 - what the server did
    """The API server answered that it will not; ``status`` is HTTP's."""

    def __init__(self, what: str, status: int, body: bytes) -> None:
        said = _reason(body) or f"HTTP {status}"
        super().__init__(f"{what}: the API server refused: {said}", hint=_WAYS_OUT.get(status))
        self.status = status


async def connect(login: Login) -> Streams:
    """Return a connection on which HTTP can be spoken.

    Raises:
        OSError, EOFError: as asyncio; see ``explained``.
    """
    if not login.proxy:
        reader, writer = await _open(login.host, login.port)
    else:
        reader, writer = await _through_proxy(login)
    try:
        if login.tls is not None:
            await writer.start_tls(login.tls, server_hostname=login.server_name)
    except BaseException:
        abort(writer)
        raise
    return reader, writer


async def _open(host: str, port: int) -> Streams:
    reader, writer = await asyncio.open_connection(host, port, limit=CHUNK)
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE.items():
        raw.setsockopt(socket.IPPROTO_TCP, option, value)
    return reader, writer


async def _through_proxy(login: Login) -> Streams:
    proxy = urlsplit(login.proxy)
    if proxy.scheme != "http" or not proxy.hostname:
        shown = f"{proxy.scheme}://{proxy.hostname}"
        raise ServiceError(
            f"the proxy {shown} is of a kind that is not spoken here",
            hint="name one of http://, or put the API server's address into NO_PROXY",
        )
    reader, writer = await _open(proxy.hostname, proxy.port or 80)
    try:
        lines = [f"CONNECT {login.authority} HTTP/1.1", f"Host: {login.authority}"]
        if proxy.username:
            pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
            lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}")
        writer.write("\r\n".join([*lines, "", ""]).encode())
        answer = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
        _require_way(answer.partition("\r\n")[0], proxy.hostname)
    except BaseException:
        abort(writer)
        raise
    return reader, writer


def _require_way(first_line: str, proxy: str) -> None:
    if first_line.split(" ")[1:2] != ["200"]:
        raise ServiceError(f"the proxy {proxy} gives no way to the cluster: {first_line}")


@contextmanager
def explained(login: Login) -> Iterator[None]:
    """Have errors on the way to an API server leave as ServiceError, in our words."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise ServiceError(
            f"{login.authority} is not the API server of the kubeconfig: {error.verify_message}",
            hint="the cluster was made anew, or its certificate has expired: fetch a new "
            "kubeconfig",
        ) from error
    except TimeoutError as error:
        raise _silent(login, f"nothing within {ANSWER_S:g} s") from error
    except EOFError as error:
        raise _silent(login, "it closed the connection") from error
    except OSError as error:
        raise _silent(login, error.strerror or str(error)) from error


def _silent(login: Login, what: str) -> ServiceError:
    return ServiceError(
        f"the API server at {login.authority} does not answer: {what}",
        hint="is it up, and reachable from here? fogbed doctor looks",
    )


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body[:_KEPT].decode(errors="replace").strip()
