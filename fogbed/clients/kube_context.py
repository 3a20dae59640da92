"""What a kubeconfig says of one context: the one reading of it, for all that asks a cluster.

A plain value: no program is run, no connection opened, and keys are held in memory only.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from fogbed.clients.kube_access import KubeAccess
from fogbed.errors import ServiceError

_MADE_BY = "fogbed up fetches that of a cluster it made; kubectl config view shows another"
# what may stand in a header's name besides letters and digits; client-go escapes the rest too
_HEADER_SAFE = "!#$&'*+-.^_`|~"
_Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeContext:
    """A cluster and a user of it, as a kubeconfig at ``path`` has them.

    ``server``: a URL. ``authority``, ``certificate`` and ``key``: PEM; empty where there is none.
    ``proxy``: the URL of a proxy of this cluster's own. ``plugin``: what is run for credentials.
    ``impersonation``: the headers that say as whom else the user asks.
    """

    path: Path
    server: str
    server_name: str = ""
    is_verified: bool = True
    proxy: str = field(default="", repr=False)
    authority: bytes = b""
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)
    plugin: Mapping[str, Any] | None = field(default=None, repr=False)
    plugin_settings: Any = field(default=None, repr=False)
    impersonation: tuple[tuple[str, str], ...] = ()


def read_context(access: KubeAccess) -> KubeContext:
    """Return what the kubeconfig says of the context, with what is in the files that it names.

    Raises:
        ServiceError: a file cannot be read, or it names no such context, or the context is not
            whole.
    """
    path = access.kubeconfig
    cluster, user = _chosen(_document(path), access)
    name = user.get("username")
    found = KubeContext(
        path=path,
        server=str(cluster["server"]).rstrip("/"),
        server_name=str(cluster.get("tls-server-name") or ""),
        is_verified=not cluster.get("insecure-skip-tls-verify"),
        proxy=str(cluster.get("proxy-url") or ""),
        authority=_content(cluster, "certificate-authority", path),
        certificate=_content(user, "client-certificate", path),
        key=_content(user, "client-key", path),
        token=_token(user, path),
        basic=(str(name), str(user.get("password") or "")) if name else None,
        plugin=user.get("exec") or None,
        plugin_settings=_plugin_settings(cluster),
        impersonation=tuple(_impersonation(user)),
    )
    if bool(found.certificate) != bool(found.key):
        missing = "client-key" if found.certificate else "client-certificate"
        raise ServiceError(f"{path}: the user has no {missing}", hint=_MADE_BY)
    return found


def _document(path: Path) -> _Entry:
    try:
        config = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ServiceError(f"there is no kubeconfig {path}", hint=_MADE_BY) from error
    except OSError as error:
        raise ServiceError(f"{path} cannot be read: {error.strerror}") from error
    except (YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ServiceError(f"{where}: this is no kubeconfig (no YAML)", hint=_MADE_BY) from error
    if not isinstance(config, dict) or not isinstance(config.get("clusters"), list):
        raise ServiceError(f"{path} names no cluster", hint=_MADE_BY)
    return config


def _chosen(config: _Entry, access: KubeAccess) -> tuple[_Entry, _Entry]:
    """Return cluster and user of the context that is meant; a context may have no user."""
    path, contexts = access.kubeconfig, _named(config, "contexts", "context")
    name = access.context or str(config.get("current-context") or "")
    if name not in contexts:
        what = f"has no context {name}" if name else "has no current context"
        raise ServiceError(
            f"{path} {what}",
            hint=f"it has: {_listed(contexts)}; name one with context: in the testbed's file",
        )
    cluster, user = (str(contexts[name].get(part) or "") for part in ("cluster", "user"))
    clusters, users = _named(config, "clusters", "cluster"), _named(config, "users", "user")
    if not clusters.get(cluster, {}).get("server"):
        raise ServiceError(
            f"{path}: context {name} is of cluster {cluster or '(none)'}, "
            "of which it has no address",
            hint=_MADE_BY,
        )
    if user and user not in users:
        raise ServiceError(
            f"{path} has no user {user}, of which its context {name} is",
            hint=f"it has: {_listed(users)}; kubectl config view shows it",
        )
    return clusters[cluster], users.get(user, {})


def _named(config: _Entry, kind: str, value: str) -> dict[str, _Entry]:
    entries = [each for each in config.get(kind) or () if isinstance(each, dict)]
    found = ((str(each.get("name")), each.get(value)) for each in entries)
    return {name: entry if isinstance(entry, dict) else {} for name, entry in found}


def _listed(entries: Mapping[str, object]) -> str:
    return ", ".join(sorted(entries)) or "none"


def _content(entry: _Entry, key: str, path: Path) -> bytes:
    """Return what stands under ``KEY-data``, or in the file that ``KEY`` names; else nothing."""
    if data := entry.get(f"{key}-data"):
        try:
            # as Go: it may be folded
            return base64.b64decode("".join(str(data).split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise ServiceError(f"{path}: {key}-data is not base64", hint=_MADE_BY) from error
    return _file(entry, key, path)


def _file(entry: _Entry, key: str, path: Path) -> bytes:
    if not (named := entry.get(key)):
        return b""
    try:
        return (path.absolute().parent / str(named)).read_bytes()
    except OSError as error:
        raise ServiceError(
            f"{path}: {key}: {error.filename}: {error.strerror}", hint=_MADE_BY
        ) from error


def _token(user: _Entry, path: Path) -> str:
    if user.get("tokenFile"):
        return _file(user, "tokenFile", path).decode(errors="replace").strip()
    provider = user.get("auth-provider")
    if user.get("token") or not isinstance(provider, dict):
        return str(user.get("token") or "").strip()
    if token := (provider.get("config") or {}).get("id-token"):
        return str(token)
    raise ServiceError(
        f"{path}: the auth-provider {provider.get('name')} is none that Kubernetes has",
        hint="use a credential plugin (exec:), as kubectl wants it since 1.26",
    )


def _plugin_settings(cluster: _Entry) -> Any:  # noqa: ANN401 - whatever the plugin reads
    extensions = cluster.get("extensions") or ()
    found = (each for each in extensions if isinstance(each, dict))
    wanted = "client.authentication.k8s.io/exec"
    return next((each.get("extension") for each in found if each.get("name") == wanted), None)


def _impersonation(user: _Entry) -> Iterator[tuple[str, str]]:
    if user.get("as"):
        yield "Impersonate-User", str(user["as"])
    if user.get("as-uid"):
        yield "Impersonate-Uid", str(user["as-uid"])
    for group in user.get("as-groups") or ():
        yield "Impersonate-Group", str(group)
    for key, values in (user.get("as-user-extra") or {}).items():
        name = f"Impersonate-Extra-{quote(str(key), safe=_HEADER_SAFE)}"
        yield from ((name, str(value)) for value in values or ())
