"""kube-state-metrics: what the API server knows of a testbed's pods and nodes, as figures."""

from __future__ import annotations

from typing import Any

from fogbed.plan.cluster import Cluster, agent_namespace_of, namespace_of
from fogbed.plan.services.service import Port

METRICS = Port(name="metrics", number=8080)
OWN = Port(name="own", number=8081)
MEMORY = 96 * 2**20  # bytes; 25 MB resident, and some more on a cluster of many nodes

_RESOURCES = ("daemonsets", "deployments", "nodes", "persistentvolumeclaims", "pods")
_METRICS = (
    "kube_daemonset_status_desired_number_scheduled",
    "kube_daemonset_status_number_available",
    "kube_deployment_spec_replicas",
    "kube_deployment_status_replicas_available",
    "kube_node_info",
    "kube_node_status_allocatable",
    "kube_node_status_condition",
    "kube_persistentvolumeclaim_resource_requests_storage_bytes",
    "kube_pod_container_resource_limits",
    "kube_pod_container_status_last_terminated_reason",
    "kube_pod_container_status_restarts_total",
    "kube_pod_container_status_waiting_reason",
    "kube_pod_info",
    "kube_pod_status_phase",
)


def pod(cluster: Cluster) -> dict[str, Any]:
    """Return what kube-state-metrics' manifests are rendered with; it is beside Prometheus."""
    testbed = cluster.testbed
    spaces = (namespace_of(testbed.name), agent_namespace_of(testbed.name))
    return {
        "image": cluster.image("kube-state-metrics"),
        "node": testbed.prometheus_node,
        "host": cluster.host(testbed.prometheus_node),
        "memory": MEMORY,
        "soft_memory": MEMORY * 7 // 8,
        "ports": [METRICS, OWN],
        "arguments": [
            f"--port={METRICS.number}",
            f"--telemetry-port={OWN.number}",
            f"--namespaces={','.join(spaces)}",
            f"--resources={','.join(_RESOURCES)}",
            f"--metric-allowlist={','.join(_METRICS)}",
        ],
    }
