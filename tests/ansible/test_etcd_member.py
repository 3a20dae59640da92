"""A member of etcd taken out by name: real Ansible, and a kubectl that lists members."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from plugins import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PLAY = """
- hosts: all
  gather_facts: false
  vars: {control_plane_facts: {seed: pi-1}}
  tasks:
    - ansible.builtin.include_role:
        name: control_plane
        tasks_from: etcd_member.yml
        apply: {run_once: true}
"""
# As etcdctl 3.6 prints it.
MEMBERS = """\
e7172c8883ab57d5, started, pi-2, https://192.0.2.12:2380, https://192.0.2.12:2379, false
1234567890123456, started, pi-22, https://192.0.2.22:2380, https://192.0.2.22:2379, false
91bc3c398fb3c146, unstarted, , https://192.0.2.13:2380, , true
2e80f96756a54ca9, started, pi-1, https://192.0.2.11:2380, https://192.0.2.11:2379, false
"""
CREDENTIALS = (
    "--kubeconfig /etc/kubernetes/admin.conf -n kube-system exec etcd-pi-1 -- "
    "etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt "
    "--cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key"
)


@pytest.fixture
def take_out(tmp_path):
    """A function that takes a node's member out; it returns what kubectl was asked."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "members").write_text(MEMBERS, encoding="utf-8")
    (programs / "kubectl").write_text(
        '#!/bin/sh\necho "$*" >>asked\ncase "$*" in *"member list") cat members;; esac\n',
        encoding="utf-8",
    )
    (programs / "kubectl").chmod(0o755)
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    groups = {"control_plane": {"hosts": {"pi-1": here, "pi-3": here}}}
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"children": groups}}), "utf-8")

    def take_out(node, *options):
        (tmp_path / "asked").write_text("", encoding="utf-8")
        program = Path(sys.executable).with_name("ansible-playbook")
        done = subprocess.run(
            [program, "-i", "hosts.json", "play.yml", "-e", f"control_plane_gone={node}", *options],
            check=False,
            cwd=tmp_path,
            env=os.environ
            | {
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_CACHE_PLUGIN": "memory",
                "PATH": f"{programs}:{os.environ['PATH']}",
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return (tmp_path / "asked").read_text(encoding="utf-8").splitlines()

    return take_out


@pytest.mark.parametrize(("node", "member"), [("pi-2", "e7172c8883ab57d5"), ("pi-3", None)])
def test_the_member_of_this_name_goes_and_no_other(take_out, node, member):
    wanted = [f"{CREDENTIALS} member list"]
    wanted += [f"{CREDENTIALS} member remove {member}"] if member else []
    assert take_out(node, "--check") == wanted[:1]
    assert take_out(node) == wanted


def test_an_identity_of_digits_stays_as_it_is(take_out):
    assert take_out("pi-22")[-1].endswith(" member remove 1234567890123456")
