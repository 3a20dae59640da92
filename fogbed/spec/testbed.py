"""Testbed: the nodes, where they are and what runs on them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fogbed.spec.base import (
    Address,
    ApiVersion,
    Cidr,
    DurationS,
    LabelKey,
    LabelValue,
    Memory,
    Name,
    NodeName,
    Spec,
    Tier,
)

PlatformName = Literal["local", "kind", "pi"]
# The wheel that the laptop platform starts Flink from, and what other platforms run by default.
FLINK_VERSION = "2.2.1"
Slots = Annotated[int, Field(ge=1, le=1000)]


class Node(Spec):
    """One node. ``cores`` and ``memory`` (bytes) are limits; None means not limited."""

    name: NodeName
    address: Address | None = None
    role: Literal["control-plane", "worker"] = "worker"
    tier: Tier
    taskmanager: bool = True
    slots: Slots | None = None
    cores: Annotated[float, Field(gt=0)] | None = None
    memory: Memory | None = None
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)


class Ssh(Spec):
    """How Pis are reached."""

    user: str = Field(min_length=1)
    key: str = Field(min_length=1)
    port: int = Field(default=22, ge=1, le=65535)


class JobManager(Spec):
    """Where the JobManager runs and its process memory in bytes."""

    node: str | None = None
    memory: Memory | None = None


class TaskManagers(Spec):
    """What every TaskManager has unless its node says otherwise."""

    slots: Slots = 1
    memory: Memory | None = None


class Flink(Spec):
    """The session cluster."""

    version: str = FLINK_VERSION
    scheduler: Literal["auto", "adaptive", "default"] = "auto"
    jobmanager: JobManager = JobManager()
    taskmanager: TaskManagers = TaskManagers()


class Minio(Spec):
    """Object storage; not on local."""

    enabled: bool = False
    node: str | None = None


class Prometheus(Spec):
    """Metrics storage; not on local."""

    enabled: bool = False
    retention: DurationS = 7 * 86400.0


class Grafana(Spec):
    """Dashboards; not on local."""

    enabled: bool = False


class Services(Spec):
    """What runs on the testbed."""

    flink: Flink = Flink()
    minio: Minio = Minio()
    prometheus: Prometheus = Prometheus()
    grafana: Grafana = Grafana()


class Kubernetes(Spec):
    """The cluster on kind and Pis."""

    version: str = "1.36"
    pod_cidr: Cidr = "10.244.0.0/16"
    service_cidr: Cidr = "10.96.0.0/12"
    cni: Literal["flannel"] = "flannel"


class Sources(Spec):
    """Every outside place, so that an air-gapped lab can name its own."""

    apt: dict[str, str] = Field(default_factory=dict)
    registries: dict[str, str] = Field(default_factory=dict)


class Testbed(Spec):
    """The nodes of a testbed, ranges already expanded."""

    __test__ = False  # pytest collects by name

    api_version: ApiVersion = Field(alias="apiVersion")
    kind: Literal["Testbed"]
    name: Name
    platform: PlatformName
    ssh: Ssh | None = None
    nodes: Annotated[tuple[Node, ...], Field(min_length=1)]
    services: Services = Services()
    kubernetes: Kubernetes = Kubernetes()
    sources: Sources = Sources()

    def node(self, name: str) -> Node:
        """Return the node called ``name``; KeyError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    @property
    def jobmanager_node(self) -> Node:
        """The node that runs the JobManager: as named, else the control plane, else the first."""
        named = self.services.flink.jobmanager.node
        if named is not None:
            return self.node(named)
        return next((n for n in self.nodes if n.role == "control-plane"), self.nodes[0])
