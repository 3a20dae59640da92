"""What kind is asked for: byte for byte as it was, and as kind itself names and reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fogbed import paths, spec
from fogbed.plan.kind import (
    cluster_name,
    host_names,
    is_tainted,
    node_labels,
    plan_kind,
    registry_files,
    render_kind,
    what_changed,
)
from fogbed.spec.testbed import Node, Testbed

TESTS = Path(__file__).parents[2]
GOLDEN = TESTS / "golden" / "kind"
# the JSON6902 way is for single nodes; a text over kubeadm's own configuration is for all
PATCH = "kind: ClusterConfiguration\napiServer:\n  timeoutForControlPlane: 2m0s\n"


def laptop() -> Testbed:
    return spec.load_testbed(paths.asset("inventory", "laptop.yml"))


def with_every_key() -> Testbed:
    testbed = spec.load_testbed(TESTS / "cases" / "spec" / "sound" / "every-cluster-key.yml")
    kubernetes = testbed.kubernetes.model_copy(
        update={"image": "kindest/node:v1.36.1", "patches": (PATCH,)}
    )
    return testbed.model_copy(update={"kubernetes": kubernetes})


TESTBEDS = {"laptop": laptop, "every-key": with_every_key}


@pytest.mark.parametrize("name", TESTBEDS)
def test_a_configuration_is_as_it_was(name):
    testbed = TESTBEDS[name]()
    text = render_kind(testbed, image=testbed.kubernetes.image, owner="0" * 32)
    assert text == (GOLDEN / f"{name}.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TESTBEDS)
def test_what_is_written_is_what_was_planned(name):
    testbed = TESTBEDS[name]()
    text = render_kind(testbed, image=None, owner="x")
    assert yaml.safe_load(text) == plan_kind(testbed, image=None, owner="x")


def test_nodes_are_called_as_kind_numbers_them_by_role():
    assert list(host_names(with_every_key()).items()) == [
        ("cp-1", "fogbed-every-cluster-key-control-plane"),
        ("cp-2", "fogbed-every-cluster-key-control-plane2"),
        ("cp-3", "fogbed-every-cluster-key-control-plane3"),
        ("edge-1", "fogbed-every-cluster-key-worker"),
    ]


def test_a_long_name_leaves_room_for_a_host_name_and_stays_its_own():
    long = [laptop().model_copy(update={"name": "x" * 50 + end}) for end in ("a", "b")]
    assert all(len(host) <= 63 for each in long for host in host_names(each).values())
    assert cluster_name(long[0]) != cluster_name(long[1])


def test_the_nodes_name_stands_before_a_label_of_that_name():
    node = Node(name="edge-1", tier="edge", labels={"name": "other", "rack": "a"})
    assert node_labels(node) == {
        "fogbed.io/tier": "edge",
        "fogbed.io/name": "edge-1",
        "fogbed.io/rack": "a",
    }


@pytest.mark.parametrize(
    ("role", "taskmanager", "tainted"),
    [("control-plane", False, True), ("control-plane", True, False), ("worker", False, False)],
)
def test_a_control_plane_without_a_taskmanager_is_kept_for_itself(role, taskmanager, tainted):
    node = Node(name="n", tier="cloud", role=role, taskmanager=taskmanager)
    assert is_tainted(node) is tainted


def test_mirrors_are_written_as_on_pis():
    assert registry_files(with_every_key()) == {
        "/etc/containerd/certs.d/_default/hosts.toml": (
            "# Written by fogbed: a change made here is lost.\n"
            '[host."http://mirror.lab:5000"]\n  capabilities = ["pull", "resolve"]\n'
        ),
        "/etc/containerd/certs.d/ghcr.io/hosts.toml": (
            "# Written by fogbed: a change made here is lost.\n"
            'server = "https://ghcr.io"\n\n'
            '[host."https://ghcr.lab"]\n  capabilities = ["pull", "resolve"]\n'
        ),
    }


def changed(**update):
    before = laptop()
    after = before.model_copy(update=update)
    return what_changed(*(plan_kind(each, image="a", owner="x") for each in (before, after)))


def test_tiers_labels_and_mirrors_change_in_a_cluster_that_is_there():
    before = laptop()
    nodes = tuple(
        node.model_copy(update={"tier": "edge", "labels": {"a": "b"}}) for node in before.nodes
    )
    sources = before.sources.model_copy(update={"registries": {"*": "mirror.lab"}})
    assert changed(nodes=nodes, sources=sources) == ()


@pytest.mark.parametrize(
    ("update", "told"),
    [
        ({"nodes": laptop().nodes[:-1]}, "its nodes, or their roles or order"),
        ({"nodes": laptop().nodes[::-1]}, "its nodes, or their roles or order"),
        ({"pod_cidr": "10.1.0.0/16"}, "kubernetes.pod_cidr or service_cidr"),
        ({"patches": (PATCH,)}, "kubernetes.patches, kubelet or kube_proxy"),
        ({"kubelet": {"maxPods": 9}}, "kubernetes.patches, kubelet or kube_proxy"),
    ],
)
def test_what_kind_cannot_change_is_told(update, told):
    if "nodes" not in update:
        update = {"kubernetes": laptop().kubernetes.model_copy(update=update)}
    assert changed(**update) == (told,)
