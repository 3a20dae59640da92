"""The nodes of a cluster: waited for, and told what the testbed says of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress

from fogbed.clients.kube import KubeClient, KubeNode
from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.progress import Progress
from fogbed.errors import PlatformError, ServiceError
from fogbed.plan.kind import PREFIX, is_tainted, node_labels
from fogbed.spec.testbed import Node, Testbed

CONTROL_PLANE_TAINT = "node-role.kubernetes.io/control-plane"
_LOOK_S = 0.5


def wait_until_ready(
    access: KubeAccess,
    hosts: Mapping[str, str],
    progress: Progress,
    *,
    timeout_s: float,
    way_out: str,
) -> None:
    """Return once every node is Ready; ``hosts``: the testbed's name -> Kubernetes' name.

    ``way_out``: what to do where one stays as it is; HOST in it is the first such node's name.

    Raises:
        PlatformError: not all are in time (seconds); it says which, and why in kubelet's words.
    """
    deadline = time.monotonic() + timeout_s
    with progress.step("nodes Ready", total=len(hosts)) as step:
        while missing := _not_ready(access, hosts):
            step.advance(len(hosts) - len(missing), f"waits for {', '.join(missing)}")
            if time.monotonic() > deadline:
                host = hosts[next(iter(missing))]
                raise _not_in_time(missing, timeout_s, way_out.replace("HOST", host))
            time.sleep(_LOOK_S)
        step.advance(len(hosts))


def wait_until_heard(
    access: KubeAccess, hosts: Mapping[str, str], progress: Progress, *, timeout_s: float
) -> None:
    """Return once the API server has heard of every node anew, or after ``timeout_s`` seconds.

    After a start a cluster still has its nodes as they were, Ready, for most of a minute.
    """
    deadline = time.monotonic() + timeout_s
    first: dict[str, str] = {}
    with progress.step("nodes report", total=len(hosts)) as step:
        while time.monotonic() < deadline:
            with suppress(ServiceError), KubeClient(access.kubeconfig, access.context) as kube:
                now = kube.heartbeats()
                first = first or now
                heard = [h for h in hosts.values() if h in now and now[h] != first.get(h)]
                step.advance(len(heard))
                if len(heard) == len(hosts):
                    return
            time.sleep(_LOOK_S)


def _not_ready(access: KubeAccess, hosts: Mapping[str, str]) -> dict[str, str]:
    """Return the nodes of the testbed that are not Ready, each with the reason."""
    try:
        with KubeClient(access.kubeconfig, access.context) as kube:
            found = {node.name: node for node in kube.nodes()}
    except ServiceError as error:
        # an API server that has just been started takes some seconds
        return dict.fromkeys(hosts, error.message)
    return {
        name: why
        for name, host in hosts.items()
        if (why := "it has not joined" if host not in found else _why_not(found[host]))
    }


def _why_not(node: KubeNode) -> str:
    return "" if node.is_ready else node.problem or "it has not said why"


def _not_in_time(missing: Mapping[str, str], timeout_s: float, way_out: str) -> PlatformError:
    reasons = "\n".join(f"{name}: {why}" for name, why in missing.items())
    nodes = f"node {next(iter(missing))} is" if len(missing) == 1 else f"{len(missing)} nodes are"
    return PlatformError(
        f"{nodes} not Ready after {timeout_s:.0f} s",
        hint=f"fogbed up waits again; {way_out}; fogbed down and up make the cluster anew",
        details=reasons,
    )


def settle_nodes(access: KubeAccess, testbed: Testbed, hosts: Mapping[str, str]) -> None:
    """Have every node carry the labels that its testbed says, and no others of fogbed's.

    A control-plane node takes pods of all kinds unless it carries no TaskManager.

    Raises:
        ServiceError: the API server refuses, or does not answer.
    """
    with KubeClient(access.kubeconfig, access.context) as kube:
        found = {node.name: node for node in kube.nodes()}
        for node in testbed.nodes:
            there = found[hosts[node.name]]
            body = _changes(node, there)
            if body:
                kube.patch_node(there.name, body)


def _changes(node: Node, there: KubeNode) -> dict[str, object]:
    wanted = node_labels(node)
    labels: dict[str, str | None] = {
        key: wanted.get(key)
        for key in {*wanted, *(each for each in there.labels if each.startswith(PREFIX))}
        if there.labels.get(key) != wanted.get(key)
    }
    changes: dict[str, object] = {"metadata": {"labels": labels}} if labels else {}
    own = f"{CONTROL_PLANE_TAINT}=:NoSchedule"
    if (own in there.taints) != is_tainted(node):
        left = [_taint(text) for text in there.taints if text != own]
        added = [_taint(own)] if is_tainted(node) else []
        changes["spec"] = {"taints": [*left, *added]}
    return changes


def _taint(text: str) -> dict[str, str]:
    key, _, rest = text.partition("=")
    value, _, effect = rest.rpartition(":")
    return {"key": key, "effect": effect} | ({"value": value} if value else {})


def note_version(access: KubeAccess, testbed: Testbed, progress: Progress) -> None:
    """Say so if the nodes run another Kubernetes than the testbed asks for in so many words."""
    kubernetes = testbed.kubernetes
    if "version" not in kubernetes.model_fields_set:
        return
    with KubeClient(access.kubeconfig, access.context) as kube:
        found = kube.version().removeprefix("v")
    if found != kubernetes.version and not found.startswith(f"{kubernetes.version}."):
        progress.note(
            f"the cluster runs Kubernetes {found}, not {kubernetes.version}: on kind the node "
            "image says which (kubernetes.image)"
        )
