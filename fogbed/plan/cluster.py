"""A testbed on Kubernetes: its names there, and what must be known of the cluster to plan it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from fogbed.plan.flink_buffers import LinkDemand
from fogbed.plan.flink_settings import Scheduler
from fogbed.spec.testbed import Node, Testbed

LABEL = "app.kubernetes.io"
NODE_LABEL = "fogbed.io/node"
OWNER = "fogbed.io/owner"  # an annotation of the testbed's namespace
LINKS = "fogbed.io/links"  # one of a TaskManager's Deployment: what its buffers were chosen by
MANAGED_BY = {f"{LABEL}/managed-by": "fogbed"}
COMPONENTS = (
    "jobmanager",
    "taskmanager",
    "minio",
    "agent",
    "shaper",
    "local-path",
    "prometheus",
    "node-exporter",
    "kube-state-metrics",
    "grafana",
)
"""What has pods: a Deployment's name begins with its component's, and its pods' with its own."""

_PREFIX, _AGENT = "fogbed-", "-agent"
# A namespace has 63 characters, and the agent's has a suffix
_LONGEST = 63 - len(_PREFIX) - len(_AGENT)
_HASH = 8  # characters of a digest
_NOTHING: Mapping[str, str] = MappingProxyType({})
_NO_SIZES: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """What a look at the cluster, or at who is up, gave.

    ``hosts``: the Kubernetes node of each of the testbed's. ``scheduler``: the JobManager's,
    ``adaptive`` or ``default``. ``has_default_class``: whether somebody else's storage class is the
    default. ``workers``: the nodes whose TaskManager runs. ``pinned``: the digests that an image
    must have, as image -> image@digest.

    ``memory``: what pods may take of each node, in bytes, where that is known: TaskManagers without
    a size of their own are cut to it. ``owner``: the mark of whose testbed it is, "" for none.
    ``links``: what an experiment asks of the network buffers, None where none has said.
    """

    hosts: Mapping[str, str]
    scheduler: Scheduler
    has_default_class: bool
    workers: frozenset[str]
    pinned: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    memory: Mapping[str, int] = field(default_factory=lambda: _NO_SIZES)
    owner: str = ""
    links: LinkDemand | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What pods are planned with; ``images``: the reference of each component's."""

    testbed: Testbed
    facts: ClusterFacts
    images: Mapping[str, str]

    def host(self, node: Node) -> str:
        """Return the name that Kubernetes has for a node of the testbed."""
        return self.facts.hosts[node.name]

    def image(self, component: str) -> str:
        """Return the reference that a component's pods name: with its digest where it is pinned."""
        named = self.images[component]
        return self.facts.pinned.get(named, named)


def facts_from(testbed: Testbed) -> ClusterFacts:
    """Return what is true of a testbed that nobody has looked at yet.

    Its nodes are called as the file spells them, TaskManagers run where it says, and the cluster
    has a default storage class unless fogbed makes it on bare machines, reached over SSH.
    """
    scheduler = testbed.services.flink.scheduler
    return ClusterFacts(
        hosts={node.name: node.name for node in testbed.nodes},
        scheduler="adaptive" if scheduler == "auto" else scheduler,
        has_default_class=testbed.is_reached_through_agents,
        workers=frozenset(node.name for node in testbed.nodes if node.taskmanager),
    )


def namespace_of(testbed: str) -> str:
    """Return the namespace of a testbed's services."""
    return f"{_PREFIX}{_distinct(testbed)}"


def agent_namespace_of(testbed: str) -> str:
    """Return the namespace of what may touch a testbed's nodes."""
    return f"{namespace_of(testbed)}{_AGENT}"


def cluster_name_of(testbed: str) -> str:
    """Return what is called after the testbed outside of namespaces: classes, roles, volumes."""
    return namespace_of(testbed)


def labels_of(testbed: str, component: str, node: str = "") -> dict[str, str]:
    """Return the labels of a component's objects and pods; ``node``: what belongs to it alone."""
    labels = {
        **MANAGED_BY,
        f"{LABEL}/part-of": testbed,
        f"{LABEL}/component": component,
    }
    return labels | ({NODE_LABEL: node} if node else {})


def _distinct(testbed: str) -> str:
    """Return the name shortened to what fits; testbed x-agent must not meet the agents of x."""
    if len(testbed) <= _LONGEST and not testbed.endswith(_AGENT):
        return testbed
    digest = hashlib.sha256(testbed.encode()).hexdigest()[:_HASH]
    return f"{testbed[: _LONGEST - _HASH - 1].rstrip('-')}-{digest}"
