"""Where services that write to disk keep their data: a volume each, found in the same way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fogbed.plan.cluster import Cluster, cluster_name_of
from fogbed.spec.services import Minio, Prometheus
from fogbed.spec.testbed import Node, Testbed


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What a service keeps; ``title`` is its name in a sentence, ``what`` lists what it holds.

    ``settings`` say how large its volume is, and what of.
    """

    component: str
    title: str
    what: str
    node: Node
    settings: Minio | Prometheus

    @property
    def claim(self) -> str:
        """The name of its PersistentVolumeClaim."""
        return f"{self.component}-data"

    @property
    def has_place(self) -> bool:
        """Whether its file says where the volume comes from."""
        return bool(self.settings.storage_class or self.settings.host_path)


def data_of(testbed: Testbed) -> tuple[Data, ...]:
    """Return what the services of a testbed keep on a cluster, the object store's first."""
    return tuple(_data_of(testbed))


def _data_of(testbed: Testbed) -> Iterator[Data]:
    services = testbed.services
    if testbed.has_minio:
        yield Data(
            component="minio",
            title="MinIO",
            what="datasets, savepoints, output",
            node=testbed.minio_node,
            settings=services.minio,
        )
    if services.prometheus.enabled:
        yield Data(
            component="prometheus",
            title="Prometheus",
            what="figures of runs",
            node=testbed.prometheus_node,
            settings=services.prometheus,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """What a claim's manifest is rendered with; ``size`` in bytes."""

    component: str
    claim: str
    volume: str
    node: Node
    host: str
    size: int
    host_path: str | None
    storage_class: str | None


def volume_of(cluster: Cluster, component: str) -> Volume:
    """Return the volume of a service that the testbed has."""
    data = next(each for each in data_of(cluster.testbed) if each.component == component)
    own_class = cluster_name_of(cluster.testbed.name) if _needs_own_class(cluster, data) else None
    return Volume(
        component=component,
        claim=data.claim,
        volume=f"{cluster_name_of(cluster.testbed.name)}-{component}",
        node=data.node,
        host=cluster.host(data.node),
        size=data.settings.size,
        host_path=data.settings.host_path,
        storage_class=data.settings.storage_class or own_class,
    )


def needs_local_path(cluster: Cluster) -> bool:
    """Whether fogbed has to bring a storage class of its own, below a folder of each node."""
    return any(_needs_own_class(cluster, each) for each in data_of(cluster.testbed))


def _needs_own_class(cluster: Cluster, data: Data) -> bool:
    return not (data.has_place or cluster.facts.has_default_class)
