"""A testbed of Pis judged by what API server and nodes said."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from fogbed import spec
from fogbed.clients.kube import KubeNode, KubePod
from fogbed.platforms.pi.status import Cluster, judge
from fogbed.platforms.pi.vitals import Vitals, parse_vitals

BED = """\
apiVersion: fogbed/v1
kind: Testbed
name: pico
platform: pi
ssh: {user: fog, key: ~/.ssh/id}
nodes:
  - {name: a, address: 192.0.2.1, role: control-plane, tier: cloud}
  - {name: b, address: 192.0.2.2, tier: edge, labels: {zone: brussels}}
"""
A = KubeNode(
    name="a", is_ready=True, version="v1.36.3", address="192.0.2.1",
    labels={"fogbed.io/tier": "cloud", "kubernetes.io/os": "linux"},
)  # fmt: skip
B = KubeNode(
    name="b", is_ready=True, version="v1.36.3", address="192.0.2.2",
    labels={"fogbed.io/tier": "edge", "fogbed.io/zone": "brussels"},
)  # fmt: skip
DNS = KubePod(name="kube-dns", node="a", is_ready=True, restarts=0)


@pytest.fixture
def bed(tmp_path: Path):
    path = tmp_path / "testbed.yml"
    path.write_text(BED, encoding="utf-8")
    return spec.load_testbed(path)


def cluster(*nodes, pods=(DNS,)):
    return Cluster(version="v1.36.3", nodes=nodes, pods=pods)


def test_all_ready_is_up_without_drift(bed):
    status = judge(bed, cluster(A, B), {"a": Vitals(temperature_c=51.2), "b": Vitals()})
    assert (status.state, list(status.drift), list(status.problems)) == ("up", [], [])
    assert status.nodes[0].temperature_c == 51.2
    assert status.versions == {"Kubernetes": "v1.36.3"}


def test_a_pod_that_does_not_run_makes_it_partly_up(bed):
    pod = KubePod(name="kube-dns", node="a", is_ready=False, restarts=7, problem="ImagePullBackOff")
    status = judge(bed, cluster(A, B, pods=(pod,)), {})
    assert status.state == "partly"
    assert (status.processes[0].state, status.processes[0].note) == ("failed", "ImagePullBackOff")


def test_what_differs_from_the_file_is_said_with_the_way_back(bed):
    other = KubeNode(
        name="b", is_ready=False, version="v1.36.3", address="192.0.2.9", is_schedulable=False,
        problem="KubeletNotReady: cni plugin not initialized",
    )  # fmt: skip
    stranger = KubeNode(name="c", is_ready=True, version="v1.36.3")
    status = judge(bed, cluster(other, stranger), {}, ["the testbed's file has changed"])
    assert list(status.drift) == [
        "the testbed's file has changed",
        "a is not in the cluster; fogbed up adds it",
        "b has the address 192.0.2.9, the file says 192.0.2.2",
        "b has other labels than the file says; fogbed up sets them",
        "b is cordoned; kubectl uncordon b",
        "c is in the cluster but not in the file; fogbed node remove c",
    ]
    assert status.nodes[1].problem == "KubeletNotReady: cni plugin not initialized"


@pytest.mark.parametrize(
    ("wanted", "differs"), [("1.36", False), ("1.36.3", False), ("1.37", True), ("1.3", True)]
)
def test_a_minor_stands_for_all_of_its_patches(bed, wanted, differs):
    kubernetes = bed.kubernetes.model_copy(update={"version": wanted})
    status = judge(bed.model_copy(update={"kubernetes": kubernetes}), cluster(A, B), {})
    assert bool(status.drift) is differs


def test_a_cluster_that_does_not_answer_is_a_problem_not_an_error(bed):
    status = judge(bed, Cluster(problem="the API server does not answer: timed out"), {})
    assert status.state == "down"
    assert list(status.problems) == ["the API server does not answer: timed out"]


def test_certificates_that_end_soon_are_a_problem(bed):
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(days=5, hours=1)
    status = judge(bed, cluster(A, B), {"a": Vitals(certificate_ends=soon)})
    assert status.certificate_days == 5
    assert status.problems[0].startswith("a certificate ends in 5 days; ")


def test_vitals_of_a_pi():
    vitals = parse_vitals(
        "heat 61322\nflags throttled=0x50005\n"
        "ends notAfter=Nov 25 03:52:00 2027 GMT\nends notAfter=Nov 23 03:52:00 2036 GMT\n"
    )
    assert vitals.temperature_c == 61.322
    assert vitals.throttled == (
        "under-voltage, throttled, under-voltage since boot, throttled since boot"
    )
    assert vitals.certificate_ends == dt.datetime(2027, 11, 25, 3, 52, tzinfo=dt.UTC)


def test_vitals_of_a_machine_that_knows_none():
    assert parse_vitals("heat\nflags\n") == Vitals()
