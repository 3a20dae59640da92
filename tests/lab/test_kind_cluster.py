"""A cluster in containers, by the real kind: made, found again, interrupted, killed, put to sleep.

The tests build on each other: they run in the order of the file.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fogbed import spec
from fogbed.clients.kube import KubeClient
from fogbed.clients.progress import Quiet
from fogbed.errors import PlatformError, UsageError
from fogbed.platforms.kind.cluster import KindCluster
from fogbed.platforms.kind.record import read_record
from fogbed.platforms.kubernetes.existing import ExistingCluster
from fogbed.spec.testbed import Testbed

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(1800)]

TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: {name}
platform: kind
nodes:
  - {{name: cloud-1, role: control-plane, tier: cloud}}
  - {{name: fog-1, tier: fog, slots: 3, labels: {{rack: a}}}}
  - {{name: edge-1, tier: edge}}
kubernetes: {{pod_cidr: 198.19.0.0/17, service_cidr: 198.19.128.0/17}}
sources: {{registries: {{quay.io: "http://198.18.2.1:5000"}}}}
"""
HOSTS = {
    "cloud-1": "fogbed-three-control-plane",
    "fog-1": "fogbed-three-worker",
    "edge-1": "fogbed-three-worker2",
}
TAINT = "node-role.kubernetes.io/control-plane"
# `fogbed up` until the cluster stands, in a process that can be interrupted and killed
ENSURE = """
import sys
from pathlib import Path
from fogbed import spec
from fogbed.cli.console import LiveProgress
from fogbed.platforms.kind.cluster import KindCluster
KindCluster(spec.load_testbed(Path(sys.argv[1])), Path(sys.argv[2])).ensure(LiveProgress())
"""


class Place:
    """A testbed of three nodes in a state folder of its own."""

    def __init__(self, folder: Path, name: str = "three") -> None:
        self.file = folder / "testbed.yml"
        self.file.write_text(TESTBED.format(name=name), encoding="utf-8")
        self.folder = folder / "state"

    def testbed(self) -> Testbed:
        return spec.load_testbed(self.file)

    def cluster(self, **changed: object) -> KindCluster:
        return KindCluster(self.testbed().model_copy(update=changed), self.folder)

    def started(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", ENSURE, self.file, self.folder],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


@pytest.fixture(scope="module")
def place(node_image, tmp_path_factory) -> Iterator[Place]:
    assert node_image
    made = Place(tmp_path_factory.mktemp("kind"))
    try:
        yield made
    finally:
        made.cluster().remove(Quiet())


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], check=True, capture_output=True, text=True)
    return done.stdout


def left(name: str = "three") -> list[str]:
    cluster = f"label=io.x-k8s.kind.cluster=fogbed-{name}"
    return docker("ps", "-aq", "--filter", cluster).split()


def processes(folder: Path) -> list[str]:
    """Return the command lines of what is still at work for a state folder."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"FOGBED_KIND_OF={folder}\0".encode() in environ.read_bytes():
                found.append(environ.with_name("cmdline").read_text(encoding="utf-8"))
        except OSError:
            continue
    return found


def heard(process: subprocess.Popen[str], words: str) -> None:
    """Wait until a process has said something on its stderr."""
    for line in process.stderr:
        if words in line:
            return
    pytest.fail(f"it ended without saying {words}")


def test_ctrl_c_in_the_middle_leaves_nothing(place, note_time):
    process = place.started()
    heard(process, "kind: Starting control-plane")
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=120)[1]
    note_time("Ctrl-C in the middle, until nothing is left", time.monotonic() - begun)
    assert "Interrupted" in said
    assert left() == []
    assert processes(place.folder) == []
    assert not place.cluster().exists()


@pytest.mark.parametrize("moment", ["kind: Preparing nodes", "kind: Joining worker nodes"])
def test_what_was_killed_in_the_middle_is_made_anew(place, moment):
    process = place.started()
    heard(process, moment)
    process.kill()
    process.wait()
    process.stderr.close()
    assert not read_record(place.folder).is_whole


def test_the_cluster_comes_up_as_the_testbed_says(place, note_time):
    begun = time.monotonic()
    cluster = place.cluster()
    cluster.ensure(Quiet())
    note_time("kind, three nodes, over one that was killed", time.monotonic() - begun)
    assert cluster.hosts() == HOSTS
    assert cluster.exists()
    access = cluster.access()
    assert access.kubeconfig.stat().st_mode & 0o777 == 0o600
    with KubeClient(access.kubeconfig, access.context) as kube:
        nodes = {node.name: node for node in kube.nodes()}
    assert set(nodes) == set(HOSTS.values())
    assert all(node.is_ready for node in nodes.values())
    labels = nodes[HOSTS["fog-1"]].labels
    assert labels["fogbed.io/tier"] == "fog"
    assert labels["fogbed.io/name"] == "fog-1"
    assert labels["fogbed.io/rack"] == "a"
    assert not [taint for node in nodes.values() for taint in node.taints]
    for host in HOSTS.values():
        mirror = "/etc/containerd/certs.d/quay.io/hosts.toml"
        assert "198.18.2.1:5000" in docker("exec", host, "cat", mirror)


def test_its_api_server_listens_on_loopback_alone(place):
    port = docker("port", HOSTS["cloud-1"], "6443/tcp").strip()
    assert port.startswith("127.0.0.1:")
    assert f"https://{port}" in place.cluster().access().kubeconfig.read_text(encoding="utf-8")


@pytest.mark.usefixtures("place")
def test_no_kubeconfig_of_the_users_was_touched():
    assert not (Path.home() / ".kube").exists()


def test_twice_in_a_row_changes_nothing(place, note_time):
    before = left()
    begun = time.monotonic()
    place.cluster().ensure(Quiet())
    note_time("kind, again with nothing to do", time.monotonic() - begun)
    assert left() == before


def test_labels_tiers_and_taints_follow_the_file(place):
    testbed = place.testbed()
    cloud, fog, edge = testbed.nodes
    nodes = (
        cloud.model_copy(update={"taskmanager": False}),
        fog.model_copy(update={"tier": "edge", "labels": {"shelf": "b"}}),
        edge,
    )
    cluster = place.cluster(nodes=nodes)
    cluster.ensure(Quiet())
    with KubeClient(cluster.access().kubeconfig) as kube:
        found = {node.name: node for node in kube.nodes()}
    labels = found[HOSTS["fog-1"]].labels
    assert (labels["fogbed.io/tier"], labels["fogbed.io/shelf"]) == ("edge", "b")
    assert "fogbed.io/rack" not in labels
    assert found[HOSTS["cloud-1"]].taints == (f"{TAINT}=:NoSchedule",)
    place.cluster().ensure(Quiet())


def test_another_set_of_nodes_is_refused_and_nothing_is_touched(place, note_said):
    before = left()
    with pytest.raises(UsageError) as caught:
        place.cluster(nodes=place.testbed().nodes[:-1]).ensure(Quiet())
    note_said("up", f"{caught.value.message}; {caught.value.hint}")
    assert "its nodes, or their roles or order" in caught.value.message
    assert left() == before


def test_stopped_nodes_are_started_again_at_their_addresses(place, note_time):
    look = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    before = {host: docker("inspect", "-f", look, host) for host in HOSTS.values()}
    docker("stop", *reversed(HOSTS.values()))
    place.cluster().access().kubeconfig.unlink()
    begun = time.monotonic()
    place.cluster().ensure(Quiet())
    note_time("kind, three stopped nodes started again", time.monotonic() - begun)
    assert {host: docker("inspect", "-f", look, host) for host in HOSTS.values()} == before


def test_an_image_of_this_computer_comes_to_every_node(place):
    image = "lab.invalid/only-here:1"
    context = place.file.parent / "image"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n", encoding="utf-8")
    docker("build", "-q", "-t", image, str(context))
    try:
        place.cluster().load_images([image, "lab.invalid/absent:1"], Quiet())
    finally:
        docker("rmi", image)
    for host in HOSTS.values():
        assert "lab.invalid/only-here" in docker("exec", host, "crictl", "images")


@pytest.mark.usefixtures("place")
def test_another_folders_testbed_of_this_name_is_refused_and_takes_nothing(tmp_path, note_said):
    other = Place(tmp_path)
    with pytest.raises(PlatformError) as caught:
        other.cluster().ensure(Quiet())
    note_said("up", f"{caught.value.message}; {caught.value.hint}")
    assert "kind delete cluster --name fogbed-three" in caught.value.hint
    before = left()
    with pytest.raises(PlatformError, match="keeps no record"):
        other.cluster().remove(Quiet())
    assert left() == before


def test_it_is_an_existing_cluster_to_another_testbed(place, tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(place.cluster().access().kubeconfig))
    nodes = tuple(
        node.model_copy(update={"name": HOSTS[node.name]}) for node in place.testbed().nodes
    )
    changed = {"name": "farm", "nodes": nodes, "context": "kind-fogbed-three"}
    testbed = place.testbed().model_copy(update=changed)
    cluster = ExistingCluster(testbed, tmp_path / "farm")
    cluster.ensure(Quiet())
    assert cluster.hosts() == {host: host for host in HOSTS.values()}
    gone = nodes[0].model_copy(update={"name": "pico-1"})
    with pytest.raises(PlatformError, match="a problem"):
        ExistingCluster(
            testbed.model_copy(update={"nodes": (gone, *nodes[1:])}), tmp_path / "gone"
        ).ensure(Quiet())


def test_a_node_that_somebody_removed_is_told(place, note_said):
    docker("rm", "-f", "-v", HOSTS["edge-1"])
    with pytest.raises(PlatformError) as caught:
        place.cluster().ensure(Quiet())
    note_said("up", f"{caught.value.message}; {caught.value.hint}")
    assert f"edge-1 ({HOSTS['edge-1']})" in caught.value.message


def test_it_is_deleted_without_a_trace_and_a_second_time(place, note_time):
    begun = time.monotonic()
    place.cluster().remove(Quiet())
    note_time("kind, three nodes deleted", time.monotonic() - begun)
    assert left() == []
    assert processes(place.folder) == []
    assert list(place.folder.iterdir()) == []
    assert not place.cluster().exists()
    place.cluster().remove(Quiet())


@pytest.mark.usefixtures("node_image")
def test_an_image_that_is_not_there_is_told(tmp_path, note_said):
    place = Place(tmp_path, "none")
    kubernetes = place.testbed().kubernetes.model_copy(update={"image": "lab.invalid/node:v9"})
    with pytest.raises(PlatformError) as caught:
        place.cluster(kubernetes=kubernetes).ensure(Quiet())
    note_said("up", f"{caught.value.message}; {caught.value.hint}")
    assert "lab.invalid/node:v9" in caught.value.message
    assert left("none") == []
