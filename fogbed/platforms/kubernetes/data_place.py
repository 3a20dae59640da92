"""Where what services hold lies: a volume of one node cannot follow its service to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from fogbed.errors import PlatformError, ServiceAwayError, ServiceBusyError, ServiceError
from fogbed.plan.cluster import cluster_name_of, labels_of, namespace_of
from fogbed.plan.manifests import Manifest
from fogbed.plan.services.data import data_of
from fogbed.platforms.kubernetes.ownership import is_owned
from fogbed.spec.testbed import Testbed

Body = Mapping[str, Any]

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_HOSTNAME = "kubernetes.io/hostname"


class Getter(Protocol):
    """What gets a cluster's objects (``KubeObjects``)."""

    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> Body | None:
        """Return an object as the API spells it; None if there is none."""


class Objects(Getter, Protocol):
    """What also ends them (``KubeObjects``)."""

    def delete(self, api_version: str, kind: str, name: str, namespace: str = "") -> bool:
        """Ask for an object's end."""

    def wait_gone(self, api_version: str, kind: str, name: str, namespace: str = "") -> None:
        """Return when it is there no more."""


def require_data_in_reach(kube: Getter, testbed: Testbed, hosts: Mapping[str, str]) -> None:
    """Return if services are to run where their data can be reached; ``hosts`` as of a ``Cluster``.

    Raises:
        PlatformError: the data of one lies on another node; nothing was touched.
        ServiceError: the API server does not answer.
    """
    own = {host: name for name, host in hosts.items()}
    for data in data_of(testbed):
        wanted = data.node.name
        allowed = _hosts_of_data(kube, namespace_of(testbed.name), data.claim)
        if not allowed or hosts[wanted] in allowed:
            continue
        there = ", ".join(own.get(host, host) for host in allowed)
        raise PlatformError(
            f"{data.title} is to run on {wanted}, and what it holds (PersistentVolumeClaim "
            f"{data.claim}) lies on {there}",
            hint=f"write `{data.component}: {{node: {there}}}` under services to leave it there, "
            "or let the data go: fogbed down --everything, then fogbed up",
        )


def make_room_for_class(kube: Objects, testbed: str, manifests: Iterable[Manifest]) -> None:
    """Delete the testbed's own storage class if it is to be another: Kubernetes changes none.

    Volumes that were made by it stay, and their claims.

    Raises:
        ServiceError: the API server does not say, or refuses.
    """
    for each in manifests:
        if each.kind != "StorageClass":
            continue
        place = (each.api_version, each.kind, each.name)
        found = kube.get(*place)
        if found is None or not is_owned(found, testbed):
            continue
        if found.get("parameters") != each.body.get("parameters"):
            kube.delete(*place)
            kube.wait_gone(*place)


def relies_on_default(testbed: str, classes: Iterable[Body], claim: Body | None) -> bool:
    """Whether volumes come from a class that is the cluster's default, and not from our own; pure.

    ``claim``: a service's, if one is there. Its class is fixed with it, whatever is the default
    later.
    """
    named = ((claim or {}).get("spec") or {}).get("storageClassName")
    if named is not None:
        return bool(named != cluster_name_of(testbed))
    ours = labels_of(testbed, "local-path").items()
    return any(
        (each["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"
        # our own goes on being ours at the next time
        and not ours <= (each["metadata"].get("labels") or {}).items()
        for each in classes
    )


def _hosts_of_data(kube: Getter, namespace: str, name: str) -> tuple[str, ...]:
    """Return the only nodes from which the volume is reached; none where any can, or unknown."""
    claim = kube.get("v1", "PersistentVolumeClaim", name, namespace) or {}
    volume = (claim.get("spec") or {}).get("volumeName")
    if not volume:
        return ()
    try:
        found = kube.get("v1", "PersistentVolume", volume) or {}
    except (ServiceAwayError, ServiceBusyError):
        raise
    except ServiceError:
        return ()  # who has rights in a namespace only is told by the scheduler
    return tuple(_required_hosts(found))


def _required_hosts(volume: Body) -> Iterator[str]:
    affinity = (volume.get("spec") or {}).get("nodeAffinity") or {}
    for term in (affinity.get("required") or {}).get("nodeSelectorTerms") or ():
        for each in term.get("matchExpressions") or ():
            if each["key"] == _HOSTNAME and each["operator"] == "In":
                yield from each.get("values") or ()
