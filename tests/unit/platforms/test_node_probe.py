"""The probe as a node runs it: a Python of its own that reads the text on stdin."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from fogbed.clients.channel import Channel
from fogbed.platforms.pi.doctor import node_probe
from fogbed.platforms.pi.doctor.survey import look_at, probe_text

TEXT = Path(node_probe.__file__).read_text(encoding="utf-8")


def test_it_is_one_file_of_the_standard_library_for_python_3_9():
    tree = ast.parse(TEXT, feature_version=(3, 9))
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else
                     [each.name for each in node.names])
    }  # fmt: skip
    assert names <= sys.stdlib_module_names
    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))


def test_files_of_pod_networks_are_told_from_what_lies_beside_them(monkeypatch):
    names = "README\n87-podman-bridge.conflist\n10-flannel.conflist\n00-a.conf\ncalico-kubeconfig\n"
    asked = []
    monkeypatch.setattr(node_probe, "_said", lambda *argv: asked.append(argv) or names)
    found = ["00-a.conf", "10-flannel.conflist", "87-podman-bridge.conflist"]
    assert node_probe._cni(("sudo", "-n")) == found
    assert asked == [("sudo", "-n", "ls", "-1", "/etc/cni/net.d")]


def test_what_sudo_complains_of_is_no_answer(monkeypatch, tmp_path):
    kubeadm = tmp_path / "kubeadm.yaml"
    kubeadm.write_text("clusterName: farm\n", encoding="ascii")
    monkeypatch.setattr(node_probe, "_KUBEADM", str(kubeadm))
    complaint = 'echo sudo: unable to resolve host twin >&2; exec "$@"'
    assert node_probe.look_as_root(("sh", "-c", complaint, "sudo"))["cluster"] == "farm"


def test_nobody_who_is_root_asks_sudo(monkeypatch):
    monkeypatch.setattr(node_probe.os, "geteuid", lambda: 0)
    monkeypatch.setattr(
        node_probe, "_run", lambda *argv: (0, "root", "") if argv[0] == "id" else None
    )
    told = {"is_root": True, "code": 0, "heard": "", "groups": ["root"]}
    assert node_probe._sudo() == told


def test_addresses_with_a_password_are_not_in_argv():
    argv = Channel("pi-0", ("ssh", "pi@host", "--"), is_shell=True).argv(["python3", "-"])
    assert "secret" not in " ".join(argv)
    assert "secret" in probe_text("192.0.2.1", {"apt": "https://me:secret@mirror.lab/"})


def test_a_node_without_python_keeps_its_clock(tmp_path):
    channel = Channel("pi-0", ("env",), python=str(tmp_path / "python3"))
    found = look_at(channel, "127.0.0.1", {})
    assert found.clock_offset_s is not None
    assert abs(found.clock_offset_s) <= (found.clock_bound_s or 0.0) + 0.01
    assert (found.problem, found.way_out) == (
        "pi-0 has no Python 3",
        "there: sudo apt install python3",
    )


def test_a_node_that_cannot_be_reached_says_why():
    said = "ssh: connect to host 192.0.2.1 port 22: Connection timed out"
    channel = Channel("pi-0", ("sh", "-c", f"echo '{said}' >&2; exit 255"))
    found = look_at(channel, "192.0.2.1", {})
    assert found.problem == "pi-0 cannot be reached"
    assert found.way_out == "is it on, and is its address right?"
    assert not found.facts
