"""What opens a testbed's object store: made once, kept here and in the cluster, shown nowhere."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fogbed.errors import PlatformError
from fogbed.files import write_whole
from fogbed.plan.cluster import labels_of, namespace_of
from fogbed.platforms.kubernetes.folder import KubeFolder
from fogbed.spec.testbed import Testbed

_BYTES = 24
_ROOT, _OWN = "minio-root", "flink-s3"


class Getter(Protocol):
    """What gets a cluster's objects (``KubeObjects``)."""

    def get(
        self, api_version: str, kind: str, name: str, namespace: str = ""
    ) -> Mapping[str, Any] | None:
        """Return an object as the API spells it; None if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The store's administrator, and the user that jobs and fogbed itself work as."""

    root_user: str
    root_password: str = field(repr=False)
    access_key: str
    secret_key: str = field(repr=False)


def keep_credentials(folder: KubeFolder) -> Credentials:
    """Return the testbed's credentials; they are made at the first call.

    Raises:
        PlatformError: what was kept cannot be read.
    """
    if folder.credentials.exists():
        return _read(folder.credentials)
    made = Credentials(
        root_user=f"root-{secrets.token_hex(4)}",
        root_password=secrets.token_urlsafe(_BYTES),
        access_key=f"fogbed-{secrets.token_hex(4)}",
        secret_key=secrets.token_urlsafe(_BYTES),
    )
    _write(folder, made)
    return made


def adopt_credentials(folder: KubeFolder, kube: Getter, testbed: str) -> None:
    """Keep what the testbed's Secrets hold, where nothing is kept here: its store knows only that.

    Raises:
        ServiceError: the cluster cannot be asked.
    """
    if folder.credentials.exists():
        return
    found = [
        (kube.get("v1", "Secret", name, namespace_of(testbed)) or {}).get("data") or {}
        for name in (_ROOT, _OWN)
    ]
    root, own = ({key: base64.b64decode(each).decode() for key, each in d.items()} for d in found)
    if {"user", "password"} <= set(root) and {"access-key", "secret-key"} <= set(own):
        there = Credentials(
            root_user=root["user"],
            root_password=root["password"],
            access_key=own["access-key"],
            secret_key=own["secret-key"],
        )
        _write(folder, there)


def _read(path: Path) -> Credentials:
    try:
        return Credentials(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        # what it says is a secret
        raise PlatformError(
            f"{path} does not hold the credentials that this version of fogbed keeps there",
            hint="move it away: fogbed up takes them from the cluster, or makes new ones",
        ) from error


def _write(folder: KubeFolder, credentials: Credentials) -> None:
    folder.make()
    text = f"{json.dumps(asdict(credentials), indent=2)}\n"
    write_whole(folder.credentials, text, mode=0o600)


def as_secrets(credentials: Credentials, testbed: Testbed) -> tuple[dict[str, Any], ...]:
    """Return the two Secrets of the cluster that pods read."""
    root = {"user": credentials.root_user, "password": credentials.root_password}
    own = {"access-key": credentials.access_key, "secret-key": credentials.secret_key}
    return (
        _secret(_ROOT, "minio", testbed, root),
        _secret(_OWN, "jobmanager", testbed, own),
    )


def _secret(name: str, component: str, testbed: Testbed, data: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace_of(testbed.name),
            "labels": labels_of(testbed.name, component),
        },
        "type": "Opaque",
        "stringData": data,
    }
