"""A connection to a cluster's API server, by a kubeconfig; its keys touch no disk of ours."""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_refusals import Peer, no_connection, refusal
from fogbed.errors import ServiceError
from fogbed.paths import runtime_dir

_MADE_BY = "fogbed up fetches that of a cluster it made; kubectl config view shows another"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
# of a kubeconfig's entry: where a key or certificate stands in full, and where its file is named
_DATA_AND_FILE = (
    ("certificate-authority-data", "certificate-authority"),
    ("client-certificate-data", "client-certificate"),
    ("client-key-data", "client-key"),
)


class Connection:
    """The kubernetes client's own ``api``, and the one place where its errors become ours.

    Raises:
        ServiceError: the kubeconfig or the context is not there, or cannot be read.
    """

    def __init__(self, access: KubeAccess) -> None:
        # it takes a second to import: only who asks a cluster waits for it
        from kubernetes import client  # noqa: PLC0415

        self.access = access
        self._held = ExitStack()
        try:
            found = self._configuration()
        except BaseException:
            self._held.close()
            raise
        # urllib3 would warn of each of its tries on the terminal; one that fails is told by us
        found.retries = False
        self.server = str(found.host)
        self._certificate: str | None = found.cert_file
        self.api: Any = client.ApiClient(found)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, and let go of the keys."""
        self.api.close()
        self._held.close()

    def ask(
        self,
        call: Callable[..., Any],
        *words: object,
        about: str = "",
        **options: object,
    ) -> Any:  # noqa: ANN401 - the client has no types
        """Return what a call of the client answers; ``about``: the object that it is for.

        Raises:
            ServiceError: refused, with the API server's own reason and the way out.
            ServiceAwayError: nothing answers where the API server should be.
            ServiceBusyError: it is there and gave no answer in time.
        """
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            return call(*words, **options)
        except ApiException as error:
            raise refusal(
                error.status or 0, error.reason, error.body, peer=self._peer(), about=about
            ) from error
        except (HTTPError, OSError) as error:
            raise no_connection(error, peer=self._peer()) from error

    def _peer(self) -> Peer:
        return Peer(access=self.access, server=self.server, certificate=self._certificate)

    def _configuration(self) -> Any:  # noqa: ANN401
        from kubernetes import client, config  # noqa: PLC0415
        from kubernetes.config.kube_config import KubeConfigLoader  # noqa: PLC0415

        path = self.access.kubeconfig
        chosen = _chosen(_read(path), self.access)
        cluster, user = chosen["clusters"][0]["cluster"], chosen["users"][0]["user"]
        # a plugin that gives a certificate gives it as text, and OpenSSL reads files only
        folder = self._private_folder() if "exec" in user else None
        found = client.Configuration()
        try:
            for entry in (cluster, user):
                self._take_keys(entry, path)
            loader = KubeConfigLoader(  # type: ignore[no-untyped-call] # it ships no types
                config_dict=chosen,
                config_base_path=str(path.absolute().parent),
                temp_file_path=folder,
            )
            loader.load_and_set(found)  # type: ignore[no-untyped-call]
        except (config.ConfigException, KeyError, TypeError, ValueError) as error:
            raise ServiceError(
                f"{path} cannot be used as a kubeconfig: {error}", hint=_MADE_BY
            ) from error
        # as kubectl: a proxy from the environment does not know loopback
        if urlsplit(found.host).hostname in _LOOPBACK and "proxy-url" not in cluster:
            found.proxy = None
        return found

    def _take_keys(self, entry: dict[str, Any], path: Path) -> None:
        for data, file in _DATA_AND_FILE:
            if entry.get(data):
                try:
                    content = base64.b64decode(entry.pop(data), validate=True)
                except (binascii.Error, TypeError, ValueError) as error:
                    raise ServiceError(f"{path}: {data} is not base64", hint=_MADE_BY) from error
                entry[file] = self._in_memory(content)

    def _in_memory(self, content: bytes) -> str:
        # the kernel takes it back however we end; the client's own files outlive a kill
        descriptor = os.memfd_create("fogbed-key")
        self._held.callback(os.close, descriptor)
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        return f"/proc/self/fd/{descriptor}"

    def _private_folder(self) -> str:
        folder = tempfile.TemporaryDirectory(prefix="keys-", dir=runtime_dir())
        return self._held.enter_context(folder)


def _read(path: Path) -> Mapping[str, Any]:
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


def _chosen(config: Mapping[str, Any], access: KubeAccess) -> dict[str, Any]:
    """Return a kubeconfig of the one context alone, to be changed freely."""
    contexts = _named(config, "contexts", "context")
    name = access.context or config.get("current-context") or ""
    if name not in contexts:
        there = ", ".join(sorted(contexts)) or "none"
        what = f"has no context {name}" if name else "has no current context"
        raise ServiceError(
            f"{access.kubeconfig} {what}",
            hint=f"it has: {there}; name one with context: in the testbed's file",
        )
    cluster, user = (str(contexts[name].get(part) or "") for part in ("cluster", "user"))
    clusters, users = _named(config, "clusters", "cluster"), _named(config, "users", "user")
    if not clusters.get(cluster, {}).get("server"):
        raise ServiceError(
            f"{access.kubeconfig}: context {name} is of cluster {cluster or '(none)'}, "
            "of which it has no address",
            hint=_MADE_BY,
        )
    return {
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": cluster, "user": user}}],
        "clusters": [{"name": cluster, "cluster": dict(clusters[cluster])}],
        "users": [{"name": user, "user": dict(users.get(user, {}))}],
    }


def _named(config: Mapping[str, Any], kind: str, value: str) -> dict[str, Mapping[str, Any]]:
    entries = [each for each in config.get(kind) or [] if isinstance(each, dict)]
    return {str(each.get("name")): each.get(value) or {} for each in entries}
