"""What ``down`` takes from machines that are reached over SSH, as lines for a user."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fogbed.platforms.pi.removed import read_removed
from fogbed.platforms.requests import DownRequest
from fogbed.spec.testbed import Testbed

# Where volumes are if no storage class is named: below what a purge takes. Their folders are called
# as their claims are, so that a cluster made anew on the same node finds them again.
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


def data_kept(testbed: Testbed, request: DownRequest, *, gone: Collection[str]) -> str | None:
    """Return where the object store's data is for the next ``up``; None where nobody can say.

    ``gone``: the nodes that were given up.
    """
    minio = testbed.services.minio
    if request.purge or not testbed.has_minio or minio.storage_class is not None:
        return None
    place, node = minio.host_path or VOLUMES, testbed.minio_node.name
    if node in gone:
        return None
    way_out = "" if minio.host_path else "; fogbed down --purge removes it"
    return f"kept: what MinIO holds ({place} of {node}), for an up with MinIO there{way_out}"


def _minio(testbed: Testbed, *, purge: bool) -> str:
    """Return what becomes of the object store's data."""
    minio, what = testbed.services.minio, "  what MinIO holds (datasets, savepoints, output)"
    if minio.storage_class is not None:
        return f"{what}, as storage class {minio.storage_class} keeps it"
    if minio.host_path is not None:
        return f"{what} stays in {minio.host_path} of {testbed.minio_node.name}"
    if purge:
        return f"{what}, with {VOLUMES}"
    return f"{what} stays in {VOLUMES} of {testbed.minio_node.name} until a --purge; an up finds it"


def _removed_earlier(testbed: Testbed, *, purge: bool) -> list[str]:
    names = ", ".join(each.node.name for each in read_removed(testbed))
    if not names:
        return []
    what = "are purged as well" if purge else "stay as they are, without --purge"
    return [f"Removed earlier, not purged: {names}; their machines {what}"]
