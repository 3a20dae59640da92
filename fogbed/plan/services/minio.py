"""MinIO: the object storage of a cluster, one process with one volume."""

from __future__ import annotations

from typing import Any

from fogbed.plan.cluster import Cluster, cluster_name_of
from fogbed.plan.services.service import Port

S3 = Port(name="s3", number=9000)
MEMORY = 512 * 2**20  # bytes; 110 MB resident when idle, buffers of uploads come on top
USER = 1000  # uid and gid: the volume belongs to it
ROOT_SECRET = "minio-root"  # noqa: S105 - the name of a Secret


def pod(cluster: Cluster) -> dict[str, Any]:
    """Return what MinIO's manifests are rendered with."""
    testbed = cluster.testbed
    minio = testbed.services.minio
    own_class = cluster_name_of(testbed.name) if needs_local_path(cluster) else None
    return {
        "image": cluster.image("minio"),
        "node": testbed.minio_node,
        "host": cluster.host(testbed.minio_node),
        "memory": MEMORY,
        # the collector works harder before the kernel kills
        "soft_memory": MEMORY * 7 // 8,
        "user": USER,
        "port": S3,
        "secret": ROOT_SECRET,
        "size": minio.size,
        "host_path": minio.host_path,
        "storage_class": minio.storage_class or own_class,
        "volume": f"{cluster_name_of(testbed.name)}-minio",
    }


def needs_local_path(cluster: Cluster) -> bool:
    """Whether fogbed has to bring a storage class of its own, below a folder of each node."""
    minio = cluster.testbed.services.minio
    named = minio.storage_class or minio.host_path
    return cluster.testbed.has_minio and not (named or cluster.facts.has_default_class)
