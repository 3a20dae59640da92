"""Nodes of a cluster that somebody else made: which is which, and which may not be used."""

from __future__ import annotations

from typing import ClassVar

import pytest

from fogbed.clients.kube import KubeNode
from fogbed.clients.progress import Quiet
from fogbed.errors import PlatformError, UsageError
from fogbed.platforms.kubernetes import existing
from fogbed.platforms.kubernetes.existing import ExistingCluster, find_hosts
from fogbed.spec.testbed import Testbed

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://192.0.2.1:6443"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: farm, context: {cluster: c, user: u}}]
"""


def asked_for(*names: str, address: str | None = None) -> Testbed:
    nodes = [{"name": name, "tier": "edge"} for name in names]
    nodes[0] |= {"role": "control-plane"} | ({"address": address} if address else {})
    return Testbed.model_validate(
        {
            "apiVersion": "fogbed/v1",
            "kind": "Testbed",
            "name": "farm",
            "platform": "kubernetes",
            "context": "farm",
            "nodes": nodes,
        }
    )


def node(name: str, **fields: object) -> KubeNode:
    return KubeNode(name=name, **{"is_ready": True, "version": "v1.36.3", **fields})


def test_a_node_is_found_by_name_host_name_first_part_and_address():
    nodes = [
        node("by-name"),
        node("n2", labels={"kubernetes.io/hostname": "by-label"}),
        node("by-part.lab.example"),
        node("n4", address="192.0.2.9"),
    ]
    asked = asked_for("at-address", "by-name", "by-label", "by-part", address="192.0.2.9")
    found = {name: each.name for name, each in find_hosts(asked, nodes).items()}
    assert found == {
        "at-address": "n4",
        "by-name": "by-name",
        "by-label": "n2",
        "by-part": "by-part.lab.example",
    }


def test_what_may_be_two_nodes_is_none():
    assert find_hosts(asked_for("a"), [node("a.x"), node("a.y")]) == {}


KEPT = (
    "kept: is kept for others by the taint team=other:NoExecute; leave it out, or: kubectl taint "
    "nodes kept team-"
)


class Kube:
    """An API server that has these nodes."""

    found: ClassVar[list[KubeNode]] = []

    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def nodes(self):
        return self.found


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    (tmp_path / "config").write_text(KUBECONFIG, encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(existing, "KubeClient", Kube)

    def made(asked: Testbed, *nodes: KubeNode) -> ExistingCluster:
        monkeypatch.setattr(Kube, "found", list(nodes))
        return ExistingCluster(asked, tmp_path / "state")

    return made


def test_it_is_reached_by_a_copy_for_nobody_elses_eyes(cluster, tmp_path):
    found = cluster(asked_for("a", "b"), node("a"), node("b"), node("c"))
    assert not found.exists()
    found.ensure(Quiet())
    assert found.access().kubeconfig.stat().st_mode & 0o777 == 0o600
    assert found.hosts() == {"a": "a", "b": "b"}
    found.remove(Quiet())
    assert not found.exists()
    assert (tmp_path / "config").read_text(encoding="utf-8") == KUBECONFIG


def test_another_context_does_not_move_a_testbed_that_is_up(cluster, tmp_path):
    found = cluster(asked_for("a").model_copy(update={"context": None}), node("a"))
    config = tmp_path / "config"
    config.write_text(f"{KUBECONFIG}current-context: farm\n", encoding="utf-8")
    found.ensure(Quiet())
    moved = KUBECONFIG.replace("192.0.2.1", "192.0.2.7")
    config.write_text(f"{moved}current-context: farm\n", encoding="utf-8")
    found.ensure(Quiet())
    other = KUBECONFIG.replace("name: farm", "name: shop")
    config.write_text(f"{other}current-context: shop\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        found.ensure(Quiet())
    assert "context farm (https://192.0.2.7:6443), and context shop" in caught.value.message
    assert "192.0.2.7" in found.access().kubeconfig.read_text(encoding="utf-8")
    found.remove(Quiet())
    found.ensure(Quiet())


def test_every_problem_of_its_nodes_is_told_at_once(cluster):
    found = cluster(
        asked_for("cp", "gone", "late", "off", "kept"),
        node("cp", taints=("node-role.kubernetes.io/control-plane=:NoSchedule",)),
        node("late", is_ready=False, problem="NodeStatusUnknown: Kubelet stopped"),
        node("off", is_schedulable=False, taints=("node.kubernetes.io/unschedulable=:NoSchedule",)),
        node("kept", taints=("team=other:NoExecute", "wish=:PreferNoSchedule")),
        node("free"),
    )
    with pytest.raises(PlatformError) as caught:
        found.ensure(Quiet())
    assert caught.value.message.endswith("4 problems")
    assert caught.value.details.splitlines() == [
        "gone: the cluster has no such node; not in the testbed are free",
        "late: is not Ready: NodeStatusUnknown: Kubelet stopped",
        "off: takes no pods; kubectl uncordon off",
        KEPT,
    ]


def test_before_it_was_brought_up_there_is_no_way_in(cluster):
    with pytest.raises(PlatformError, match="farm was not brought up"):
        cluster(asked_for("a"), node("a")).hosts()
