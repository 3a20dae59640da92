"""What ``down`` takes from machines that are reached over SSH, as lines for a user."""

from __future__ import annotations

from collections.abc import Sequence

from fogbed.platforms.pi.removed import read_removed
from fogbed.platforms.requests import DownRequest
from fogbed.spec.testbed import Testbed

# Where volumes are if no storage class is named: below what a purge takes.
VOLUMES = "/var/lib/fogbed/volumes"
# What a purge takes beside the cluster.
PURGED = (
    "  packages that fogbed installed (Kubernetes, containerd, Docker), with all images",
    "  and containers; files and units that it changed become what they were before",
)


def removal_of(testbed: Testbed, request: DownRequest) -> Sequence[str]:
    """Return what a request removes from which nodes, and from this computer."""
    names = request.limit or [node.name for node in testbed.nodes]
    lines = [
        f"On {', '.join(names)}:",
        "  the Kubernetes cluster: its pods, their volumes in emptyDir, etcd with all objects,",
        "  certificates, network interfaces and packet filter rules",
    ]
    if request.purge:
        lines += PURGED
    if testbed.has_minio and testbed.minio_node.name in names:
        lines.append(_minio(testbed, purge=request.purge))
    if not request.limit:
        lines += _removed_earlier(testbed, purge=request.purge)
        lines.append(f"On this computer: the context {testbed.name} of kubectl")
    return lines


def _minio(testbed: Testbed, *, purge: bool) -> str:
    """Return what becomes of the object store's data: a cluster made anew does not read it."""
    minio, what = testbed.services.minio, "  what MinIO holds (datasets, savepoints, output)"
    if minio.storage_class is not None:
        return f"{what}, as storage class {minio.storage_class} keeps it"
    if minio.host_path is not None:
        return f"{what} stays in {minio.host_path} of {testbed.minio_node.name}"
    if purge:
        return f"{what}, with {VOLUMES}"
    return (
        f"{what} stays in {VOLUMES} of {testbed.minio_node.name} until a --purge, read by nothing"
    )


def _removed_earlier(testbed: Testbed, *, purge: bool) -> list[str]:
    names = ", ".join(each.node.name for each in read_removed(testbed))
    if not names:
        return []
    what = "are purged as well" if purge else "stay as they are, without --purge"
    return [f"Removed earlier, not purged: {names}; their machines {what}"]
