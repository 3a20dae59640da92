"""What stands on each node of a testbed: an agent in the pods' network, a shaper in the node's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from fogbed.clients.kube_objects import KubeObjects
from fogbed.errors import PlatformError
from fogbed.plan.cluster import agent_namespace_of
from fogbed.spec.testbed import Testbed

Kind = Literal["agent", "shaper"]


def agent_pods(
    kube: KubeObjects, testbed: Testbed, hosts: Mapping[str, str], kind: Kind = "agent"
) -> dict[str, dict[str, Any]]:
    """Return the running agent's (or shaper's) pod of every node, by the testbed's name of it.

    Raises:
        ServiceError: the API server does not say.
    """
    names = {host: node for node, host in hosts.items()}
    pods = _running(kube, testbed, kind)
    return {names[host]: pod for host, pod in pods.items() if host in names}


def shaper_hosts(kube: KubeObjects, testbed: Testbed) -> dict[str, str]:
    """Return the cluster's nodes on which a shaper of the testbed runs, whichever node each is.

    Raises:
        ServiceError: the API server does not say.
    """
    return {host: host for host in _running(kube, testbed, "shaper")}


def _running(kube: KubeObjects, testbed: Testbed, kind: Kind) -> dict[str, dict[str, Any]]:
    pods = kube.list(
        "v1",
        "Pod",
        agent_namespace_of(testbed.name),
        {"app.kubernetes.io/component": kind, "app.kubernetes.io/part-of": testbed.name},
    )
    return {pod["spec"]["nodeName"]: pod for pod in pods if is_running(pod)}


def is_running(pod: Mapping[str, Any]) -> bool:
    """Whether a pod runs and is not on its way out."""
    is_leaving = "deletionTimestamp" in pod["metadata"]
    return not is_leaving and pod.get("status", {}).get("phase") == "Running"


def require_agent(
    pods: Mapping[str, Mapping[str, Any]], node: str, testbed: Testbed, kind: Kind = "agent"
) -> str:
    """Return the name of the pod of a node's agent, or shaper.

    Raises:
        PlatformError: there is none that runs.
    """
    if node not in pods:
        raise PlatformError(
            f"no {kind} runs on {node} of testbed {testbed.name}",
            hint=f"fogbed status -t {testbed.name} says why; fogbed up puts it there",
        )
    return str(pods[node]["metadata"]["name"])
