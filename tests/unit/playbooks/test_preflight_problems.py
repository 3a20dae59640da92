"""What preflight says about a host, sentence by sentence."""

from __future__ import annotations

import pytest
from plugins import load

preflight = load("filter_plugins/preflight_problems.py")
GOOD = {
    "os": {"id": "debian", "version_id": "13", "pretty_name": "Debian GNU/Linux 13 (trixie)"},
    "architecture": "arm64",
    "kernel": "6.12.47+rpt-rpi-2712",
    "python": [3, 13, 5],
    "init": "systemd",
    "memory_mb": 3900,
    "cpus": 4,
    "machine_id": "a" * 32,
    "macs": ["d8:3a:dd:00:00:01"],
    "addresses": ["127.0.0.1", "192.0.2.10", "::1"],
    "firewall": "",
    "disk": {"free_mb": 20000, "read_only": False},
    "root_read_only": False,
    "installed": False,
    "cgroup_v2": True,
    "time": 1000.5,
    "node_ip": "192.0.2.10",
    "name": "pico-0",
}
WANT = {
    "name": "pico-0",
    "testbed": "pico",
    "cluster": "",
    "cni": [],
    "node_ip": "192.0.2.10",
    "control_plane": True,
    "memory_mb": 1700,
    "cpus": 2,
    "disk_mb": 3000,
    "disk_mb_again": 500,
    "kernel": "5.4",
    "fail_cgroup_v1": True,
    "clock_seconds": 60,
    "now_before": 1000.0,
    "now_after": 1001.0,
}
YEAR = 365 * 86400
OTHER = GOOD | {"machine_id": "b" * 32, "macs": ["d8:3a:dd:00:00:02"]}
OTHER |= {"node_ip": "192.0.2.11", "name": "pico-1"}


def problems(host, others=None, ignored=(), **want):
    found = preflight.preflight_problems(GOOD | host, WANT | want, others or {}, list(ignored))
    return "\n".join(found)


def test_the_cluster_of_another_testbed_is_not_taken_over():
    assert problems({}, cluster="pico") == ""
    assert problems({}, cluster="other") == (
        "it carries the cluster of testbed other, and this is testbed pico. Take that one down "
        "first (`fogbed down`), or use its name."
    )
    assert problems({}, ignored=["cluster"], cluster="other") == ""


@pytest.mark.parametrize(
    ("names", "installed", "named"),
    [
        (["10-flannel.conflist", "README", ".keep"], False, ""),
        (["05-cilium.conflist"], False, "/etc/cni/net.d/05-cilium.conflist"),
        (["87-podman-bridge.conflist"], False, "/etc/cni/net.d/87-podman-bridge.conflist"),
        (["87-podman-bridge.conflist", "10-flannel.conflist"], True, ""),
        (
            ["10-flannel.conflist", "10-calico.conflist", "00-a.conf", "calico-kubeconfig"],
            True,
            "/etc/cni/net.d/00-a.conf /etc/cni/net.d/10-calico.conflist",
        ),
    ],
)
def test_the_file_of_another_pod_network_is_named(names, installed, named):
    wanted = (
        f"another pod network is set up there ({named}), and pods would get its addresses. Remove "
        f"what put it there, or put it aside: `sudo mv {named} /root/`."
    )
    assert problems({"installed": installed}, cni=names) == (wanted if named else "")
    assert problems({"installed": installed}, ignored=["cni"], cni=names) == ""


def system(name, version, pretty=""):
    return {"os": {"id": name, "version_id": version, "pretty_name": pretty}}


@pytest.mark.parametrize(
    ("name", "version"),
    [("debian", "12"), ("debian", "13"), ("ubuntu", "24.04"), ("ubuntu", "26.04")],
)
def test_a_good_host_is_not_refused(name, version):
    assert problems(system(name, version), {"pico-1": OTHER}) == ""


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (
            {"architecture": "armhf"},
            ["32-bit (armhf)", "even if its kernel is not", "64-bit image"],
        ),
        (system("raspbian", "12") | {"architecture": "armhf"}, ["32-bit", "64-bit image"]),
        (system("fedora", "43", "Fedora Linux 43"), ["Fedora Linux 43 is not", "Debian 12 or 13"]),
        (system("debian", "11", "Debian 11"), ["Debian 11 is not supported"]),
        ({"architecture": "riscv64"}, ["riscv64 is not supported"]),
        ({"init": "init"}, ["its first process is init, not systemd"]),
        ({"python": [3, 8, 1]}, ["its Python is 3.8.1"]),
        ({"kernel": "5.3.18-pi"}, ["its kernel is 5.3.18-pi, and 5.4 is needed", "full-upgrade"]),
        ({"cgroup_v2": False}, ["cgroup v1", "unified_cgroup_hierarchy=0", "failCgroupV1: false"]),
        ({"memory_mb": 906}, ["906 MB of memory", "control plane needs 1700"]),
        ({"cpus": 1}, ["1 CPU", "needs 2"]),
        ({"root_read_only": True}, ["read-only", "raspi-config"]),
        ({"disk": {"free_mb": 900, "read_only": False}}, ["900 MB free", "3000 are needed"]),
        ({"time": 1000.0 - YEAR}, ["1 year behind this computer's", "certificates", "date -s"]),
        ({"time": 1001.0 + 7200}, ["2 hours ahead of"]),
        ({"firewall": "ufw"}, ["sudo ufw disable"]),
        ({"firewall": "firewalld"}, ["disable --now firewalld"]),
        ({"addresses": ["127.0.0.1", "192.0.2.77"]}, ["192.0.2.10", "(192.0.2.77)"]),
    ],
)
def test_a_bad_host_is_told_what_to_do(host, words):
    said = problems(host)
    assert said.count("\n") == 0
    assert all(word in said for word in words), said
    assert said.endswith(".")


def test_all_problems_come_at_once():
    host = {"cpus": 1, "memory_mb": 900, "time": 5000.0, "firewall": "ufw"}
    assert problems(host).count("\n") == 3


def test_what_the_user_answers_for_is_not_said():
    assert problems({"cpus": 1, "memory_mb": 900}, ignored=["cpus", "memory"]) == ""


def test_a_worker_may_have_one_cpu():
    assert problems({"cpus": 1}, control_plane=False) == ""


def test_an_installed_node_needs_less_room():
    host = {"disk": {"free_mb": 900, "read_only": False}, "installed": True}
    assert problems(host) == ""


@pytest.mark.parametrize(("off", "refused"), [(59.0, False), (61.0, True)])
def test_the_clock_is_compared_with_the_time_around_the_look(off, refused):
    assert bool(problems({"time": 1001.0 + off})) is refused
    assert bool(problems({"time": 1000.0 - off})) is refused


@pytest.mark.parametrize("name", ["Pico_0", "-a", "a..b", "a" * 64, ""])
def test_a_name_that_kubernetes_refuses_is_refused(name):
    assert "cannot be the name of a node" in problems({}, name=name)


@pytest.mark.parametrize(
    ("twin", "words"),
    [
        ({"machine_id": "a" * 32}, ["pico-1 has the same machine-id", "ssh_host_", "truncate"]),
        ({"macs": ["d8:3a:dd:00:00:01"]}, ["pico-1 has the same MAC address d8:3a:dd:00:00:01"]),
        ({"node_ip": "192.0.2.10"}, ["pico-1 has the same address, 192.0.2.10"]),
        ({"name": "pico-0"}, ["pico-1 has the same name, pico-0"]),
    ],
)
def test_twins_are_refused(twin, words):
    said = problems({}, {"pico-1": OTHER | twin})
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({}, None),
        ({"failed": True, "msg": "Task failed: Incorrect sudo password"}, "password is wrong"),
        ({"failed": True, "msg": "Task failed: Missing sudo password"}, "sudo asks for a password"),
        ({"failed": True, "module_stderr": "fog is not in the sudoers file."}, "may not use sudo"),
        (
            {"failed": True, "msg": "x", "module_stderr": "sudo: I'm afraid I can't do that"},
            "may not use sudo",
        ),
        (
            {"failed": True, "module_stderr": "sudo: interactive authentication is required"},
            "sudo asks for a password",
        ),
        (
            {"failed": True, "msg": "x", "module_stderr": "sudo: Ein Passwort ist notwendig\n"},
            "sudo refuses fog: Ein Passwort ist notwendig",
        ),
        ({"failed": True, "module_stdout": "/usr/bin/python3: not found"}, "no Python 3"),
        ({"failed": True, "msg": "odd"}, "odd"),
        (
            {"unreachable": True, "msg": "Failed to connect to the host via ssh: No route to host"},
            "cannot be reached over SSH: No route to host. Is it switched on",
        ),
        (
            {
                "unreachable": True,
                "msg": "to the host via ssh: fog@h: Permission denied (publickey).",
            },
            "SSH lets fog not in",
        ),
        (
            {"unreachable": True, "msg": "@@@ REMOTE HOST IDENTIFICATION HAS CHANGED! @@@"},
            "ssh-keygen -R",
        ),
        ({"unreachable": True, "msg": "Host key verification failed."}, "not known yet"),
    ],
)
def test_a_host_that_cannot_be_asked_is_told_why(result, words):
    said = preflight.preflight_access(result, "fog")
    assert (words in said) if words else said == ""
