"""The object store of a testbed, as this computer reaches it: fogbed's own MinIO, or the user's."""

from __future__ import annotations

import base64
from typing import Protocol

from fogbed.clients.kube_objects import KubeObjects
from fogbed.clients.object_store import ObjectStore
from fogbed.errors import PlatformError
from fogbed.plan.cluster import namespace_of
from fogbed.plan.services.flink import bucket_of
from fogbed.platforms.kubernetes.credentials import Credentials
from fogbed.spec.testbed import Testbed


class Reaching(Protocol):
    """How the ports of a cluster's services are reached."""

    @property
    def kube(self) -> KubeObjects:
        """Its API server."""

    def url(self, service: str, port: int) -> str:
        """Return where a port of a service is on loopback."""


def open_store(testbed: Testbed, reaching: Reaching, own: Credentials) -> ObjectStore:
    """Return the testbed's store, with the rights of its jobs.

    Raises:
        PlatformError: the user's own store has no Secret to open it with.
        ServiceError: the cluster cannot be asked.
    """
    minio, bucket = testbed.services.minio, bucket_of(testbed)
    if minio.endpoint is None:
        return ObjectStore(reaching.url("minio", 9000), own.access_key, own.secret_key, bucket)
    keys = _keys(reaching.kube, testbed, minio.secret or "")
    return ObjectStore(minio.endpoint, keys["access-key"], keys["secret-key"], bucket)


def _keys(kube: KubeObjects, testbed: Testbed, name: str) -> dict[str, str]:
    namespace = namespace_of(testbed.name)
    found = kube.get("v1", "Secret", name, namespace)
    data = (found or {}).get("data", {})
    if not {"access-key", "secret-key"} <= set(data):
        raise PlatformError(
            f"Secret {name} of namespace {namespace} does not open "
            f"{testbed.services.minio.endpoint}: it has no access-key and secret-key",
            hint=f"kubectl -n {namespace} create secret generic {name} --from-file=access-key=FILE "
            "--from-file=secret-key=FILE",
        )
    return {key: base64.b64decode(text).decode() for key, text in data.items()}
