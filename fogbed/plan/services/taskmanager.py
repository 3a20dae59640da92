"""Flink's TaskManagers: at most one on each node, where the job's operators run."""

from __future__ import annotations

from typing import Any

from fogbed.plan import flink_memory
from fogbed.plan.cluster import Cluster
from fogbed.plan.flink_buffers import MOST_MORE, ChosenBuffers, links_text
from fogbed.plan.local_processes import LocalProcess
from fogbed.plan.placement import resources_offered
from fogbed.plan.services import grafana, kube_state_metrics, node_exporter, prometheus
from fogbed.plan.services.flink import DISK, METRICS, arguments, flink_process
from fogbed.plan.services.jobmanager import pod_memory as jobmanager_memory
from fogbed.plan.services.minio import MEMORY as MINIO_MEMORY
from fogbed.plan.services.service import Laptop, Port, Service
from fogbed.plan.services.taskmanager_room import buffers_for, may_grow, rooms_of, slots_of
from fogbed.spec.testbed import Node, Testbed

_RPC = Port(name="rpc", number=6122)
_DATA = Port(name="data", number=6121)
# on a laptop: a node may carry the JobManager as well, which has the other one
_METRICS = Port(name="metrics", number=METRICS.number + 1)
_MAIN = ("org.apache.flink.runtime.taskexecutor.TaskManagerRunner",)


def _memory(testbed: Testbed, node: Node) -> int | None:
    """Return what was written; else a node with a limit gives it what it has left."""
    written = testbed.services.flink.taskmanager.memory
    if written is None and node.memory is None:
        return flink_memory.TASKMANAGER_DEFAULT
    return written


def _process(laptop: Laptop, node: Node, memory: int) -> LocalProcess:
    testbed = laptop.testbed
    slots = slots_of(testbed, node)
    # at the least: a node without one may be too small for it, until it is added
    parts = flink_memory.taskmanager_memory(
        max(memory, flink_memory.TASKMANAGER_LEAST),
        network=laptop.buffers.network.get(node.name),
        growth=MOST_MORE if may_grow(testbed, node) else 0,
    )
    config = _config(node, laptop.addresses[node.name], slots) | parts.config()
    # one process of a kind records: several would write into the same file
    recorder = next(iter(TASKMANAGER.first_nodes(testbed)), node)
    return flink_process(
        laptop,
        TASKMANAGER.name,
        node,
        slots=slots,
        options=parts.jvm(),
        config=config | laptop.buffers.config(),
        main=_MAIN,
        class_list=f"{TASKMANAGER.name}.classes" if node.name == recorder.name else "",
        metrics_port=_METRICS.number,
    )


def _config(node: Node, address: str, slots: int) -> dict[str, str]:
    return {"taskmanager.bind-host": address, **_offer(node, address, slots)}


def _offer(node: Node, address: str, slots: int) -> dict[str, str]:
    offered = resources_offered(node.name, node.tier, node.labels)
    return {
        "taskmanager.host": address,
        "taskmanager.rpc.port": str(_RPC.number),
        "taskmanager.data.port": str(_DATA.number),
        "taskmanager.resource-id": node.name,
        "taskmanager.numberOfTaskSlots": str(slots),
        # a share that placed operators divide, not a limit: always one
        "taskmanager.cpu.cores": "1.0",
        "external-resources": ";".join(offered),
        **{f"external-resource.{name}.amount": str(slots) for name in offered},
    }


def pod_memory(cluster: Cluster, node: Node) -> int:
    """Return the bytes that a TaskManager's container takes on a node.

    What was written; else what a node with a limit has left beside what else is planned there; else
    a share of what the node offers.
    """
    written = cluster.testbed.services.flink.taskmanager.memory
    if written is not None:
        return written
    if node.memory is not None:
        return node.memory - _others(cluster.testbed, node)
    return flink_memory.pod_taskmanager_share(cluster.facts.memory.get(node.name))


def _others(testbed: Testbed, node: Node) -> int:
    jobmanager = jobmanager_memory(testbed) if node == testbed.jobmanager_node else 0
    stores = testbed.has_minio and node == testbed.minio_node
    return jobmanager + (MINIO_MEMORY if stores else 0) + _watching(testbed, node)


def _watching(testbed: Testbed, node: Node) -> int:
    if not testbed.services.prometheus.enabled:
        return 0
    shown = testbed.asks_for_grafana and node == testbed.grafana_node
    own = node_exporter.MEMORY + (grafana.MEMORY if shown else 0)
    if node != testbed.prometheus_node:
        return own
    return own + prometheus.memory(testbed) + kube_state_metrics.MEMORY


def pods(cluster: Cluster) -> list[dict[str, Any]]:
    """Return what the manifests of each TaskManager are rendered with, in the nodes' order."""
    buffers, _ = pod_buffers(cluster)
    asked = "" if buffers.is_usual else links_text(cluster.facts.links)
    return [
        {**_pod(cluster, node, buffers), "links": asked}
        for node in TASKMANAGER.nodes(cluster.testbed)
    ]


def pod_buffers(cluster: Cluster) -> tuple[ChosenBuffers, list[str]]:
    """Return the network buffers of a cluster's TaskManagers, and where there are too few.

    A container's size stays as it is, for the kernel ends whatever exceeds it.
    """
    testbed = cluster.testbed
    sizes = {node.name: pod_memory(cluster, node) for node in testbed.nodes}
    return buffers_for(testbed, cluster.facts.links, rooms_of(testbed, sizes, {}))


def _pod(cluster: Cluster, node: Node, buffers: ChosenBuffers) -> dict[str, Any]:
    # at the least: a node without one may be too small for it, until it is added
    memory = max(pod_memory(cluster, node), flink_memory.TASKMANAGER_LEAST)
    config = _offer(node, "$(POD_IP)", slots_of(cluster.testbed, node))
    parts = flink_memory.taskmanager_memory(memory, network=buffers.network.get(node.name))
    config |= parts.config() | buffers.config()
    return {
        "image": cluster.image(TASKMANAGER.name),
        "node": node,
        "host": cluster.host(node),
        "replicas": 1 if node.name in cluster.facts.workers else 0,
        "arguments": [TASKMANAGER.name, *arguments(config)],
        "memory": memory,
        "cores": node.cores,
        "ports": [*TASKMANAGER.ports, METRICS],
    }


TASKMANAGER = Service(
    name="taskmanager",
    title="the TaskManager",
    ports=(_RPC, _DATA),
    readiness="registers",
    least_memory=flink_memory.TASKMANAGER_LEAST,
    disk=DISK,
    # of every node: a worker may be added later
    nodes=lambda testbed: testbed.nodes,
    starts_on=lambda _testbed, node: node.taskmanager,
    memory=_memory,
    process=_process,
)
