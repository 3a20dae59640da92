"""Testbed: the nodes, where they are and what runs on them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from fogbed.spec.abilities import ABILITIES, PlatformName
from fogbed.spec.base import (
    Address,
    ApiVersion,
    LabelKey,
    LabelValue,
    Memory,
    Name,
    NodeName,
    Spec,
    Tier,
)
from fogbed.spec.kubernetes import ContainerRuntime, Kubernetes, Sources, Versions
from fogbed.spec.services import Services, Slots


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


class Network(Spec):
    """How the network between the nodes is emulated.

    ``emulator``: ``tc`` (netem, in the kernel) or ``fabric`` (in user space: on each node, or one
    for all nodes of a laptop); ``auto`` takes tc where the kernel has netem and the fabric where it
    has not; ``none`` shapes nothing, and puts nothing on the nodes that could: not on a laptop.
    """

    emulator: Literal["auto", "tc", "fabric", "none"] = "auto"


class Testbed(Spec):
    """The nodes of a testbed, ranges already expanded.

    ``context``: the one of kubeconfig that leads to the cluster; None for the current one.
    """

    __test__ = False  # pytest collects by name

    api_version: ApiVersion = Field(alias="apiVersion")
    kind: Literal["Testbed"]
    name: Name
    platform: PlatformName
    context: Annotated[str, Field(min_length=1)] | None = None
    ssh: Ssh | None = None
    nodes: Annotated[tuple[Node, ...], Field(min_length=1)]
    services: Services = Services()
    network: Network = Network()
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

    @property
    def is_somebody_elses_cluster(self) -> bool:
        """Whether its nodes are there already, and nothing is installed on them."""
        return self.platform == "kubernetes"

    @property
    def has_agents(self) -> bool:
        """Whether a pod on each node stands in the pods' network, and measures it from there."""
        return ABILITIES[self.platform].is_a_cluster

    @property
    def is_reached_through_agents(self) -> bool:
        """Whether programs run on its nodes in the agents' pods: there is no SSH."""
        return self.has_agents and not ABILITIES[self.platform].is_reached_over_ssh

    @property
    def emulates_networks(self) -> bool:
        """Whether what a profile asks for can be put into force between its nodes."""
        return ABILITIES[self.platform].emulates_networks and self.network.emulator != "none"

    @property
    def has_shapers(self) -> bool:
        """Whether a pod on each node, in the node's own network, shapes what its pods send."""
        return self.is_reached_through_agents and self.emulates_networks

    @property
    def has_minio(self) -> bool:
        """Whether a MinIO of its own runs there: as written, else where Flink is on a cluster."""
        minio = self.services.minio
        if minio.enabled is not None:
            return minio.enabled
        return ABILITIES[self.platform].is_a_cluster and minio.endpoint is None

    @property
    def minio_node(self) -> Node:
        """The node that MinIO runs on: as named, else the JobManager's.

        Where jobs are to survive the JobManager's node, what they are restored from is elsewhere.
        """
        named, usual = self.services.minio.node, self.jobmanager_node
        if named is not None:
            return self.node(named)
        if not self.services.flink.high_availability:
            return usual
        return next((n for n in self.nodes if n.name != usual.name), usual)

    @property
    def prometheus_node(self) -> Node:
        """The node that Prometheus runs on: as named, else the JobManager's."""
        named = self.services.prometheus.node
        return self.jobmanager_node if named is None else self.node(named)

    @property
    def asks_for_grafana(self) -> bool:
        """Whether Grafana is to run, come what may."""
        return self.services.grafana.enabled is True

    @property
    def grafana_node(self) -> Node:
        """The node that Grafana runs on: as named, else Prometheus'."""
        named = self.services.grafana.node
        return self.prometheus_node if named is None else self.node(named)
