"""What ``down`` takes from machines that are reached over SSH, as lines for a user."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fogbed.plan.services.data import Data, data_of
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
    lines += [
        _held(data, purge=request.purge) for data in data_of(testbed) if data.node.name in names
    ]
    if not request.limit:
        lines += _removed_earlier(testbed, purge=request.purge)
        lines.append(f"On this computer: the context {testbed.name} of kubectl")
    return lines


def data_kept(testbed: Testbed, request: DownRequest, *, gone: Collection[str]) -> Sequence[str]:
    """Return where services' data is for the next ``up``; nothing of what nobody can say.

    ``gone``: the nodes that were given up.
    """
    return [
        f"kept: what {data.title} holds ({data.settings.host_path or VOLUMES} of {data.node.name}),"
        f" for an up with {data.title} there"
        f"{'' if data.settings.host_path else '; fogbed down --purge removes it'}"
        for data in data_of(testbed)
        if not (request.purge or data.settings.storage_class or data.node.name in gone)
    ]


def _held(data: Data, *, purge: bool) -> str:
    """Return what becomes of a service's data."""
    settings, what = data.settings, f"  what {data.title} holds ({data.what})"
    if settings.storage_class is not None:
        return f"{what}, as storage class {settings.storage_class} keeps it"
    if settings.host_path is not None:
        return f"{what} stays in {settings.host_path} of {data.node.name}"
    if purge:
        return f"{what}, with {VOLUMES}"
    return f"{what} stays in {VOLUMES} of {data.node.name} until a --purge; an up finds it"


def _removed_earlier(testbed: Testbed, *, purge: bool) -> list[str]:
    names = ", ".join(each.node.name for each in read_removed(testbed))
    if not names:
        return []
    what = "are purged as well" if purge else "stay as they are, without --purge"
    return [f"Removed earlier, not purged: {names}; their machines {what}"]
