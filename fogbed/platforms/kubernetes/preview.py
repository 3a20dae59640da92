"""What ``up`` would make on Kubernetes and ``down`` would take, as values for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from fogbed.plan.cluster import namespace_of
from fogbed.plan.services.data import data_of
from fogbed.platforms.long_links import chosen_for
from fogbed.platforms.requests import DownRequest, Preview
from fogbed.spec.testbed import Node, Testbed


def preview_of(testbed: Testbed) -> Preview:
    """Return what ``up`` would make.

    Raises:
        UsageError: the size of network buffers that is written leaves too few.
    """
    return Preview(
        title=f"testbed {testbed.name} would come up on Kubernetes, "
        f"in namespace {namespace_of(testbed.name)}",
        columns=("node", "role", "tier", "slots", "pods"),
        rows=[
            (node.name, node.role, node.tier, _slots(testbed, node), _pods(testbed, node))
            for node in testbed.nodes
        ],
        remark="\n".join(
            filter(
                None,
                (chosen_for(testbed, None).told, "fogbed render manifests shows every object"),
            )
        ),
    )


def _slots(testbed: Testbed, node: Node) -> str:
    return str(node.slots or testbed.services.flink.taskmanager.slots) if node.taskmanager else "-"


def _pods(testbed: Testbed, node: Node) -> str:
    names = ["agent"]
    if node.name == testbed.jobmanager_node.name:
        names.append("jobmanager")
    if testbed.has_minio and node.name == testbed.minio_node.name:
        names.append("minio")
    if testbed.services.prometheus.enabled:
        names.append("node-exporter")
        if node.name == testbed.prometheus_node.name:
            names += ["prometheus", "kube-state-metrics"]
    if testbed.asks_for_grafana and node.name == testbed.grafana_node.name:
        names.append("grafana")
    if node.taskmanager:
        names.append("taskmanager")
    return ", ".join(names)


def removal_of(testbed: Testbed, request: DownRequest, *, keeps_cluster: bool) -> Sequence[str]:
    """Return what ``down`` would remove and keep."""
    if not keeps_cluster:
        what = "jobs, datasets, savepoints and output in its object store"
        return [f"would delete the cluster of testbed {testbed.name}, with all on it: {what}"]
    space = namespace_of(testbed.name)
    if request.everything:
        held = " and ".join(f"what {data.title} holds" for data in data_of(testbed))
        return [f"would remove namespace {space}{f' with {held}' if held else ''}"]
    return [
        f"would remove every object of namespace {space}",
        *(
            f"would keep what {data.title} holds: PersistentVolumeClaim {data.claim} there"
            for data in data_of(testbed)
        ),
    ]
