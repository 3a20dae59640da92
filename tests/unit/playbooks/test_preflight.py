"""What preflight refuses, from what Ansible hands it: what the doctor says blocks, in its words."""

from __future__ import annotations

import ast
import json
import sys

import pytest
from plugins import PLAYBOOKS, ROOT, cases, load
from ruamel.yaml import YAML

preflight = load("filter_plugins/preflight.py")
HEALTHY = json.loads((ROOT / "tests/cases/doctor/healthy.json").read_text(encoding="utf-8"))
# What costs too much to ask at every run, or what `up` itself finds out with more right.
DOCTORS_ALONE = ("sources", "apt", "sudo")
NAMES = ("pi-0", "pi-1", "pi-2")
BEFORE, AFTER = 1000.0, 1001.0


def look(number, changes=None, **asked):
    name = f"pi-{number}"
    changes = {"clock": 0.0, **(changes or {})}
    link = {"interface": "eth0", "mac": f"aa:00:00:00:00:1{number}", "is_wifi": False}
    facts = HEALTHY | {
        "hostname": name,
        "machine_id": f"id{number}",
        "host_keys": [f"key{number}"],
        "macs": [f"aa:00:00:00:00:1{number}"],
        "network": link | {"speed_mbit": 1000, "duplex": "full", "power_save": None},
        "time": (BEFORE + AFTER) / 2 + changes.pop("clock"),
    }
    of_root = {key: changes.pop(key, HEALTHY[key]) for key in ("cluster", "ports", "cni")}
    not_asked = {"sources", "apt_problem", "sudo", "throttled", "time_sync", *of_root}
    facts = {key: value for key, value in (facts | changes).items() if key not in not_asked}
    return {
        "name": name,
        "address": f"192.0.2.1{number}",
        "role": "worker" if number else "control-plane",
        "testbed": "shelf",
        "user": "fog",
        "accepted": [],
        "fail_cgroup_v1": True,
        "before": BEFORE,
        "after": AFTER,
        "read": {"host": facts},
        "sudo": {"host": of_root},
        **asked,
    }


def refusals(looks, ignored=()):
    named = {f"pi-{number}": each for number, each in enumerate(looks)}
    return [
        f"{host}: {line}"
        for host in named
        for line in preflight.preflight_refusals(named, host, list(ignored))
    ]


def refused(result, **asked):
    return refusals([look(0), look(1, **{"read": result, **asked})])


@pytest.mark.parametrize("name", sorted(cases("doctor").keys() - {"down"}))
def test_what_the_doctor_says_blocks_is_refused_in_its_words(name):
    case = cases("doctor")[name]
    wanted = [
        line.removeprefix("blocks ")
        for line in case["says"]
        if line.startswith("blocks ") and line.split(": ")[1] not in DOCTORS_ALONE
    ]
    said = refusals([look(number, case["facts"].get(name)) for number, name in enumerate(NAMES)])
    assert sorted(said) == sorted(wanted)


def test_healthy_hosts_are_not_refused():
    assert refusals([look(number) for number in range(3)]) == []


def test_all_that_is_wrong_is_said_at_once():
    host = {"cpus": 1, "memory": 900 * 2**20, "clock": 4000, "firewall": "ufw"}
    said = refusals([look(0, host)])
    assert [line.split(": ")[1] for line in said] == ["memory", "cpus", "firewall", "clock"]


def test_what_somebody_takes_upon_themselves_is_not_said():
    host = {"cni": ["05-cilium.conflist"], "cluster": "other", "cpus": 1}
    assert len(refusals([look(0, host)])) == 3
    assert refusals([look(0, host)], ["cni", "cluster", "cpus"]) == []


def test_what_kubeadm_was_told_to_accept_is_accepted():
    host = {"memory": 2**30, "cpus": 1, "cgroup": {"version": 1, "memory": True}}
    host["ports"] = [{"port": 10250, "by": "k3s-agent"}]
    assert len(refusals([look(0, host)])) == 4
    accepted = ["Mem", "NumCPU", "Port-10250"]
    assert refusals([look(0, host, accepted=accepted, fail_cgroup_v1=False)]) == []


@pytest.mark.parametrize(("off", "is_refused"), [(59.0, False), (61.0, True)])
def test_the_clock_is_compared_with_the_time_around_the_look(off, is_refused):
    half = (AFTER - BEFORE) / 2
    assert bool(refusals([look(0, {"clock": half + off})])) is is_refused
    assert bool(refusals([look(0, {"clock": -half - off})])) is is_refused


@pytest.mark.parametrize("name", ["Pico_0", "-a", "a..b", "a" * 64, ""])
def test_a_name_that_kubernetes_refuses_is_refused(name):
    (said,) = refusals([look(0, name=name)])
    assert said.startswith(f"pi-0: name: {name!r} cannot be the name of a node; use lower-case")


def test_what_two_hosts_share_is_said_once():
    twin = look(1, name="pi-0", address="192.0.2.10")
    assert refusals([look(0), twin]) == [
        "pi-0: address: the same as of pi-1 (192.0.2.10); give each node its own",
        "pi-0: name: the same as of pi-1 (pi-0); give each node its own",
    ]


def unreachable(words):
    return {"unreachable": True, "msg": f"Failed to connect to the host via ssh: {words}"}


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        (
            unreachable("ssh: connect to host h port 22: No route to host"),
            (
                "it cannot be reached (ssh: connect to host h port 22: No route to host); is it "
                "on, and is its address right?"
            ),
        ),
        (
            unreachable("fog@h: Permission denied (publickey)."),
            (
                "it does not let us in (fog@h: Permission denied (publickey).); is ssh.user right, "
                "and does its ~/.ssh/authorized_keys have the public half of ssh.key? One with a "
                "passphrase: ssh-add"
            ),
        ),
        (
            unreachable("@@@ REMOTE HOST IDENTIFICATION HAS CHANGED! @@@\nHost key wrong."),
            (
                "it shows another host key than before (Host key wrong.); if it was set up anew: "
                "fogbed node replace pi-1 --new-host-key; else find out why"
            ),
        ),
        (
            {"failed": True, "module_stdout": "/bin/sh: 1: /usr/bin/python3: not found"},
            (
                "it has no Python 3 (/bin/sh: 1: /usr/bin/python3: not found); there: sudo apt "
                "install python3"
            ),
        ),
        ({"failed": True, "msg": "odd"}, "odd; try by hand: fogbed node ssh pi-1"),
    ],
)
def test_a_host_that_cannot_be_asked_is_told_why(result, wanted):
    assert refused(result, sudo={}) == [f"pi-1: ssh: {wanted}"]


HEARD = YAML(typ="safe").load(ROOT / "tests/cases/refusals.yml")
OF_SUDO = [row for row in HEARD if "sudo" in row["means"]]


@pytest.mark.parametrize("row", OF_SUDO, ids=lambda row: row["heard"][:50])
@pytest.mark.parametrize("place", ["msg", "module_stderr"])
def test_a_sudo_that_refuses_is_told_as_everywhere(row, place):
    tried = {"failed": True, "msg": "the task failed"} | {place: row["heard"]}
    (said,) = refusals([look(0), look(1, sudo=tried)])
    assert said.startswith(f"pi-1: sudo: {row['means']}; ")
    assert row["way_out"] in said


SHARED = sorted((PLAYBOOKS / "module_utils/doctor").glob("*.py"))


@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.stem)
def test_what_is_shared_with_fogbed_is_one_file_and_needs_no_fogbed(path):
    """Ansible's own Python may be another one; in the wheel, the link is a copy."""
    assert path.is_symlink()
    assert path.resolve().is_relative_to(ROOT / "fogbed/platforms/pi")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {each.name.split(".")[0] for each in node.names} <= sys.stdlib_module_names
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module.split(".")[0] in sys.stdlib_module_names
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            assert path.with_name(f"{node.module}.py") in SHARED
