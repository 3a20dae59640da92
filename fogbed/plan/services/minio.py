"""MinIO: the object storage of a cluster, one process with one volume."""

from __future__ import annotations

from typing import Any

from fogbed.plan.cluster import Cluster
from fogbed.plan.services.data import volume_of
from fogbed.plan.services.service import Port

S3 = Port(name="s3", number=9000)
MEMORY = 512 * 2**20  # bytes; 110 MB resident when idle, buffers of uploads come on top
USER = 1000  # uid and gid: the volume belongs to it
ROOT_SECRET = "minio-root"  # noqa: S105 - the name of a Secret


def pod(cluster: Cluster) -> dict[str, Any]:
    """Return what MinIO's manifests are rendered with."""
    testbed = cluster.testbed
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
        "data": volume_of(cluster, "minio"),
    }
