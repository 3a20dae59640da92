"""What opens a testbed's object store: made once, kept here and in the cluster, shown nowhere."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

from fogbed.files import write_whole
from fogbed.plan.cluster import labels_of, namespace_of
from fogbed.platforms.kubernetes.folder import KubeFolder
from fogbed.spec.testbed import Testbed

_BYTES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The store's administrator, and the user that jobs and fogbed itself work as."""

    root_user: str
    root_password: str = field(repr=False)
    access_key: str
    secret_key: str = field(repr=False)


def keep_credentials(folder: KubeFolder) -> Credentials:
    """Return the testbed's credentials; they are made at the first call."""
    if folder.credentials.exists():
        return Credentials(**json.loads(folder.credentials.read_text(encoding="utf-8")))
    made = Credentials(
        root_user=f"root-{secrets.token_hex(4)}",
        root_password=secrets.token_urlsafe(_BYTES),
        access_key=f"fogbed-{secrets.token_hex(4)}",
        secret_key=secrets.token_urlsafe(_BYTES),
    )
    folder.make()
    write_whole(folder.credentials, f"{json.dumps(asdict(made), indent=2)}\n", mode=0o600)
    return made


def as_secrets(credentials: Credentials, testbed: Testbed) -> tuple[dict[str, Any], ...]:
    """Return the two Secrets of the cluster that pods read."""
    root = {"user": credentials.root_user, "password": credentials.root_password}
    own = {"access-key": credentials.access_key, "secret-key": credentials.secret_key}
    return (
        _secret("minio-root", "minio", testbed, root),
        _secret("flink-s3", "jobmanager", testbed, own),
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
