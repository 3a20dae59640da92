"""How a kubeconfig lets somebody in: its address, what it trusts, who it says we are.

Read by what streams through the API server (``forwarder``, ``kube_exec``), which must start at
once: importing the client for objects takes most of a second. No key of a kubeconfig reaches a
disk: where the ssl module wants a file, it gets one in memory.
"""

from __future__ import annotations

import base64
import binascii
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_plugin import Credentials, ask_plugin
from fogbed.clients.proxies import proxy_for
from fogbed.errors import ServiceError

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where an API server is and how it is spoken to; ``tls`` None: plainly, as kubectl's proxy.

    ``prefix`` goes before every path. ``headers`` say who we are. ``proxy``: the URL of an HTTP
    proxy on the way, or empty.
    """

    host: str
    port: int
    prefix: str
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    proxy: str = field(default="", repr=False)

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
    path = access.kubeconfig
    cluster, user = _chosen(_document(path), path, access.context)
    server = str(cluster.get("server", ""))
    try:
        url = urlsplit(server)
        port = url.port or _PORTS[url.scheme]
        host = url.hostname or ""
    except (KeyError, ValueError) as error:
        raise ServiceError(f"{path}: {server!r} is no address of an API server") from error
    user = {**user, **_from_plugin(user, cluster, path)}
    return Login(
        host=host,
        port=port,
        prefix=url.path.rstrip("/"),
        tls=_tls(cluster, user, path) if url.scheme == "https" else None,
        server_name=str(cluster.get("tls-server-name") or host),
        headers=tuple(_headers(user, path)),
        proxy=str(cluster.get("proxy-url") or "") or proxy_for(url.scheme, host, port, os.environ),
    )


def _document(path: Path) -> Mapping[str, Any]:
    try:
        found = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ServiceError(
            f"{path} cannot be read: {error.strerror}", hint="fogbed up fetches it"
        ) from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise ServiceError(f"{path} is no kubeconfig: it is not YAML") from error
    if not isinstance(found, Mapping):
        raise ServiceError(f"{path} is no kubeconfig")
    return found


def _chosen(
    config: Mapping[str, Any], path: Path, context: str | None
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return cluster and user of a context."""
    name = context or config.get("current-context") or ""
    if not name:
        raise ServiceError(f"{path} has no current context", hint="name one (context:)")
    chosen = _entry(config, "contexts", "context", name, path)
    cluster = _entry(config, "clusters", "cluster", str(chosen.get("cluster", "")), path)
    who = chosen.get("user")
    return cluster, _entry(config, "users", "user", str(who), path) if who else {}


def _entry(
    config: Mapping[str, Any], kind: str, key: str, name: str, path: Path
) -> Mapping[str, Any]:
    entries = config.get(kind) or ()
    for each in entries:
        if each.get("name") == name:
            return each.get(key) or {}
    known = ", ".join(str(each.get("name")) for each in entries) or "none"
    raise ServiceError(f"{path} has no {key} called {name}", hint=f"its {kind}: {known}")


def _from_plugin(
    user: Mapping[str, Any], cluster: Mapping[str, Any], path: Path
) -> Mapping[str, Any]:
    if not (plugin := user.get("exec")):
        return {}
    found: Credentials = ask_plugin(plugin, cluster, path)
    given = {
        "token": found.token,
        "client-certificate-data": _packed(found.certificate),
        "client-key-data": _packed(found.key),
    }
    return {key: value for key, value in given.items() if value}


def _packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], path: Path) -> ssl.SSLContext:
    # not create_default_context: from Python 3.13 on it refuses authorities that kubeadm, k3s and
    # clouds made, for what they leave out
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if cluster.get("insecure-skip-tls-verify"):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif authority := _content(cluster, "certificate-authority", path):
            context.load_verify_locations(cadata=authority.decode())
        else:
            context.load_default_certs()
        certificate = _content(user, "client-certificate", path)
        key = _content(user, "client-key", path)
        if certificate and key:
            with _in_memory(certificate) as chain, _in_memory(key) as private:
                context.load_cert_chain(chain, private)
    except (ssl.SSLError, UnicodeDecodeError) as error:
        raise ServiceError(f"{path} holds a certificate or key that is none: {error}") from error
    return context


def _content(entry: Mapping[str, Any], key: str, path: Path) -> bytes:
    """Return what stands under ``KEY-data``, or in the file that ``KEY`` names; else nothing."""
    try:
        if data := entry.get(f"{key}-data"):
            return base64.b64decode(data)
        if named := entry.get(key):
            return (path.parent / str(named)).read_bytes()
    except binascii.Error as error:
        raise ServiceError(f"{path}: {key}-data is not base64") from error
    except OSError as error:
        raise ServiceError(f"{path}: {key}: {error.filename}: {error.strerror}") from error
    return b""


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    descriptor = os.memfd_create("fogbed")
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _headers(user: Mapping[str, Any], path: Path) -> Iterator[tuple[str, str]]:
    if token := _token(user, path):
        yield "Authorization", f"Bearer {token}"
    elif user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}"
        yield "Authorization", f"Basic {_packed(pair)}"
    if user.get("as"):
        yield "Impersonate-User", str(user["as"])
    if user.get("as-uid"):
        yield "Impersonate-Uid", str(user["as-uid"])
    for group in user.get("as-groups") or ():
        yield "Impersonate-Group", str(group)


def _token(user: Mapping[str, Any], path: Path) -> str:
    if named := user.get("tokenFile"):
        return _content({"tokenFile": named}, "tokenFile", path).decode().strip()
    if user.get("token"):
        return str(user["token"])
    if provider := user.get("auth-provider"):
        token = (provider.get("config") or {}).get("id-token")
        if not token:
            raise ServiceError(
                f"{path}: the auth-provider {provider.get('name')} is none that Kubernetes has",
                hint="use a credential plugin (exec:), as kubectl wants it since 1.26",
            )
        return str(token)
    return ""
