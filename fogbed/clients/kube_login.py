"""How a context of a kubeconfig lets somebody in: its address, its TLS, who it says we are.

For what streams through the API server (``forwarder``, ``kube_exec``) and for the client of
objects (``kube_connection``) alike. Streams must start at once: nothing here imports that client,
which takes most of a second. No key reaches a disk: where the ssl module wants a file, it gets one
in memory for that moment.
"""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, urlsplit

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_context import KubeContext, read_context
from fogbed.clients.kube_plugin import ask_plugin
from fogbed.clients.proxies import proxy_for
from fogbed.errors import ServiceError

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where an API server is and how it is spoken to; ``tls`` None: plainly, as kubectl's proxy.

    ``server`` is its URL, ``prefix`` goes before every path. ``headers`` say who we are; a name
    may stand there twice. ``proxy``: the URL of a proxy on the way, or empty. ``certificate``: the
    user's (PEM), if it has one. ``ends``: until when the credentials hold (epoch seconds), where
    the plugin that gave them says so.
    """

    server: str
    host: str
    port: int
    prefix: str
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    proxy: str = field(default="", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    ends: float | None = None

    @property
    def authority(self) -> str:
        """Return host and port as HTTP writes them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_login(access: KubeAccess) -> Login:
    """Return how the API server of a context is reached; runs its credential plugin, if any.

    Raises:
        ServiceError: the file cannot be read, names no such context, or nobody can be let in by
            it.
    """
    context = read_context(access)
    url, port = _address(context)
    host = url.hostname or ""
    context, ends = _with_plugin(context)
    return Login(
        server=context.server,
        host=host,
        port=port,
        prefix=url.path.rstrip("/"),
        tls=_tls(context) if url.scheme == "https" else None,
        server_name=context.server_name or host,
        headers=(*_identity(context), *context.impersonation),
        proxy=context.proxy or proxy_for(url.scheme, host, port, os.environ),
        certificate=context.certificate,
        ends=ends,
    )


def _address(context: KubeContext) -> tuple[SplitResult, int]:
    try:
        url = urlsplit(context.server)
        return url, url.port or _PORTS[url.scheme]
    except (KeyError, ValueError) as error:
        raise ServiceError(
            f"{context.path}: {context.server!r} is no address of an API server",
            hint="its server: is a URL, as https://192.0.2.10:6443",
        ) from error


def _with_plugin(context: KubeContext) -> tuple[KubeContext, float | None]:
    """Return the context with what its plugin gives, and until when that holds."""
    if context.plugin is None:
        return context, None
    given = ask_plugin(context.plugin, context)
    if given.certificate:
        certificate, key = given.certificate.encode(), given.key.encode()
        context = replace(context, certificate=certificate, key=key)
    return replace(context, token=given.token or context.token), given.ends


def _identity(context: KubeContext) -> Iterator[tuple[str, str]]:
    if context.token:
        yield "Authorization", f"Bearer {context.token}"
    elif context.basic:
        pair = ":".join(context.basic)
        yield "Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"


def _tls(context: KubeContext) -> ssl.SSLContext:
    # not create_default_context: from Python 3.13 on it refuses authorities that kubeadm, k3s and
    # clouds made, for what they leave out
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if not context.is_verified:
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
        elif context.authority:
            with _in_memory(context.authority) as file:
                tls.load_verify_locations(file)
        else:
            tls.load_default_certs()
        if context.certificate and context.key:
            with _in_memory(context.certificate) as chain, _in_memory(context.key) as private:
                tls.load_cert_chain(chain, private)
    except ssl.SSLError as error:
        raise ServiceError(
            f"{context.path} holds a certificate or key that is none: {error}",
            hint="fetch the kubeconfig again (fogbed up does, where it made the cluster)",
        ) from error
    return tls


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    # the kernel takes it back however we end
    descriptor = os.memfd_create("fogbed")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
