"""Testbed: the nodes, where they are and what runs on them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from fogbed.spec.abilities import PlatformName
from fogbed.spec.base import (
    Address,
    ApiVersion,
    DurationS,
    LabelKey,
    LabelValue,
    Memory,
    Name,
    NodeName,
    Spec,
    Tier,
)
from fogbed.spec.kubernetes import ContainerRuntime, Kubernetes, Sources, Versions

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


def _own_file(text: str) -> str:
    if text.startswith(("/", "~")):
        return text
    raise ValueError(f"{text!r} depends on where fogbed is started; write ~/.ssh/{text} or /...")


KeyFile = Annotated[
    str,
    AfterValidator(_own_file),
    WithJsonSchema({"type": "string", "examples": ["~/.ssh/id_ed25519"]}),
]


class Ssh(Spec):
    """How Pis are reached; ``known_hosts``: a file of its own for the nodes' host keys."""

    user: str = Field(min_length=1)
    key: KeyFile
    port: int = Field(default=22, ge=1, le=65535)
    known_hosts: KeyFile | None = None


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
    """Object storage; on the platforms whose abilities have it."""

    enabled: bool = False
    node: str | None = None


class Prometheus(Spec):
    """Metrics storage; on the platforms whose abilities have it."""

    enabled: bool = False
    retention: DurationS = 7 * 86400.0


class Grafana(Spec):
    """Dashboards; on the platforms whose abilities have it."""

    enabled: bool = False


class Services(Spec):
    """What runs on the testbed."""

    flink: Flink = Flink()
    minio: Minio = Minio()
    prometheus: Prometheus = Prometheus()
    grafana: Grafana = Grafana()


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
    runtime: ContainerRuntime = ContainerRuntime()
    versions: Versions = Versions()
    sources: Sources = Sources()

    def node(self, name: str) -> Node:
        """Return the node called ``name``; KeyError if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def by_role(self, role: str) -> tuple[Node, ...]:
        """Return the nodes of a role, in the order of the file."""
        return tuple(node for node in self.nodes if node.role == role)

    @property
    def jobmanager_node(self) -> Node:
        """The node that runs the JobManager: as named, else the control plane, else the first."""
        named = self.services.flink.jobmanager.node
        if named is not None:
            return self.node(named)
        return next((n for n in self.nodes if n.role == "control-plane"), self.nodes[0])
