"""The stack in a real API server: admission, schema, scheduling, what a second apply changes.

Nodes are kwok's, so that there can be a hundred of them: no image is pulled and nothing runs, but
the scheduler, the controllers, Pod Security and the server's own checks are the real ones.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fogbed.clients.kube_access import KubeAccess
from fogbed.clients.kube_objects import KubeObjects
from fogbed.plan.cluster import agent_namespace_of, cluster_name_of, facts_from, namespace_of
from fogbed.plan.manifests import plan_manifests
from fogbed.spec.testbed import Testbed

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

ROOM = {"cpu": "4", "memory": "3795Mi", "pods": "110", "ephemeral-storage": "28Gi"}
SECRETS = {"minio-root": ("user", "password"), "flink-s3": ("access-key", "secret-key")}
WAIT_S = 120


def testbed_of(size: int, platform: str, name: str) -> Testbed:
    nodes = [
        {
            "name": f"{name}-{number}",
            "role": "worker" if number else "control-plane",
            "tier": ("cloud", "fog", "edge")[min(number, 2)],
            "taskmanager": bool(number) or size == 1,
            "labels": {"zone": f"z{number % 3}"},
        }
        for number in range(size)
    ]
    head = {"apiVersion": "fogbed/v1", "kind": "Testbed", "name": name, "platform": platform}
    return Testbed.model_validate({**head, "nodes": nodes})


def node(name: str, *, is_tainted: bool) -> dict[str, object]:
    taint = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "fogbed.io/lab": "manifests"},
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {"taints": [taint] if is_tainted else []},
        "status": {
            "allocatable": ROOM,
            "capacity": ROOM,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        },
    }


class Stack:
    """A testbed's stack in the cluster; every object of it is gone afterwards."""

    def __init__(self, kube, kube_api, testbed: Testbed) -> None:
        self.kube, self.kube_api, self.testbed = kube, kube_api, testbed
        self.facts = facts_from(testbed)
        self.spaces = (namespace_of(testbed.name), agent_namespace_of(testbed.name))

    def manifests(self, *without: str):
        return plan_manifests(self.testbed, self.facts, without=frozenset(without))

    def apply(self) -> list[str]:
        return [self.kube.apply(dict(each.body)) for each in self.manifests()]

    def add_nodes(self) -> None:
        several = len(self.testbed.nodes) > 1
        items = [
            node(each.name, is_tainted=several and each.role == "control-plane")
            for each in self.testbed.nodes
        ]
        listed = {"apiVersion": "v1", "kind": "List", "items": items}
        self.kube_api.kubectl("create", "-f", "-", stdin=json.dumps(listed))

    def add_secrets(self) -> None:
        for name, keys in SECRETS.items():
            metadata = {"name": name, "namespace": self.spaces[0]}
            data = dict.fromkeys(keys, "only-a-test")
            body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
            self.kube.apply({**body, "stringData": data})

    def pods(self) -> dict[tuple[str, str], list[dict[str, object]]]:
        """The pods that are there, by component and testbed's node ("" for none's own)."""
        found: dict[tuple[str, str], list[dict[str, object]]] = {}
        for space in self.spaces:
            for pod in self.kube.list("v1", "Pod", space):
                labels = pod["metadata"]["labels"]
                key = (labels["app.kubernetes.io/component"], labels.get("fogbed.io/node", ""))
                found.setdefault(key, []).append(pod)
        return found

    def remove(self) -> None:
        name = cluster_name_of(self.testbed.name)
        for space in self.spaces:
            self.kube.delete("v1", "Namespace", space)
        self.kube.delete("storage.k8s.io/v1", "StorageClass", name)
        for kind in ("ClusterRoleBinding", "ClusterRole"):
            self.kube.delete("rbac.authorization.k8s.io/v1", kind, f"{name}-local-path")
        try:
            # kwok ends pods of nodes that are there; those of others wait for the collector
            for space in self.spaces:
                self.kube.wait_gone("v1", "Namespace", space)
        finally:
            self.kube_api.kubectl("delete", "node", "-l", "fogbed.io/lab=manifests")


@pytest.fixture
def stack(kube_api, request) -> Iterator[Stack]:
    size, platform = request.param
    with KubeObjects(KubeAccess(kubeconfig=kube_api.kubeconfig)) as kube:
        made = Stack(kube, kube_api, testbed_of(size, platform, f"bed{size}"))
        try:
            made.add_nodes()
            yield made
        finally:
            made.remove()


def scheduled(stack: Stack, wanted: int) -> dict[tuple[str, str], list[str]]:
    """Wait until as many pods have a node; return the nodes by component and testbed's node."""
    deadline = time.monotonic() + WAIT_S
    while True:
        pods = stack.pods()
        placed = {
            key: [str(pod["spec"].get("nodeName", "")) for pod in each]
            for key, each in pods.items()
        }
        if sum(bool(name) for each in placed.values() for name in each) >= wanted:
            return placed
        assert time.monotonic() < deadline, (placed, why_not(stack))
        time.sleep(0.5)


def why_not(stack: Stack) -> list[str]:
    return [
        event["message"]
        for space in stack.spaces
        for event in stack.kube.list("v1", "Event", space)
        if event["type"] == "Warning"
    ]


@pytest.mark.parametrize(
    "stack", [(1, "pi"), (3, "pi"), (10, "kind"), (100, "kind")], indirect=True, ids=str
)
def test_a_stack_is_admitted_scheduled_and_left_as_it_is(stack, note_time):
    began = time.monotonic()
    assert stack.apply() == ["created"] * len(stack.manifests())
    first_s = time.monotonic() - began
    stack.add_secrets()
    hosts = {each.name for each in stack.testbed.nodes}
    workers = stack.facts.workers
    components = {each.component for each in stack.manifests()}
    agents = len(hosts) if "agent" in components else 0
    # MinIO waits for its volume where nobody provides one: it is admitted, and no more
    others = len({"jobmanager", "local-path"} & components)
    placed = scheduled(stack, len(workers) + agents + others)
    for worker in workers:
        assert placed["taskmanager", worker] == [worker], why_not(stack)
    idle = hosts - workers
    assert not [each for each in placed if each[0] == "taskmanager" and each[1] in idle]
    assert placed["jobmanager", ""] == [stack.testbed.jobmanager_node.name]
    if agents:
        assert sorted(placed["agent", ""]) == sorted(hosts)
    assert ("minio", "") in placed, why_not(stack)
    refused = [each for each in why_not(stack) if "forbidden" in each or "violates" in each]
    assert refused == []
    began = time.monotonic()
    assert stack.apply() == ["unchanged"] * len(stack.manifests())
    again_s = time.monotonic() - began
    note_time(f"stack of {len(hosts)} nodes: first apply", first_s)
    note_time(f"stack of {len(hosts)} nodes: second apply, which changes nothing", again_s)


@pytest.mark.parametrize("stack", [(3, "kind")], indirect=True, ids=str)
def test_a_component_that_is_left_out_is_pruned_with_its_objects_alone(stack):
    stack.apply()
    stack.add_secrets()
    labels = {
        "app.kubernetes.io/managed-by": "fogbed",
        "app.kubernetes.io/part-of": stack.testbed.name,
    }
    keep = [(each.kind, each.namespace, each.name) for each in stack.manifests("minio")]
    space = stack.spaces[0]
    removed = stack.kube.prune(labels, keep, (*stack.spaces, ""))
    assert sorted(removed) == [f"Deployment {space}/minio", f"Service {space}/minio"]
    assert [stack.kube.apply(dict(each.body)) for each in stack.manifests("minio")] == [
        "unchanged"
    ] * len(keep)
    # what holds data stays
    assert stack.kube.get("v1", "PersistentVolumeClaim", "minio-data", space) is not None


@pytest.mark.parametrize("stack", [(3, "kind")], indirect=True, ids=str)
def test_a_worker_is_added_and_removed_by_one_object(stack):
    stack.apply()
    before = stack.manifests()
    stack.facts = replace(stack.facts, workers=frozenset({stack.testbed.nodes[1].name}))
    changed = [
        each.name
        for each, old in zip(stack.manifests(), before, strict=True)
        if stack.kube.apply(dict(each.body)) != "unchanged" or each != old
    ]
    assert changed == [f"taskmanager-{stack.testbed.nodes[2].name}"]
