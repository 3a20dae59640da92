"""Whether nodes have the memory that is asked of them."""

from __future__ import annotations

import pytest

from fogbed.plan.manifests import Manifest
from fogbed.platforms.kubernetes.capacity import others_pods, quantity, short_of_memory
from fogbed.spec.testbed import Testbed

GIB = 2**30


def node(memory: str) -> dict:
    return {"status": {"allocatable": {"memory": memory}}}


def pod(host: str, memory: str | None, phase: str = "Running") -> dict:
    requests = {"memory": memory} if memory else {}
    return {
        "spec": {"nodeName": host, "containers": [{"resources": {"requests": requests}}]},
        "status": {"phase": phase},
    }


def manifest(kind: str, memory: str, host: str | None = None, replicas: int = 1) -> Manifest:
    spec: dict = {"containers": [{"resources": {"requests": {"memory": memory}}}]}
    if host:
        spec["nodeSelector"] = {"kubernetes.io/hostname": host}
    return Manifest(
        component="taskmanager",
        body={
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": "x"},
            "spec": {"replicas": replicas, "template": {"spec": spec}},
        },
    )


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512Mi", 512 * 2**20),
        ("2Gi", 2 * GIB),
        ("1500k", 1_500_000),
        ("1e9", 10**9),
        ("4000m", 4),
        ("7", 7),
        ("", 0),
        (None, 0),
    ],
)
def test_a_quantity_is_read_as_kubernetes_writes_it(text, size):
    assert quantity(text) == size


def test_what_is_pinned_to_a_node_must_fit_beside_what_others_run_there():
    hosts, nodes = {"fog-1": "w1", "edge-1": "w2"}, {"w1": node("2Gi"), "w2": node("2Gi")}
    others = [pod("w1", "1536Mi"), pod("w2", "1536Mi", phase="Succeeded"), pod("w2", None)]
    asked = [manifest("Deployment", "1Gi", "w1"), manifest("Deployment", "1Gi", "w2")]
    assert short_of_memory(nodes, others, hosts, asked) == [
        "fog-1: 1g asked, 512m left of 2g",
    ]


def test_a_daemonset_takes_its_share_of_every_node_and_no_replica_takes_none():
    hosts, nodes = {"a": "w1", "b": "w2"}, {"w1": node("1Gi"), "w2": node("2Gi")}
    asked = [
        manifest("DaemonSet", "600Mi"),
        manifest("Deployment", "600Mi", "w1"),
        manifest("Deployment", "600Mi", "w2"),
        manifest("Deployment", "9Gi", "w2", replicas=0),
    ]
    assert short_of_memory(nodes, [], hosts, asked) == ["a: 1200m asked, 1g left of 1g"]


def test_a_node_that_the_cluster_has_not_has_no_memory():
    found = short_of_memory({}, [], {"a": "w1"}, [manifest("Deployment", "1Gi", "w1")])
    assert found == ["a: 1g asked, 0m left of 0m"]


def test_a_pod_counts_as_its_scheduler_counts_it():
    big = {"resources": {"requests": {"memory": "1536Mi"}}}
    nodes, hosts = {"w1": node("2Gi")}, {"a": "w1"}
    heavy = pod("w1", "256Mi")
    asked = [manifest("Deployment", "1Gi", "w1")]
    heavy["spec"]["initContainers"] = [big]
    assert short_of_memory(nodes, [heavy], hosts, asked) == ["a: 1g asked, 512m left of 2g"]
    heavy["spec"]["initContainers"] = [{**big, "restartPolicy": "Always"}]
    assert short_of_memory(nodes, [heavy], hosts, asked) == ["a: 1g asked, 256m left of 2g"]


class Cluster:
    """Pods of three testbeds whose names begin alike."""

    def list(self, *_):
        spaces = ("fogbed-farm", "fogbed-farm-agent", "fogbed-farm2", "fogbed-farm-b")
        return [{"metadata": {"namespace": space}} for space in spaces]


def test_a_testbed_whose_name_begins_alike_is_another_one():
    node = {"name": "a", "tier": "edge", "role": "control-plane"}
    fields = {"apiVersion": "fogbed/v1", "kind": "Testbed", "name": "farm", "nodes": [node]}
    farm = Testbed.model_validate({**fields, "platform": "kubernetes"})
    spaces = [each["metadata"]["namespace"] for each in others_pods(Cluster(), farm)]
    assert spaces == ["fogbed-farm2", "fogbed-farm-b"]
