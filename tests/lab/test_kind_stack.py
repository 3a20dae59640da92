"""The stack on real pods: what happens to a run when parts of its cluster go away, what `up` says
of a cluster that refuses, and that testbeds and killed commands leave each other's things alone.

The tests build on each other: they run in the order of the file.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from fogbed.cli import main
from fogbed.experiment.record.bundle import Bundle, list_runs
from fogbed.platforms.state import StateFolder
from tests.lab.kind_runs import (
    METRO,
    begun,
    docker,
    kubectl_on,
    require_nothing_lost,
    running,
    said,
    started,
    until,
)

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(3600)]

NAME = "faults"
CLOUD, FOG, EDGE = (f"fogbed-{NAME}-{x}" for x in ("control-plane", "worker", "worker2"))
BED = """\
apiVersion: fogbed/v1
kind: Testbed
name: {name}
platform: kind
nodes:
  - {{name: cloud-1, role: control-plane, tier: cloud}}
  - {{name: fog-1, tier: fog, slots: 3}}
  - {{name: "edge-[1:2]", tier: edge}}
kubernetes: {{pod_cidr: 198.19.0.0/17, service_cidr: 198.19.128.0/17}}
sources: {{registries: {{"*": "{registry}"}}}}
# with high availability it would be elsewhere than the JobManager, and its data cannot follow it
services: {{flink: {{{flink}}}, minio: {{node: edge-2}}}}
"""
REGISTRY = "http://198.18.2.1:5000"
# a second testbed on the nodes of the first one's cluster
SECOND = f"""\
apiVersion: fogbed/v1
kind: Testbed
name: second
platform: kubernetes
nodes:
  - {{name: {FOG}, tier: fog}}
  - {{name: {EDGE}, tier: edge}}
"""
KILLS = 10
# `up` from nothing takes some 120 s on a quiet machine; the moments are to lie in all of it
LATEST_S = 150.0


def kubectl(*words: str, stdin: str = "", check: bool = True) -> str:
    return kubectl_on(CLOUD, *words, stdin=stdin, check=check)


def delete_pod(component: str) -> None:
    label = f"app.kubernetes.io/component={component}"
    kubectl("delete", "pod", "-n", f"fogbed-{NAME}", "-l", label)


@dataclass(frozen=True)
class Bed:
    """A testbed's file, in a folder that runs are made in."""

    file: Path

    def write(self, *, flink: str = "", registry: str = REGISTRY) -> None:
        text = BED.format(name=NAME, flink=flink, registry=registry)
        self.file.write_text(text, encoding="utf-8")

    def up(self) -> None:
        assert main(["up", "-t", str(self.file)]) == 0


@pytest.fixture(scope="module")
def bed(node_image, tmp_path_factory, note_time) -> Iterator[Bed]:
    assert node_image
    made = Bed(tmp_path_factory.mktemp("faults") / "testbed.yml")
    made.write()
    try:
        began = time.monotonic()
        made.up()
        note_time("kind with four nodes, Flink and MinIO, from nothing", time.monotonic() - began)
        yield made
    finally:
        made.write()
        assert main(["down", "-t", str(made.file), "--yes"]) == 0
        assert not docker("ps", "-aq", "--filter", f"label=io.x-k8s.kind.cluster=fogbed-{NAME}")


def tells(bundle: Bundle, word: str) -> bool:
    """Whether journal or verdict say it: in an error, or of what failed or did not answer."""
    verdict = bundle.verdict()
    told = [verdict["error"], verdict["failures"], verdict["unseen"], bundle.events("process")]
    return word in json.dumps(told).lower()


# -- faults during a run ---------------------------------------------------------------------------


def test_minio_that_is_restarted_loses_nothing(bed, tmp_path):
    with running(bed.file, tmp_path, measure_s=50) as ended:
        delete_pod("minio")
        bundle = ended()
    require_nothing_lost(bundle)
    assert tells(bundle, "minio")


def test_an_api_server_that_is_silent_for_20_seconds_loses_nothing(bed, tmp_path):
    with running(bed.file, tmp_path, measure_s=60) as ended:
        docker("exec", CLOUD, "pkill", "-STOP", "kube-apiserver")
        time.sleep(20)
        docker("exec", CLOUD, "pkill", "-CONT", "kube-apiserver")
        bundle = ended()
    require_nothing_lost(bundle)
    assert bundle.verdict()["unseen"]


def test_forwarded_ports_that_are_cut_are_opened_again(bed, tmp_path):
    with running(bed.file, tmp_path, measure_s=60) as ended:
        # every stream of ours ends with it; its kubelet starts it again
        docker("exec", CLOUD, "pkill", "-KILL", "kube-apiserver")
        bundle = ended()
    require_nothing_lost(bundle)


def test_a_node_that_is_stopped_and_started_loses_nothing(bed, tmp_path, note_time):
    with running(bed.file, tmp_path, measure_s=200) as ended:
        docker("stop", "--time", "0", EDGE)
        began = time.monotonic()
        time.sleep(20)
        docker("start", EDGE)
        bundle = ended()
    assert tells(bundle, "edge-1")
    require_nothing_lost(bundle)
    note_time("a node stopped for 20 s in a run of 208 s, to its end", time.monotonic() - began)
    bed.up()


def test_a_jobmanager_that_is_deleted_ends_the_run_in_so_many_words(bed, tmp_path):
    with running(bed.file, tmp_path, measure_s=40) as ended:
        delete_pod("jobmanager")
        bundle = ended()
    assert bundle.verdict()["status"] == "error"
    assert tells(bundle, "jobmanager")


@pytest.fixture
def available(bed) -> Iterator[None]:
    """The testbed with high availability, and afterwards without."""
    bed.write(flink="high_availability: true")
    bed.up()
    yield
    bed.write()
    bed.up()


@pytest.mark.usefixtures("available")
def test_with_high_availability_the_job_survives_its_jobmanager(bed, tmp_path):
    with running(bed.file, tmp_path, measure_s=90) as ended:
        delete_pod("jobmanager")
        bundle = ended()
    require_nothing_lost(bundle)
    assert tells(bundle, "jobmanager")


# -- the emulated network --------------------------------------------------------------------------


def shaping(bed, capsys) -> set[str]:
    """Return by what nodes shape now, as they say themselves; "" of nodes that do not."""
    capsys.readouterr()
    assert main(["network", "show", "-t", str(bed.file), "--json"]) == 0
    return set(json.loads(capsys.readouterr().out)["emulators"].values())


def test_a_controller_that_is_killed_leaves_no_node_shaped(bed, tmp_path, capsys, note_time):
    process, runs = begun(bed.file, tmp_path, measure_s=300, profile=METRO)
    try:
        until(lambda: process.poll() is not None or any(is_verified(x) for x in list_runs(runs)))
        assert process.poll() is None, said(tmp_path)
        assert "" not in shaping(bed, capsys)
        os.kill(process.pid, signal.SIGKILL)
        killed = time.monotonic()
        until(lambda: shaping(bed, capsys) == {""})
        note_time("the controller killed -9: nothing shapes any more", time.monotonic() - killed)
    finally:
        process.kill()
        process.wait()
    # its job goes on without it
    assert main(["job", "stop", "-t", str(bed.file)]) == 0


def is_verified(bundle: Bundle) -> bool:
    return bool(bundle.events("network-verified"))


def test_nobody_is_locked_out_by_a_network_that_loses_everything(bed, tmp_path, capsys):
    profile = tmp_path / "dead.yml"
    profile.write_text(
        "apiVersion: fogbed/v1\nkind: NetworkProfile\nname: dead\ndefault: {loss: 100%}\n",
        encoding="utf-8",
    )
    assert main(["network", "apply", str(profile), "-t", str(bed.file)]) == 0
    try:
        assert main(["status", "-t", str(bed.file)]) == 0
        assert "" not in shaping(bed, capsys)
    finally:
        assert main(["network", "clear", "-t", str(bed.file)]) == 0
    assert shaping(bed, capsys) == {""}


# -- a cluster that refuses ------------------------------------------------------------------------


@pytest.fixture
def refused(bed, capsys, note_said, note_time):
    """Have `up` fail, told within 15 s of what the cluster said first; return what it told."""

    def refuse(what: str, *, reason: str = "") -> str:
        began = time.time()
        assert main(["up", "-t", str(bed.file)]) == 1
        ended = time.time()
        said = capsys.readouterr().err
        happened = max(_first_event(reason, began), began) if reason else began
        note_time(f"{what}: told after it happened", ended - happened)
        note_said("up", said[-1200:])
        return said

    yield refuse
    bed.write()
    bed.up()


def _first_event(reason: str, since: float) -> float:
    """When the cluster first told of it after ``since`` (epoch seconds)."""
    found = json.loads(kubectl("get", "events", "-n", f"fogbed-{NAME}", "-o", "json"))["items"]
    times = [
        datetime.fromisoformat(each["firstTimestamp"] or each["eventTime"]).timestamp()
        for each in found
        if each["reason"] == reason
    ]
    return min((each for each in times if each >= since - 1), default=since)


def test_an_image_that_the_registry_does_not_have(bed, refused):
    bed.write(flink='image: "quay.io/nobody/flink:2.2.1-none"')
    said = refused("an image that is not there", reason="Failed")
    assert f"Deployment fogbed-{NAME}/" in said
    assert "quay.io/nobody/flink:2.2.1-none cannot be pulled" in said


def test_a_registry_that_does_not_answer(bed, refused):
    bed.write(flink='image: "quay.io/nobody/flink:2.2.1"', registry="http://198.18.2.1:5999")
    said = refused("a registry that is not there", reason="Failed")
    assert "5999" in said


def test_a_quota_that_is_used_up(refused):
    space = f"fogbed-{NAME}"
    kubectl("create", "quota", "small", "-n", space, "--hard=pods=1")
    try:
        kubectl("delete", "deployment", "-n", space, "jobmanager")
        said = refused("a quota that is used up")
    finally:
        kubectl("delete", "quota", "small", "-n", space)
    assert "exceeded quota: small" in said


def test_more_memory_than_the_nodes_have_is_told_before_anything(bed, capsys):
    bed.write(flink="taskmanager: {memory: 500g}")
    assert main(["doctor", "-t", str(bed.file)]) == 1
    assert "memory" in capsys.readouterr().out
    before = kubectl("get", "deployments", "-n", f"fogbed-{NAME}", "-o", "yaml")
    assert main(["up", "-t", str(bed.file)]) != 0
    assert "memory" in capsys.readouterr().err
    assert kubectl("get", "deployments", "-n", f"fogbed-{NAME}", "-o", "yaml") == before
    bed.write()


def test_a_node_that_is_not_ready(refused):
    docker("exec", EDGE, "systemctl", "stop", "kubelet")
    try:
        is_ready = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        until(lambda: kubectl("get", "node", EDGE, "-o", is_ready) != "True")
        said = refused("a node that is not Ready")
    finally:
        docker("exec", EDGE, "systemctl", "start", "kubelet")
    assert "edge-1" in said


def test_a_node_that_is_paused(refused):
    docker("pause", EDGE)
    try:
        said = refused("a node that is paused")
    finally:
        docker("unpause", EDGE)
    assert f"docker unpause {EDGE}" in said


# -- a second testbed in the same cluster ----------------------------------------------------------


@pytest.fixture(scope="module")
def second(bed, tmp_path_factory) -> Iterator[Path]:
    file = tmp_path_factory.mktemp("second") / "testbed.yml"
    file.write_text(SECOND, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(StateFolder(NAME).kubeconfig))
        yield file
    del bed


def objects_of(name: str) -> str:
    kinds = "deployments,services,configmaps,secrets,networkpolicies,serviceaccounts,pvc"
    names = ["-n", f"fogbed-{name}", "-o", "name"]
    return kubectl("get", kinds, *names, check=False)


def test_a_second_testbed_runs_beside_the_first(bed, second, tmp_path):
    before = objects_of(NAME)
    assert main(["up", "-t", str(second)]) == 0
    assert objects_of(NAME) == before
    assert main(["rides", "push", "nyc-sample", "-t", str(second)]) == 0
    with running(bed.file, tmp_path, measure_s=20) as ended:
        assert main(["status", "-t", str(second)]) == 0
        bundle = ended()
    require_nothing_lost(bundle)


@pytest.mark.usefixtures("bed")
def test_its_down_keeps_what_minio_holds_and_the_first(second, capsys):
    before = objects_of(NAME)
    claim = "jsonpath={.items[*].spec.volumeName}"
    volume = kubectl("get", "pvc", "-n", "fogbed-second", "-o", claim)
    assert volume
    assert main(["down", "-t", str(second), "--yes"]) == 0
    assert "kept: what MinIO holds" in capsys.readouterr().err
    assert objects_of(NAME) == before
    assert main(["up", "-t", str(second)]) == 0
    assert kubectl("get", "pvc", "-n", "fogbed-second", "-o", claim) == volume
    # a dataset that was pushed is there and is not pushed again
    capsys.readouterr()
    assert main(["rides", "push", "nyc-sample", "-t", str(second), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["bytes"] == 0


@pytest.mark.usefixtures("bed")
def test_from_another_home_it_is_somebody_elses_until_it_is_taken_over(
    second, tmp_path, monkeypatch, capsys, note_said
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    before = objects_of("second")
    for words in (["up"], ["down", "--yes"]):
        assert main([*words, "-t", str(second)]) == 1
    said = capsys.readouterr().err
    note_said("down", said)
    assert "annotate namespace fogbed-second fogbed.io/owner-" in said
    assert objects_of("second") == before
    kubectl("annotate", "namespace", "fogbed-second", "fogbed.io/owner-")
    assert main(["down", "-t", str(second), "--yes"]) == 0
    assert set(objects_of("second").splitlines()) < set(before.splitlines())
    assert "persistentvolumeclaim/minio-data" in objects_of("second")


@pytest.mark.usefixtures("bed")
def test_its_down_with_everything_leaves_nothing_of_it(second):
    before = objects_of(NAME)
    assert main(["down", "-t", str(second), "--everything", "--yes"]) == 0
    assert objects_of(NAME) == before
    spaces = kubectl("get", "namespaces", "-o", "name")
    assert "fogbed-second" not in spaces
    everywhere = ("-A", "-o", "name", "-l", "app.kubernetes.io/part-of=second")
    wide = "clusterroles,clusterrolebindings,storageclasses,persistentvolumes"
    assert kubectl("get", wide, *everywhere) == ""
    assert main(["down", "-t", str(second), "--everything", "--yes"]) == 0


LIMITED = """\
apiVersion: v1
kind: Namespace
metadata: {name: limited}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: somebody, namespace: limited}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: somebody, namespace: limited}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects: [{kind: ServiceAccount, name: somebody, namespace: limited}]
"""


@pytest.mark.usefixtures("bed")
def test_a_user_with_rights_in_a_namespace_only_is_told_what_lacks(
    second, tmp_path, monkeypatch, capsys, note_said, note_time
):
    kubectl("apply", "-f", "-", stdin=LIMITED)
    token = kubectl("create", "token", "somebody", "-n", "limited").strip()
    config = tmp_path / "kubeconfig"
    config.write_text(_with_token(token), encoding="utf-8")
    config.chmod(0o600)
    monkeypatch.setenv("KUBECONFIG", str(config))
    try:
        began = time.monotonic()
        assert main(["up", "-t", str(second)]) != 0
        note_time("a user with rights in one namespace: told", time.monotonic() - began)
        said = capsys.readouterr().err
        note_said("up", said)
        assert main(["doctor", "-t", str(second)]) == 1
        note_said("doctor", capsys.readouterr().out)
    finally:
        kubectl("delete", "namespace", "limited")
    assert "system:serviceaccount:limited:somebody" in said
    assert "fogbed-second" not in kubectl("get", "namespaces", "-o", "name")


def _with_token(token: str) -> str:
    words = ["config", "view", "--raw", "--minify", "--flatten"]
    own = ["--kubeconfig", str(StateFolder(NAME).kubeconfig)]
    done = subprocess.run(
        ["kubectl", *own, *words, "-o", "json"], check=True, capture_output=True, text=True
    )
    found = json.loads(done.stdout)
    found["users"][0]["user"] = {"token": token}
    return json.dumps(found)


# -- killed ----------------------------------------------------------------------------------------


def end_state() -> list[str]:
    """Objects by name, and what Deployments run; names that a cluster gives anew are left out."""
    images = "jsonpath={range .items[*]}{.metadata.name} {.spec.replicas} {.status.readyReplicas} "
    images += "{.spec.template.spec.containers[*].image}{'\\n'}{end}"
    return [
        *objects_of(NAME).splitlines(),
        *kubectl("get", "deployments", "-n", f"fogbed-{NAME}", "-o", images).splitlines(),
        *kubectl("get", "nodes", "-o", "name").splitlines(),
    ]


def test_up_that_is_killed_at_ten_moments_goes_on_to_the_same_end(bed, note_time, capsys):
    expected = end_state()
    assert main(["down", "-t", str(bed.file), "--yes"]) == 0
    moments = [random.uniform(1.0, LATEST_S) for _ in range(KILLS)]  # noqa: S311
    for moment in moments:
        with started(bed.file.parent, "up", "-t", str(bed.file)) as process:
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            else:
                # it had come to its end before: the next begins from nothing
                assert process.returncode == 0
                assert main(["down", "-t", str(bed.file), "--yes"]) == 0
    began = time.monotonic()
    bed.up()
    killed = ", ".join(f"{each:.0f}" for each in moments)
    note_time(f"up after kills at {killed} s", time.monotonic() - began)
    assert end_state() == expected
    capsys.readouterr()
    assert main(["status", "-t", str(bed.file), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["state"], status["drift"], status["problems"]) == ("up", [], [])
