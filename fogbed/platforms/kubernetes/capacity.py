"""Whether the nodes have the memory that is asked of them: looked at before anything is applied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fogbed.clients.kube_objects import KubeObjects
from fogbed.errors import PlatformError
from fogbed.plan.cluster import agent_namespace_of, namespace_of
from fogbed.plan.manifests import Manifest
from fogbed.spec.testbed import Testbed
from fogbed.units import format_memory

_HOSTNAME = "kubernetes.io/hostname"
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
_DECIMAL = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "m": 1e-3}


def require_capacity(
    kube: KubeObjects, testbed: Testbed, hosts: Mapping[str, str], manifests: Sequence[Manifest]
) -> None:
    """Return if every node has room for the pods that are pinned to it.

    Raises:
        PlatformError: one or more have not; each is named with both figures.
    """
    nodes = {each["metadata"]["name"]: each for each in kube.list("v1", "Node")}
    lacking = short_of_memory(nodes, others_pods(kube, testbed), hosts, manifests)
    if lacking:
        raise PlatformError(
            f"testbed {testbed.name} needs more memory than its nodes have left",
            details="\n".join(lacking),
            hint="write less under services.flink.taskmanager.memory or the node's memory, or "
            "taskmanager: false; nothing was applied",
        )


def others_pods(kube: KubeObjects, testbed: Testbed) -> list[dict[str, Any]]:
    """Return the cluster's pods that are not this testbed's; ServiceError as of the cluster."""
    ours = {namespace_of(testbed.name), agent_namespace_of(testbed.name)}
    return [pod for pod in kube.list("v1", "Pod") if pod["metadata"].get("namespace") not in ours]


def short_of_memory(
    nodes: Mapping[str, Mapping[str, Any]],
    pods: Iterable[Mapping[str, Any]],
    hosts: Mapping[str, str],
    manifests: Sequence[Manifest],
) -> list[str]:
    """Return a line per node that has less memory than is asked of it; pure.

    ``nodes`` are the cluster's by name, ``pods`` those of others that stay where they are.
    """
    taken: dict[str, int] = {}
    for pod in pods:
        if pod.get("status", {}).get("phase") in ("Running", "Pending"):
            host = pod["spec"].get("nodeName", "")
            taken[host] = taken.get(host, 0) + _asked(pod["spec"])
    wanted = _wanted(hosts, manifests)
    lines = []
    for name, host in hosts.items():
        there = quantity(nodes.get(host, {}).get("status", {}).get("allocatable", {}).get("memory"))
        left = max(0, there - taken.get(host, 0))
        asked = wanted.get(host, 0)
        if asked > left:
            figures = f"{format_memory(left)} left of {format_memory(there)}"
            lines.append(f"{name}: {format_memory(asked)} asked, {figures}")
    return lines


def _wanted(hosts: Mapping[str, str], manifests: Sequence[Manifest]) -> dict[str, int]:
    """Return the bytes that pods pinned to each host ask for; one per node of a DaemonSet."""
    wanted: dict[str, int] = {}
    for manifest in manifests:
        template = manifest.body.get("spec", {}).get("template", {}).get("spec")
        if template is None:
            continue
        pinned = template.get("nodeSelector", {}).get(_HOSTNAME)
        everywhere = tuple(hosts.values()) if manifest.kind == "DaemonSet" else ()
        replicas = manifest.body["spec"].get("replicas", 1)
        for host in (pinned,) if pinned else everywhere:
            wanted[host] = wanted.get(host, 0) + replicas * _asked(template)
    return wanted


def _asked(spec: Mapping[str, Any]) -> int:
    """Return the bytes that a scheduler counts for a pod, with those that start first."""
    first = [_of_container(each) for each in spec.get("initContainers") or ()]
    beside = sum(
        _of_container(each)
        for each in spec.get("initContainers") or ()
        if each.get("restartPolicy") == "Always"
    )
    together = sum(_of_container(each) for each in spec.get("containers") or ())
    overhead = quantity((spec.get("overhead") or {}).get("memory"))
    return max(together + beside, *first, 0) + overhead


def _of_container(container: Mapping[str, Any]) -> int:
    resources = container.get("resources") or {}
    return quantity((resources.get("requests") or {}).get("memory"))


def quantity(text: str | None) -> int:
    """Return bytes of a Kubernetes quantity, as in ``512Mi`` or ``2e9``; 0 of none."""
    if not text:
        return 0
    for suffix, factor in (_BINARY | _DECIMAL).items():
        if text.endswith(suffix):
            return int(float(text.removesuffix(suffix)) * factor)
    return int(float(text))
