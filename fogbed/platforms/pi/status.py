"""A testbed of Pis as it is now: what the API server says, what the nodes say, what differs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fogbed.clients.kube import KubeClient, KubeNode, KubePod
from fogbed.errors import ServiceError
from fogbed.platforms.base import NodeStatus, ProcessStatus, TestbedStatus
from fogbed.platforms.pi.folder import PiFolder
from fogbed.platforms.pi.removed import read_removed
from fogbed.platforms.pi.vitals import Vitals, read_vitals
from fogbed.spec.testbed import Node, Testbed

_NAMESPACES = ("kube-system", "kube-flannel")
# kubeadm's certificates last a year; ours are renewed well before this.
_SOON_DAYS = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What the API server said; ``problem``: why it said nothing."""

    version: str = ""
    nodes: tuple[KubeNode, ...] = ()
    pods: tuple[KubePod, ...] = ()
    problem: str = ""


def read_status(testbed: Testbed, folder: PiFolder, inventory: str) -> TestbedStatus:
    """Return the state of a testbed; what cannot be asked is a problem in it, not an error."""
    left = [
        f"{each.node.name} was removed, not purged; fogbed node remove {each.node.name} --purge"
        for each in read_removed(testbed)
    ]
    if not folder.spec.exists():
        down = Cluster(problem=f"not up yet; fogbed up -t {testbed.name}")
        return judge(testbed, down, {}, left)
    vitals = read_vitals(testbed)
    written = folder.inventory.read_text(encoding="utf-8") if folder.inventory.exists() else ""
    changed = [] if written == inventory else ["the testbed's file has changed since the last up"]
    return judge(testbed, read_cluster(folder), vitals, [*changed, *left])


def read_cluster(folder: PiFolder) -> Cluster:
    """Ask the API server for its version, nodes and own pods."""
    if not folder.kubeconfig.exists():
        return Cluster(problem="there is no cluster yet; fogbed up makes it")
    try:
        with KubeClient(folder.kubeconfig) as kube:
            return Cluster(version=kube.version(), nodes=kube.nodes(), pods=kube.pods(_NAMESPACES))
    except ServiceError as error:
        return Cluster(problem=error.message)


def judge(
    testbed: Testbed,
    cluster: Cluster,
    vitals: Mapping[str, Vitals],
    changed: Sequence[str] = (),
) -> TestbedStatus:
    """Put together what was said; pure."""
    found = {node.name: node for node in cluster.nodes}
    nodes = [_node(node, found.get(node.name), vitals.get(node.name)) for node in testbed.nodes]
    days = _certificate_days(vitals)
    problems = [cluster.problem] if cluster.problem else []
    if days is not None and days < _SOON_DAYS:
        problems.append(
            f"a certificate ends in {days} days; on each control-plane node: "
            "sudo systemctl start fogbed-renew-certificates"
        )
    return TestbedStatus(
        name=testbed.name,
        platform=testbed.platform,
        state=_state(nodes, cluster),
        nodes=nodes,
        processes=[_process(pod) for pod in cluster.pods],
        versions={"Kubernetes": cluster.version} if cluster.version else {},
        problems=problems,
        certificate_days=days,
        drift=[*changed, *drift(testbed, cluster)],
    )


def drift(testbed: Testbed, cluster: Cluster) -> Iterator[str]:
    """Yield where the cluster is not as the testbed's file says, with the way back."""
    if not cluster.version:
        return
    wanted = testbed.kubernetes.version
    if not f"{cluster.version}.".startswith(f"v{wanted}."):
        way_out = f"fogbed upgrade --to {wanted}"
        yield f"Kubernetes is {cluster.version}, the file says {wanted}; {way_out}"
    found = {node.name: node for node in cluster.nodes}
    for node in testbed.nodes:
        if node.name not in found:
            yield f"{node.name} is not in the cluster; fogbed up adds it"
        else:
            yield from _node_drift(node, found[node.name])
    names = {node.name for node in testbed.nodes}
    for stranger in sorted(set(found) - names):
        yield f"{stranger} is in the cluster but not in the file; fogbed node remove {stranger}"


def _node_drift(node: Node, found: KubeNode) -> Iterator[str]:
    if found.address and found.address != node.address:
        yield f"{node.name} has the address {found.address}, the file says {node.address}"
    wanted = {"tier": node.tier, **node.labels}
    labels = {
        key.removeprefix("fogbed.io/"): value
        for key, value in found.labels.items()
        if key.startswith("fogbed.io/")
    }
    if labels != wanted:
        yield f"{node.name} has other labels than the file says; fogbed up sets them"
    if not found.is_schedulable:
        yield f"{node.name} is cordoned; kubectl uncordon {node.name}"


def _node(node: Node, found: KubeNode | None, vitals: Vitals | None) -> NodeStatus:
    said = vitals or Vitals()
    problem = said.problem
    if found is None:
        problem = problem or "not in the cluster"
    elif not found.is_ready:
        problem = problem or found.problem or "not Ready"
    return NodeStatus(
        name=node.name,
        tier=node.tier,
        role=node.role,
        address=node.address,
        state="up" if found is not None and found.is_ready else "down",
        problem=problem,
        version=found.version if found else "",
        temperature_c=said.temperature_c,
        throttled=said.throttled,
    )


def _process(pod: KubePod) -> ProcessStatus:
    state: Literal["running", "starting", "failed"] = "running" if pod.is_ready else "starting"
    if "BackOff" in pod.problem or "Err" in pod.problem:
        state = "failed"
    return ProcessStatus(
        name=pod.name, node=pod.node, state=state, restarts=pod.restarts, note=pod.problem
    )


def _state(nodes: Sequence[NodeStatus], cluster: Cluster) -> Literal["up", "partly", "down"]:
    if cluster.problem or not any(node.state == "up" for node in nodes):
        return "down"
    whole = all(node.state == "up" for node in nodes) and all(p.is_ready for p in cluster.pods)
    return "up" if whole else "partly"


def _certificate_days(vitals: Mapping[str, Vitals]) -> int | None:
    ends = [said.certificate_ends for said in vitals.values() if said.certificate_ends]
    if not ends:
        return None
    return (min(ends) - dt.datetime.now(dt.UTC)).days
