"""What is changed in a node of a cluster so that it is what its testbed says."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from fogbed.clients.kube import KubeNode
from fogbed.clients.progress import Quiet
from fogbed.errors import PlatformError
from fogbed.platforms.kubernetes import nodes
from fogbed.platforms.kubernetes.nodes import _changes, wait_until_ready
from fogbed.spec.testbed import Node

TAINT = "node-role.kubernetes.io/control-plane=:NoSchedule"
RIGHT = {"fogbed.io/tier": "cloud", "fogbed.io/name": "a", "kubernetes.io/os": "linux"}


def changes(node: dict[str, object], labels: dict[str, str], *taints: str):
    asked = Node.model_validate({"name": "a", "tier": "cloud", **node})
    there = KubeNode(name="h", is_ready=True, version="v1", labels=labels, taints=taints)
    return _changes(asked, there)


@pytest.mark.parametrize("role", ["control-plane", "worker"])
def test_what_is_right_stays(role):
    assert changes({"role": role}, RIGHT) == {}
    if role == "control-plane":
        assert changes({"role": role, "taskmanager": False}, RIGHT, TAINT) == {}


def test_labels_come_change_and_go_and_those_of_others_stay():
    labels = {**RIGHT, "fogbed.io/tier": "fog", "fogbed.io/old": "x"}
    assert changes({"labels": {"rack": "r"}}, labels) == {
        "metadata": {
            "labels": {"fogbed.io/tier": "cloud", "fogbed.io/old": None, "fogbed.io/rack": "r"}
        }
    }


def test_a_control_plane_with_a_taskmanager_takes_pods_and_keeps_others_taints():
    found = changes({"role": "control-plane"}, RIGHT, "team=b:NoExecute", TAINT)
    assert found == {"spec": {"taints": [{"key": "team", "value": "b", "effect": "NoExecute"}]}}


def test_a_control_plane_without_one_is_kept_for_itself():
    found = changes({"role": "control-plane", "taskmanager": False}, RIGHT)
    key = "node-role.kubernetes.io/control-plane"
    assert found == {"spec": {"taints": [{"key": key, "effect": "NoSchedule"}]}}


def test_a_node_that_stays_as_it_is_is_named_with_the_way_out(monkeypatch):
    why = "Kubelet stopped posting node status."
    there = [KubeNode(name="h", is_ready=False, version="v1", labels={}, taints=(), problem=why)]
    monkeypatch.setattr(
        nodes, "KubeClient", lambda *_: nullcontext(SimpleNamespace(nodes=lambda: there))
    )
    access = SimpleNamespace(kubeconfig=None, context=None)
    with pytest.raises(PlatformError, match="node a is not Ready after 0 s") as caught:
        wait_until_ready(access, {"a": "h"}, Quiet(), timeout_s=0, way_out="docker restart HOST")
    assert caught.value.details == f"a: {why}"
    assert "docker restart h;" in caught.value.hint
