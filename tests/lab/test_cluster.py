"""Three bare machines become a cluster, stay one, lose and gain nodes, and are given back.

The tests build on each other: they run in the order of the file, on the same machines.
"""

from __future__ import annotations

import dataclasses
import re
import threading
import time

import psutil
import pytest
from ruamel.yaml import YAML

from fogbed import paths, spec
from fogbed.cli import main
from fogbed.clients.kube import KubeClient
from fogbed.platforms.pi.access import kubeconfig_of
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.requests import UpRequest
from tests.lab.listening import Listening

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(1800)]
# the cluster alone: what runs on it has tests of its own
MACHINES = UpRequest(parts=frozenset({"machines"}))

CONTROL_PLANE, WORKER, REPLACED = 42, 43, 44
# kubeadm's bootstrap tokens; certificate keys are 64 hexadecimal digits
TOKEN = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b")
# tasks that a run with nothing to do starts on a machine, at most: preflight and one look
LOOKS = 18
KUBECTL = "KUBECACHEDIR=/tmp/kubectl kubectl --kubeconfig /etc/kubernetes/admin.conf"
KUBELET = "/var/lib/kubelet/config.yaml"
PATCH = '{"spec": {"template": {"spec": {"priorityClassName": "system-cluster-critical"}}}}'
PRIORITY = "{.spec.template.spec.priorityClassName}"
WEB = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  nodeName: pi-43
  containers:
    - name: web
      image: docker.io/lab/probe:1
      args: [serve, ":8080"]
      env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  nodeName: pi-44
  restartPolicy: OnFailure
  containers:
    - {name: client, image: docker.io/lab/probe:1, args: [get, "http://web.default.svc.cluster.local"]}
"""


class Listing(threading.Thread):
    """Every command line of this computer (the lab's machines are on it) while a test works."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen: set[str] = set()
        self._ends = threading.Event()

    def run(self):
        while not self._ends.wait(0.02):
            for process in psutil.process_iter(["cmdline"]):
                self.seen.add(" ".join(process.info["cmdline"] or ()))

    def end(self):
        self._ends.set()
        self.join()


class Cluster:
    """The machines, their testbed, what was seen while it came up."""

    def __init__(self, lab, snapshot, note_time):
        self.lab, self.note_time, self.snapshot = lab, note_time, snapshot
        self.machines = lab.fresh(CONTROL_PLANE, WORKER, REPLACED)
        self.before = {machine.number: snapshot(machine) for machine in self.machines}
        self.file = lab.testbed("cluster", self.machines)
        self.listing = Listing()

    @property
    def bed(self):
        return spec.load_testbed(self.file)

    def kubectl(self, words: str, stdin: str = "") -> str:
        here = f"<<'EOF'\n{stdin}\nEOF\n" if stdin else ""
        # its cache would be a trace of ours, not of fogbed's
        kubectl = "KUBECACHEDIR=/tmp/kubectl kubectl --kubeconfig /etc/kubernetes/admin.conf"
        return self.machines[0].ssh(f"{kubectl} {words} {here}")

    def play(self, what, *, request=None):
        """Run `up`; note its time and phases; return which tasks changed something.

        What was started where is in ``started``, what users were told in ``told``.
        """
        changes, phases, began = [], [], time.monotonic()
        self.started, self.told = [], []

        def watch(event):
            if event.kind == "play":
                phases.append((event.play, time.monotonic()))
            if event.kind == "changed":
                changes.append(f"{event.host}: {event.task}")
            if event.kind == "started":
                self.started.append(f"{event.host}: {event.task}")
            self.told.extend(f"{event.host}: {note}" for note in event.notes)

        PiPlatform(self.bed).up(request or MACHINES, Listening(watch))
        ended = time.monotonic()
        self.note_time(
            f"three machines: {what}; {len(self.started)} tasks, {len(changes)} changes",
            ended - began,
        )
        ends = [*(at for _, at in phases[1:]), ended]
        for (phase, at), end in zip(phases, ends, strict=True):
            self.note_time(f"    {phase}", end - at)
        return changes


@pytest.fixture(scope="module")
def cluster(lab, snapshot, note_time):
    found = Cluster(lab, snapshot, note_time)
    found.listing.start()
    try:
        assert found.play("from bare to Ready")
    finally:
        found.listing.end()
    return found


def test_all_nodes_are_ready_and_so_are_the_clusters_own_pods(cluster):
    with KubeClient(kubeconfig_of(cluster.bed)) as kube:
        nodes = kube.nodes()
        pods = kube.pods(["kube-system", "kube-flannel"])
    assert [(node.name, node.is_ready) for node in nodes] == [
        ("pi-42", True),
        ("pi-43", True),
        ("pi-44", True),
    ]
    assert nodes[1].labels["fogbed.io/tier"] == "edge"
    assert [pod for pod in pods if not pod.is_ready] == []
    assert {pod.name for pod in pods} >= {"kube-apiserver", "etcd", "flannel", "kube-dns"}


def test_pods_on_different_nodes_reach_each_other_by_service_name(cluster):
    cluster.kubectl("apply -f -", WEB)
    cluster.kubectl("wait --for=jsonpath='{.status.phase}'=Succeeded pod/client --timeout=180s")
    assert "pi-43" in cluster.kubectl("logs client")


def test_no_secret_stood_in_a_process_listing_or_a_log(cluster):
    assert any("kubeadm" in line for line in cluster.listing.seen)
    assert [line for line in cluster.listing.seen if TOKEN.search(line)] == []
    config = YAML(typ="safe").load(kubeconfig_of(cluster.bed).read_text(encoding="utf-8"))
    secrets = [config["users"][0]["user"]["client-key-data"]]
    folder = PiPlatform(cluster.bed).folder
    logs = [path for path in folder.playbooks.rglob("*") if path.is_file()]
    assert logs
    for log in logs:
        text = log.read_text(encoding="utf-8", errors="replace")
        assert not TOKEN.search(text), log
        assert not [secret for secret in secrets if secret in text], log
    for path in (folder.kubeconfig, paths.kubeconfig()):
        assert path.stat().st_mode & 0o077 == 0


def test_a_second_run_only_looks(cluster):
    for what in ("second run", "third run", "fourth run"):
        assert cluster.play(what) == []
        # A full run starts 500. Seconds depend on the machine.
        assert len(cluster.started) <= 3 * LOOKS, cluster.started
        assert cluster.told == []


# what is planted on which machine, what a user is told of it, what then is there again
DRIFT = {
    "files, packages and the kernel": {
        (0, "grep -v -e fogbed -e pi-4 /etc/hosts >/tmp/hosts; cat /tmp/hosts >/etc/hosts"): (
            "file /etc/hosts",
            "sed -n '/BEGIN fogbed/,/END fogbed/p' /etc/hosts | grep -c pi-4",
            "3",
        ),
        (1, "apt-mark unhold kubelet; apt-get -q -y --allow-change-held-packages purge ethtool"): (
            "package ethtool",
            "apt-mark showhold | grep -x kubelet; dpkg-query -W -f '${Package}' ethtool",
            "kubelet\nethtool",
        ),
        (2, "sysctl -q -w net.ipv4.ip_forward=0"): (
            "sysctl net.ipv4.ip_forward",
            "cat /proc/sys/net/ipv4/ip_forward",
            "1",
        ),
    },
    "units, the command line and the pod network": {
        (0, "mkdir -p /boot/firmware; echo console=tty1 >/boot/firmware/cmdline.txt"): (
            "file /boot/firmware/cmdline.txt",
            "cat /boot/firmware/cmdline.txt; rm -r /boot/firmware",
            "console=tty1 cgroup_enable=memory",
        ),
        (1, "systemctl disable -q --now kubelet; systemctl stop docker.socket docker"): (
            "unit kubelet.service",
            "systemctl is-enabled kubelet; systemctl is-active kubelet docker",
            "enabled\nactive\nactive",
        ),
        (2, "rm /etc/cni/net.d/10-flannel.conflist"): (
            "file /etc/cni/net.d/10-flannel.conflist",
            "ls /etc/cni/net.d",
            "10-flannel.conflist",
        ),
    },
    "nodes deleted from the cluster": {
        (0, f"{KUBECTL} delete node pi-42 pi-44"): (
            "object Node/pi-42, object Node/pi-44",
            f"{KUBECTL} get nodes --no-headers -l fogbed.io/tier | awk '{{print $1, $2, $3}}'",
            "pi-42 Ready control-plane\npi-43 Ready <none>\npi-44 Ready <none>",
        ),
    },
    "an object and kubelet's configuration edited": {
        (0, f"{KUBECTL} -n kube-flannel patch daemonset kube-flannel-ds -p '{PATCH}'"): (
            "object DaemonSet/kube-flannel/kube-flannel-ds",
            f"{KUBECTL} -n kube-flannel get daemonset kube-flannel-ds -o jsonpath={PRIORITY}",
            "system-node-critical",
        ),
        (
            1,
            f"sed -i 's/^containerLogMaxFiles:.*/containerLogMaxFiles: 7/' {KUBELET}",
        ): (
            f"file {KUBELET}",
            f"grep ^containerLogMaxFiles: {KUBELET}",
            "containerLogMaxFiles: 2",
        ),
    },
}


# Of the drift on the control plane, what is a user's own and stays: a file that fogbed had found
# and gives back, and what it wrote over.
PLANTED = ("/boot/firmware/cmdline.txt", "/var/backups/fogbed/etc/hosts")


@pytest.mark.parametrize("kind", DRIFT)
def test_drift_leads_to_a_full_run_that_mends_it(cluster, kind):
    for number, plant in DRIFT[kind]:
        cluster.machines[number].ssh(plant)
    assert cluster.play(f"after drift of {kind}")
    for (number, _), (told, question, answer) in DRIFT[kind].items():
        machine = cluster.machines[number]
        mine = [line for line in cluster.told if line.startswith(f"{machine.name}: not as")]
        assert told in "".join(mine), cluster.told
        assert machine.ssh(question, check=False).strip() == answer
    if kind.startswith("units"):
        cluster.play("after the command line is gone again")
    assert cluster.play("and then") == []
    assert len(cluster.started) <= 3 * LOOKS, cluster.told


def test_a_changed_testbed_leads_to_a_full_run(cluster):
    text = cluster.file.read_text(encoding="utf-8")
    cluster.file.write_text(text.replace("tier: edge", "tier: fog", 1), encoding="utf-8")
    assert cluster.play("another tier") == ["pi-42: Wait until the nodes are Ready, and label them"]
    cluster.file.write_text(text, encoding="utf-8")
    assert cluster.play("the old tier") == ["pi-42: Wait until the nodes are Ready, and label them"]


def test_a_rehearsal_of_a_finished_cluster_finds_nothing_to_change(cluster):
    assert cluster.play("rehearsal", request=UpRequest(rehearse=True)) == []


def test_status_shows_the_cluster_without_drift(cluster, capsys):
    assert main(["status", "-t", str(cluster.file)]) == 0
    said = capsys.readouterr()
    assert "testbed cluster (pi): up" in said.out
    assert re.search(r"certificates: 36[45] days left", said.out)
    assert said.err == ""


def test_another_testbed_cannot_take_the_machines_over(cluster, tmp_path, capsys):
    file = tmp_path / "other.yml"
    text = cluster.file.read_text(encoding="utf-8")
    file.write_text(text.replace("name: cluster\n", "name: other\n"), encoding="utf-8")
    assert main(["up", "-t", str(file)]) == 1
    assert "it carries the cluster of testbed cluster" in capsys.readouterr().err
    assert cluster.kubectl("get nodes -o name").count("node/") == 3


def test_a_machine_that_was_lost_is_replaced_and_the_others_are_left_alone(
    cluster, note_time, tmp_path
):
    others = [cluster.machines[0], cluster.machines[1]]
    before = {m.name: untouched(m) for m in others}
    cluster.lab.remove(REPLACED)
    (new,) = cluster.lab.fresh(REPLACED)
    new.ssh("rm /etc/ssh/ssh_host_*; ssh-keygen -A >/dev/null; systemctl restart ssh")
    cluster.machines[2] = new
    # known to us, but not to the testbed
    ours = dataclasses.replace(new, known_hosts=tmp_path / "known_hosts")
    cluster.before[REPLACED] = cluster.snapshot(ours)
    began = time.monotonic()
    words = ["node", "replace", "pi-44", "-t", str(cluster.file), "--new-host-key", "--yes"]
    assert main(words) == 0
    note_time("a node replaced", time.monotonic() - began)
    with KubeClient(kubeconfig_of(cluster.bed)) as kube:
        assert [(n.name, n.is_ready) for n in kube.nodes()][2] == ("pi-44", True)
    assert {m.name: untouched(m) for m in others} == before


def untouched(machine) -> str:
    """What a restart, an installation or a new configuration would change."""
    return machine.ssh(
        "cat /proc/sys/kernel/random/boot_id; dpkg-query -W | md5sum; "
        "systemctl show -p ExecMainStartTimestamp containerd kubelet docker; "
        "find /etc -xdev -type f -print0 | sort -z | xargs -0 md5sum | md5sum"
    )


def test_a_node_that_is_removed_leaves_no_trace(cluster, note_time, differences):
    began = time.monotonic()
    words = ["node", "remove", "pi-44", "-t", str(cluster.file), "--purge", "--yes"]
    assert main(words) == 0
    note_time("a node removed, with all that was installed", time.monotonic() - began)
    with KubeClient(kubeconfig_of(cluster.bed)) as kube:
        assert [node.name for node in kube.nodes()] == ["pi-42", "pi-43"]
    assert [node.name for node in cluster.bed.nodes] == ["pi-42", "pi-43"]
    assert "pi-44" not in cluster.machines[0].ssh("cat /etc/hosts")
    assert differences(cluster.before[REPLACED], cluster.machines[2]) == ""


def test_down_gives_the_machines_back_as_they_were_found(cluster, note_time, differences):
    began = time.monotonic()
    assert main(["down", "-t", str(cluster.file), "--purge", "--yes"]) == 0
    note_time("down --purge of two nodes", time.monotonic() - began)
    cluster.machines[0].ssh("\n".join(["set -e", *(f"rm {path}" for path in PLANTED)]))
    cluster.machines[0].ssh("rmdir /boot/firmware /var/backups/fogbed/etc /var/backups/fogbed")
    for machine in cluster.machines[:2]:
        assert differences(cluster.before[machine.number], machine) == ""
    assert not kubeconfig_of_cluster_is_there()


def kubeconfig_of_cluster_is_there() -> bool:
    place = paths.kubeconfig()
    return place.exists() and "cluster" in place.read_text(encoding="utf-8").split()
