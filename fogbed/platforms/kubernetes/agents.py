"""The agents' pods: one on each node of a testbed, in the network that its pods share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fogbed.clients.channel import Channel
from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_exec import pod_channel
from fogbed.clients.kube_objects import KubeObjects
from fogbed.errors import PlatformError
from fogbed.plan.cluster import agent_namespace_of
from fogbed.spec.testbed import Testbed


def agent_pods(
    kube: KubeObjects, testbed: Testbed, hosts: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Return the running agent's pod of every node, by the testbed's name of the node.

    Raises:
        ServiceError: the API server does not say.
    """
    names = {host: node for node, host in hosts.items()}
    pods = kube.list(
        "v1",
        "Pod",
        agent_namespace_of(testbed.name),
        {"app.kubernetes.io/component": "agent", "app.kubernetes.io/part-of": testbed.name},
    )
    return {
        names[pod["spec"]["nodeName"]]: pod
        for pod in pods
        if pod["spec"].get("nodeName") in names and is_running(pod)
    }


def agent_channels(
    access: KubeAccess, testbed: Testbed, pods: Mapping[str, Mapping[str, Any]]
) -> dict[str, Channel]:
    """Return how programs are run on the nodes whose agents run; ``pods`` of ``agent_pods``."""
    namespace = agent_namespace_of(testbed.name)
    return {
        node: pod_channel(node, access, namespace, str(pod["metadata"]["name"]))
        for node, pod in pods.items()
    }


def is_running(pod: Mapping[str, Any]) -> bool:
    """Whether a pod runs and is not on its way out."""
    is_leaving = "deletionTimestamp" in pod["metadata"]
    return not is_leaving and pod.get("status", {}).get("phase") == "Running"


def require_agent(pods: Mapping[str, Mapping[str, Any]], node: str, testbed: Testbed) -> str:
    """Return the name of the pod of a node's agent.

    Raises:
        PlatformError: there is none that runs.
    """
    if node not in pods:
        raise PlatformError(
            f"no agent runs on {node} of testbed {testbed.name}",
            hint=f"fogbed status -t {testbed.name} says why; fogbed up puts it there",
        )
    return str(pods[node]["metadata"]["name"])
