"""A testbed's objects taken off a cluster that stays; what services hold goes if that is asked.

Nothing here looks at nodes or images: ``down`` has to work where ``up`` would not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from fogbed.clients.progress import Progress
from fogbed.plan.cluster import (
    agent_namespace_of,
    cluster_name_of,
    namespace_of,
)
from fogbed.platforms.kubernetes.ownership import is_owned, owned_by

Body = Mapping[str, Any]
Bodies = list[dict[str, Any]]

_VOLUME = ("v1", "PersistentVolume")
# Flink's own, of which no object of the testbed is the owner: a JobManager goes on from them
_RECOVERY = {"configmap-type": "high-availability"}


class Objects(Protocol):
    """A cluster's objects (``KubeObjects``)."""

    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> Body | None:
        """Return an object; None if it is not there."""

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> Bodies:
        """Return the objects of a kind that carry all labels."""

    def delete(self, api_version: str, kind: str, name: str, namespace: str = "") -> bool:
        """Ask for an object's end."""

    def wait_gone(self, api_version: str, kind: str, name: str, namespace: str = "") -> None:
        """Return when it is there no more."""

    def prune(
        self,
        labels: Mapping[str, str],
        keep: tuple[tuple[str, str, str], ...],
        namespaces: tuple[str, ...],
    ) -> object:
        """Delete what carries all labels, but claims of volumes and namespaces."""


def remove_testbed(kube: Objects, testbed: str, progress: Progress, *, everything: bool) -> None:
    """Take the objects of a testbed away, and with ``everything`` its services' data.

    Raises:
        ServiceError: the API server does not answer, or something stays; the same call goes on.
    """
    own, agents = namespace_of(testbed), agent_namespace_of(testbed)
    with progress.step(f"removing testbed {testbed} from its cluster"):
        if everything:
            _remove_data(kube, testbed, progress)
        kube.prune(owned_by(testbed), (), ("", own, agents))
        if not everything:
            _wait_for_the_end(kube, testbed)
        _remove_namespace(kube, agents, testbed, progress)


def _remove_data(kube: Objects, testbed: str, progress: Progress) -> None:
    """Remove the namespace with the claims, then their volumes, while what made those is there."""
    own, agents = namespace_of(testbed), agent_namespace_of(testbed)
    volumes = _volumes(kube, testbed)
    if not _remove_namespace(kube, own, testbed, progress):
        return
    left = {each["metadata"]["name"]: each for each in kube.list(*_VOLUME, "", owned_by(testbed))}
    for name, volume in volumes.items():
        if (volume.get("spec") or {}).get("persistentVolumeReclaimPolicy") != "Delete":
            continue
        is_ours = volume["spec"].get("storageClassName") == cluster_name_of(testbed)
        if is_ours and kube.get("apps/v1", "Deployment", "local-path", agents) is None:
            # an earlier down took away what would have emptied its folder
            left[name] = dict(volume)
        else:
            kube.wait_gone(*_VOLUME, name)
    for name, each in left.items():
        kube.delete(*_VOLUME, name)
        for place in _folders(each):
            progress.note(
                f"left on the node: {place}, which held the testbed's data; an up finds it unless "
                "you remove it"
            )


def _volumes(kube: Objects, testbed: str) -> dict[str, Body]:
    """Return the volumes of the testbed's claims, by name; empty what is not there."""
    space, ours = namespace_of(testbed), owned_by(testbed)
    claims = kube.list("v1", "PersistentVolumeClaim", space, ours)
    names = [str((each.get("spec") or {}).get("volumeName") or "") for each in claims]
    return {name: kube.get(*_VOLUME, name) or {} for name in names if name}


def _folders(volume: Body) -> Iterator[str]:
    spec = volume.get("spec") or {}
    for kind in ("local", "hostPath"):
        if path := (spec.get(kind) or {}).get("path"):
            yield str(path)


def _remove_namespace(kube: Objects, name: str, testbed: str, progress: Progress) -> bool:
    """Remove a namespace if it is the testbed's; return whether it was not somebody else's."""
    found = kube.get("v1", "Namespace", name)
    if found is None:
        return True
    if not is_owned(found, testbed):
        progress.note(f"namespace {name} is not of testbed {testbed}; it stays")
        return False
    kube.delete("v1", "Namespace", name)
    kube.wait_gone("v1", "Namespace", name)
    return True


def _wait_for_the_end(kube: Objects, testbed: str) -> None:
    """Return when no pod of the testbed's uses its volume; then a new one may."""
    own = namespace_of(testbed)
    for each in kube.list("apps/v1", "Deployment", own, owned_by(testbed)):
        kube.wait_gone("apps/v1", "Deployment", each["metadata"]["name"], own)
    for each in kube.list("v1", "ConfigMap", own, _RECOVERY):
        kube.delete("v1", "ConfigMap", each["metadata"]["name"], own)
