"""The note of the last good run is believed only where the host is all that it says."""

from __future__ import annotations

import json
import re
import time
from pathlib import PurePosixPath

import pytest
from plugins import PLAYBOOKS, load

last_run = load("library/last_run.py")
cluster = load("module_utils/host_cluster.py")
state = load("module_utils/host_state.py")
asked = load("filter_plugins/asked.py")

FILES = {
    "/boot/firmware/cmdline.txt": "console=tty1 cgroup_enable=memory\n",
    "/boot/firmware/config.txt": "[all]\ncmdline=other.cmd\n",
    "/boot/firmware/other.cmd": "console=tty1\n",
    "/etc/apt/sources.list.d/fogbed-kubernetes.sources": "Types: deb\n",
    "/etc/cni/net.d/10-flannel.conflist": "{}\n",
    "/etc/containerd/config.toml": "version = 3\n",
    "/etc/hosts": "192.0.2.1 pico-1\n",
    "/etc/kubernetes/admin.conf": "apiVersion: v1\n",
    "/etc/kubernetes/flannel.yaml": "kind: DaemonSet\n",
    "/etc/kubernetes/manifests/kube-apiserver.yaml": "kind: Pod\n",
    "/etc/modules-load.d/fogbed.conf": "# Written by fogbed.\nno_such_module\n",
    "/etc/sysctl.d/99-zz-fogbed.conf": "# Written by fogbed.\nkernel.ostype = Linux\n",
    "/etc/systemd/system/multi-user.target.wants/kubelet.service": "[Unit]\n",
    "/home/pi/kept-elsewhere": "as fogbed left it\n",
    "/proc/swaps": "Filename Type Size Used Priority\n",
    "/proc/sys/kernel/random/boot_id": "1\n",
    "/var/lib/fogbed/before/files/home/pi/kept-elsewhere": "as it was\n",
    "/var/lib/fogbed/before/absent": "/srv/made/\n/srv/made/by-fogbed\n",
    "/srv/made/by-fogbed": "ours\n",
    "/var/lib/fogbed/cluster/kubelet-here": "{}\n",
    "/var/lib/kubelet/config.yaml": "kind: KubeletConfiguration\n",
}
UNIT = "Id={}\nLoadState=loaded\nUnitFileState=enabled\nActiveState={}\nNeedDaemonReload=no\n"


def node(name="pico-1", ready="True", labels=None):
    return {
        "kind": "Node",
        "metadata": {
            "name": name,
            "resourceVersion": str(time.time_ns()),
            "labels": {"fogbed.io/tier": "edge", **(labels or {})},
        },
        "spec": {},
        "status": {
            "nodeInfo": {"kubeletVersion": "v1.36.3"},
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


def flannel(image="flannel:v1", running=1):
    return {
        "kind": "DaemonSet",
        "metadata": {"name": "kube-flannel-ds", "namespace": "kube-flannel", "generation": 1},
        "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
        "status": {
            "desiredNumberScheduled": 1,
            "updatedNumberScheduled": 1,
            "numberAvailable": running,
            "observedGeneration": 1,
        },
    }


class Module:
    """As much of an AnsibleModule as the note needs; programs answer from a table."""

    def __init__(self, root):
        self.params = {
            "root": str(root),
            "asked": "this",
            "nodes": ["pico-1"],
            "hours": 24,
            "timeout": 0,
        }
        self.check_mode = False
        self.nodes, self.flannel = [node()], [flannel()]
        self.packages = {"kubelet": "hi \t1.36.3-1.1", "iptables": "ii \t1.8.9"}
        self.units = {"kubelet.service": "active"}
        self.forward = "-P FORWARD ACCEPT"
        self.clock = "yes"
        self.is_silent = False

    def run_command(self, words, **_):
        text = self.answer(" ".join(words))
        return (1, "", "") if text is None else (0, text, "")

    def answer(self, line):
        if line.startswith("kubectl"):
            items = self.flannel if "flannel.yaml" in line else self.nodes
            return None if self.is_silent else json.dumps({"items": items})
        if line.startswith("dpkg-query"):
            return "".join(f"{name}:arm64\t{rest}\n" for name, rest in self.packages.items())
        if line.startswith("systemctl show"):
            return "\n".join(UNIT.format(*each) for each in self.units.items())
        if line.startswith("timedatectl"):
            return f"NTPSynchronized={self.clock}\n"
        return f"{self.forward}\n-A FORWARD -j KUBE-1\n" if line.startswith("iptables") else None


@pytest.fixture(autouse=True)
def _programs_are_there(monkeypatch):
    monkeypatch.setattr(last_run.shutil, "which", lambda name: f"/usr/bin/{name}")


def laid_out(root):
    for path, text in FILES.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return last_run.Host(Module(root))


@pytest.fixture(scope="module")
def note(tmp_path_factory):
    """What is noted of such a host: of every one the same, wherever it lies."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(last_run.shutil, "which", lambda name: f"/usr/bin/{name}")
        found = laid_out(tmp_path_factory.mktemp("noted"))
        assert last_run.noted(found) == []
    return found.note.read_text(encoding="utf-8")


@pytest.fixture
def host(tmp_path, note):
    """A host on which a run has just ended well."""
    found = laid_out(tmp_path)
    found.note.write_text(note, encoding="utf-8")
    return found


def at(host, path):
    return host.note.parents[3] / path.lstrip("/")


def edit(path):
    return lambda host: at(host, path).write_text("edited\n", encoding="utf-8")


def remove(path):
    return lambda host: at(host, path).unlink()


def add(path, text="new\n"):
    def write(host):
        at(host, path).parent.mkdir(parents=True, exist_ok=True)
        at(host, path).write_text(text, encoding="utf-8")

    return write


def has(**fields):
    return lambda host: vars(host.module).update(fields)


def wants(**fields):
    return lambda host: host.module.params.update(fields)


def silent(host):
    host.module.is_silent = True


DRIFT = {
    "a file edited": (edit("/etc/containerd/config.toml"), "file /etc/containerd/config.toml"),
    "a file of the user's edited": (edit("/etc/hosts"), "file /etc/hosts"),
    "a file that was kept, anywhere": (
        edit("/home/pi/kept-elsewhere"),
        "file /home/pi/kept-elsewhere",
    ),
    "a file that was made, anywhere": (remove("/srv/made/by-fogbed"), "file /srv/made/by-fogbed"),
    "another's file beside ours": (
        add("/etc/cni/net.d/05-cilium.conflist"),
        "file /etc/cni/net.d/05-cilium.conflist",
    ),
    "a cni file removed": (
        remove("/etc/cni/net.d/10-flannel.conflist"),
        "file /etc/cni/net.d/10-flannel.conflist",
    ),
    "a source of packages added": (
        add("/etc/apt/sources.list.d/other.sources"),
        "file /etc/apt/sources.list.d/other.sources",
    ),
    "a mode changed": (
        lambda host: at(host, "/etc/kubernetes/admin.conf").chmod(0o600),
        "file /etc/kubernetes/admin.conf",
    ),
    "a manifest removed": (
        remove("/etc/kubernetes/manifests/kube-apiserver.yaml"),
        "file /etc/kubernetes/manifests/kube-apiserver.yaml",
    ),
    "kubelet's configuration edited": (
        edit("/var/lib/kubelet/config.yaml"),
        "file /var/lib/kubelet/config.yaml",
    ),
    "our record removed": (
        remove("/var/lib/fogbed/cluster/kubelet-here"),
        "file /var/lib/fogbed/cluster/kubelet-here",
    ),
    "the command line changed": (
        edit("/boot/firmware/cmdline.txt"),
        "file /boot/firmware/cmdline.txt",
    ),
    "the command line that config.txt names": (
        edit("/boot/firmware/other.cmd"),
        "file /boot/firmware/other.cmd",
    ),
    "a unit no longer enabled": (
        remove("/etc/systemd/system/multi-user.target.wants/kubelet.service"),
        "file /etc/systemd/system/multi-user.target.wants/kubelet.service",
    ),
    "a unit stopped": (has(units={"kubelet.service": "inactive"}), "unit kubelet.service"),
    "a unit gone": (has(units={}), "unit kubelet.service"),
    "a package removed": (
        has(packages={"kubelet": "hi \t1.36.3-1.1"}),
        "package iptables:arm64",
    ),
    "a package no longer held": (
        has(packages={"kubelet": "ii \t1.36.3-1.1", "iptables": "ii \t1.8.9"}),
        "package kubelet:arm64",
    ),
    "a package upgraded": (
        has(packages={"kubelet": "hi \t1.36.4-1.1", "iptables": "ii \t1.8.9"}),
        "package kubelet:arm64",
    ),
    "dpkg was killed": (add("/var/lib/dpkg/updates/0001"), "packages half done"),
    "a sysctl changed": (
        lambda host: renote(host, "sysctl kernel.ostype"),
        "sysctl kernel.ostype",
    ),
    "a module gone": (
        lambda host: renote(host, "module no_such_module"),
        "module no_such_module",
    ),
    "swap on": (add("/proc/swaps", "Filename\n/dev/zram0 partition 1 0 100\n"), "swap /dev/zram0"),
    "a reboot": (edit("/proc/sys/kernel/random/boot_id"), "file /proc/sys/kernel/random/boot_id"),
    "forwarding dropped": (has(forward="-P FORWARD DROP"), "packet filter"),
    "a clock that nobody sets": (has(clock="no"), "clock"),
    "a node deleted": (has(nodes=[]), "object Node/pico-1"),
    "a node not Ready": (has(nodes=[node(ready="Unknown")]), "ready Node/pico-1"),
    "a node's label changed": (
        has(nodes=[node(labels={"fogbed.io/tier": "fog"})]),
        "object Node/pico-1",
    ),
    "a node's label removed": (
        has(nodes=[{**node(), "metadata": {"name": "pico-1"}}]),
        "object Node/pico-1",
    ),
    "an object edited": (
        has(flannel=[flannel("flannel:v2")]),
        "object DaemonSet/kube-flannel/kube-flannel-ds",
    ),
    "an object deleted": (has(flannel=[]), "object DaemonSet/kube-flannel/kube-flannel-ds"),
    "a pod that does not run": (
        has(flannel=[flannel(running=0)]),
        "ready DaemonSet/kube-flannel/kube-flannel-ds",
    ),
    "an API server that is silent": (silent, "ready the API server"),
    "settings or playbooks changed": (
        wants(asked="that"),
        "the testbed or the playbooks have changed",
    ),
    "a day has passed": (wants(hours=0), "the last good run is not within 0 hours"),
    "the note cut off": (
        lambda host: host.note.write_text('{"asked": "th', encoding="utf-8"),
        "there is no note of a good run",
    ),
}


def renote(host, item):
    """The kernel is this computer's: not it changes, but what was noted of it."""
    note = json.loads(host.note.read_text(encoding="utf-8"))
    note["state"][item] += " otherwise"
    host.note.write_text(json.dumps(note), encoding="utf-8")


def test_a_host_that_is_as_noted_is_settled(host):
    last_run.forget(host)
    assert last_run.noted(host) == []
    host.module.nodes = [node()]  # of another version, for the cluster writes to it all the time
    assert last_run.compared(host) == []
    assert host.note.stat().st_mode & 0o777 == 0o600


def test_a_user_is_told_what_somebody_changed(host):
    for path in ("/etc/hosts", "/etc/containerd/config.toml"):
        edit(path)(host)
    last_run.compared(host)
    files = "file /etc/containerd/config.toml, file /etc/hosts"
    assert host.notes == [f"not as the last run left it: {files}"]


@pytest.mark.parametrize("kind", DRIFT)
def test_drift_is_seen_and_the_note_goes_with_it(host, kind):
    drift, reason = DRIFT[kind]
    drift(host)
    assert reason in last_run.compared(host)
    assert not host.note.exists()


def test_a_rehearsal_takes_no_note_away(host):
    edit("/etc/hosts")(host)
    host.module.check_mode = True
    assert last_run.compared(host) == ["file /etc/hosts"]
    assert host.note.exists()


def test_what_is_not_ready_is_not_noted(host):
    last_run.forget(host)
    host.module.nodes = [node(ready="False")]
    assert last_run.noted(host) == ["ready Node/pico-1"]
    assert not host.note.exists()


def test_a_control_plane_node_without_the_pod_networks_manifest_is_noted_too(host):
    remove("/etc/kubernetes/flannel.yaml")(host)
    host.module.flannel = None
    assert last_run.noted(host) == []
    assert last_run.compared(host) == []


def test_what_others_do_to_a_node_is_theirs(host):
    theirs = node(labels={"example.org/rack": "7"})
    theirs["spec"] = {"unschedulable": True, "taints": [{"key": "example.org/busy"}]}
    host.module.nodes = [theirs]
    assert last_run.compared(host) == []


def test_what_pods_write_into_volumes_is_no_drift(tmp_path):
    for name in ("cluster/kubelet-here", "volumes/pvc-1/data/xl.meta"):
        path = tmp_path / "var/lib/fogbed" / name
        path.parent.mkdir(parents=True)
        path.write_text("1", encoding="utf-8")
    assert state.file_names(str(tmp_path)) == {"/var/lib/fogbed/cluster/kubelet-here"}


def test_every_file_that_a_role_names_is_looked_at():
    roles = PLAYBOOKS / "roles"
    files = [path for path in roles.rglob("*.yml") if path.parent.name in ("tasks", "vars")]
    ways_back = ("undo.yml", "remove.yml", "clear.yml", "give_back.yml")
    texts = [path.read_text(encoding="utf-8") for path in files if path.name not in ways_back]
    named = {
        name.rstrip(".")
        for text in texts
        for name in re.findall(r"(?<![\w}/])/(?:boot|etc|opt|run|usr/local)/[\w./@-]+", text)
    }
    assert len(named) > 30
    assert [name for name in sorted(named) if not is_covered(name)] == []


def is_covered(name):
    path = PurePosixPath(name)
    inside = any(
        name == folder or PurePosixPath(folder) in path.parents for folder in state.FOLDERS
    )
    return inside or any(path.match(pattern) for pattern in state.FILES)


VARIABLES = {"ansible_host": "192.0.2.1", "fogbed_tier": "edge", "ansible_user": "pi"}


def digest(folder, host="pico-1", **variables):
    hosts = [{**VARIABLES, **variables}, {"ansible_host": "192.0.2.2"}]
    return asked.asked_digest(hosts, host, str(folder))


def test_what_is_asked_follows_the_testbed_and_the_playbooks(tmp_path):
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles/main.yml").write_text("- one\n", encoding="utf-8")
    first = digest(tmp_path)
    assert digest(tmp_path, "pico-2") != first
    assert digest(tmp_path, fogbed_tier="fog") != first
    assert digest(tmp_path, boot_config_settings={"gpu_mem": 16}) != first
    assert digest(tmp_path, ansible_host="192.0.2.9") != first
    (tmp_path / "roles/main.yml").write_text("- two\n", encoding="utf-8")
    assert digest(tmp_path) != first


def test_what_is_asked_is_not_how_the_host_is_reached_or_what_was_found(tmp_path):
    first = digest(tmp_path)
    assert digest(tmp_path, ansible_user="fog", preflight_read={"time": 1}) == first
    assert digest(tmp_path, fogbed_look={"settled": True}, groups={"settled": []}) == first
