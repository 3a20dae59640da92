"""Nodes of a testbed and of its cluster: which there are, which may go, what an upgrade does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fogbed.clients.kube import KubeNode
from fogbed.errors import PlatformError, UsageError
from fogbed.plan.upgrade import UpgradePlan, plan_upgrade
from fogbed.platforms.pi.removed import RemovedNode
from fogbed.platforms.pi.status import Cluster
from fogbed.spec.testbed import Node, Ssh, Testbed


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEntry:
    """A node of the file, of the cluster, or of both. ``cluster``: how it is doing there."""

    name: str
    role: str = ""
    tier: str = ""
    address: str | None = None
    slots: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    cluster: str
    version: str = ""


def require_removable(testbed: Testbed, name: str) -> None:
    """Return if a cluster is left without a node of the testbed; UsageError if not."""
    node = testbed.node(name)
    if node.role == "control-plane" and len(testbed.by_role("control-plane")) == 1:
        raise UsageError(
            f"{name} is the last control-plane node of {testbed.name}",
            hint=f"fogbed down -t {testbed.name} removes the whole cluster",
        )
    if node.taskmanager and sum(each.taskmanager for each in testbed.nodes) == 1:
        raise UsageError(
            f"{name} carries the last TaskManager of {testbed.name}",
            hint="add another node first: fogbed node add NAME --address ADDRESS",
        )


def require_replaceable(testbed: Testbed, name: str) -> None:
    """Return if a cluster outlives the change of a node's machine; UsageError if not."""
    node = testbed.node(name)
    if node.role == "control-plane" and len(testbed.by_role("control-plane")) == 1:
        raise UsageError(
            f"{name} is the only control-plane node: with its machine, the cluster goes",
            hint=f"fogbed down -t {testbed.name}, then fogbed up makes a new one",
        )


def list_nodes(
    testbed: Testbed, cluster: Cluster | None, removed: Sequence[RemovedNode] = ()
) -> list[NodeEntry]:
    """Return the nodes of a testbed's file, those that only its cluster has, those not purged."""
    found = {node.name: node for node in cluster.nodes} if cluster is not None else {}
    entries = [
        NodeEntry(
            name=node.name,
            role=node.role,
            tier=node.tier,
            address=node.address,
            slots=_slots(testbed, node),
            labels=node.labels,
            cluster=_standing(cluster, found.get(node.name)),
            version=found[node.name].version if node.name in found else "",
        )
        for node in testbed.nodes
    ]
    strangers = sorted(set(found) - {node.name for node in testbed.nodes})
    left = [each.node for each in removed if each.node.name not in found]
    return [*entries, *_strangers(cluster, found, strangers), *map(_left, left)]


def _left(node: Node) -> NodeEntry:
    return NodeEntry(
        name=node.name, tier=node.tier, address=node.address, cluster="removed, not purged"
    )


def _strangers(
    cluster: Cluster | None, found: Mapping[str, KubeNode], names: Sequence[str]
) -> list[NodeEntry]:
    return [
        NodeEntry(
            name=name,
            address=found[name].address,
            cluster=f"{_standing(cluster, found[name])}, not in the file",
            version=found[name].version,
        )
        for name in names
    ]


def with_kubernetes(testbed: Testbed, version: str) -> Testbed:
    """Return a testbed with another version of Kubernetes."""
    kubernetes = testbed.kubernetes.model_copy(update={"version": version})
    return testbed.model_copy(update={"kubernetes": kubernetes})


def reached(testbed: Testbed, name: str) -> tuple[Ssh, str]:
    """Return how and where a node of a testbed of Pis is reached.

    Raises:
        PlatformError: it is not reached over SSH.
    """
    address = testbed.node(name).address
    if testbed.ssh is None or address is None:
        raise PlatformError(f"{name} of testbed {testbed.name} is not reached over SSH")
    return testbed.ssh, address


def planned_upgrade(testbed: Testbed, cluster: Cluster, target: str) -> UpgradePlan:
    """Return what an upgrade would do.

    Raises:
        UsageError: Kubernetes does not go there in one step, or file and cluster do not agree.
        PlatformError: there is no cluster that answers.
    """
    if cluster.problem:
        raise PlatformError(f"nothing to upgrade: {cluster.problem}")
    found = {node.name: node.version for node in cluster.nodes}
    names = {node.name for node in testbed.nodes}
    if set(found) != names:
        differing = ", ".join(sorted(names ^ set(found)))
        raise UsageError(
            f"the cluster's nodes are not those of the file: {differing}",
            hint="fogbed status says what to do about each",
        )
    return plan_upgrade({"the API server": cluster.version, **found}, target)


def _slots(testbed: Testbed, node: Node) -> int | None:
    if not node.taskmanager:
        return None
    return node.slots or testbed.services.flink.taskmanager.slots


def _standing(cluster: Cluster | None, found: KubeNode | None) -> str:
    if cluster is None:
        return ""
    if cluster.problem:
        return "unknown"
    if found is None:
        return "not in the cluster"
    ready = "Ready" if found.is_ready else "not Ready"
    return ready if found.is_schedulable else f"{ready}, cordoned"
