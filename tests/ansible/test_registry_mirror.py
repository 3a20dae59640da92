"""The role registry_mirror on a folder that stands for containerd's: real Ansible, three runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from plugins import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PLAY = """
- hosts: all
  gather_facts: false
  module_defaults: {ansible.legacy.keep_files: {store: "{{ store }}"}}
  tasks:
    - ansible.builtin.include_role:
        name: registry_mirror
        tasks_from: "{{ part }}"
    - ansible.legacy.keep_files: {state: restored, everything: true}
      when: part == 'undo.yml'
"""
MIRRORS = {"docker.io": "mirror.lab:5000", "ghcr.io": "http://b/", "*": "http://198.18.2.1:5000/"}
THEIRS = b"server = 'mine'\r\n"
DOCKER_IO = """\
# Written by fogbed: a change made here is lost.
server = "https://registry-1.docker.io"

[host."https://mirror.lab:5000"]
  capabilities = ["pull", "resolve"]
"""
OTHERS = """\
# Written by fogbed: a change made here is lost.
[host."http://198.18.2.1:5000"]
  capabilities = ["pull", "resolve"]
"""


@pytest.fixture
def run(tmp_path):
    """A function that runs a part of the role; it returns how many tasks changed something."""
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")

    def run(mirrors, part, *options):
        variables = {
            "fogbed_registries": mirrors,
            "registry_mirror_path": f"{tmp_path}/certs.d",
            "store": f"{tmp_path}/store",
            "part": part,
            "ansible_python_interpreter": sys.executable,
            "fogbed_node_ip": "192.0.2.1",
        }
        hosts = {"all": {"vars": variables, "hosts": {"one": {"ansible_connection": "local"}}}}
        (tmp_path / "hosts.json").write_text(json.dumps(hosts), encoding="utf-8")
        program = Path(sys.executable).with_name("ansible-playbook")
        done = subprocess.run(
            [program, "-i", tmp_path / "hosts.json", tmp_path / "play.yml", *options],
            check=False,
            env=os.environ
            | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_CACHE_PLUGIN": "memory"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return int(re.search(r"^one .*changed=(\d+)", done.stdout, re.MULTILINE)[1])

    return run


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes().decode()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_mirrors_come_and_go_and_what_somebody_else_wrote_is_given_back(run, tmp_path):
    folder = tmp_path / "certs.d"
    assert run(MIRRORS, "main.yml", "--check") > 0
    assert not folder.exists()
    for registry in ("docker.io", "a.example"):
        (folder / registry).mkdir(parents=True)
        (folder / registry / "hosts.toml").write_bytes(THEIRS)
    (folder / "docker.io" / "ca.crt").touch()
    before = files(folder)

    assert run(MIRRORS, "main.yml") > 0
    found = files(folder)
    assert found["docker.io/hosts.toml"] == DOCKER_IO
    assert found["_default/hosts.toml"] == OTHERS
    assert 'server = "https://ghcr.io"\n\n[host."http://b"]' in found["ghcr.io/hosts.toml"]
    assert found["a.example/hosts.toml"] == THEIRS.decode()
    assert run(MIRRORS, "main.yml") == 0
    assert files(folder) == found

    assert run({"docker.io": "mirror.lab:5000"}, "main.yml") > 0
    assert not (folder / "ghcr.io").exists()
    assert files(folder)["docker.io/hosts.toml"] == DOCKER_IO
    assert run(MIRRORS, "undo.yml") > 0
    assert files(folder) == before
    assert sorted(path.name for path in folder.iterdir()) == ["a.example", "docker.io"]


def test_nothing_is_made_where_no_mirror_is_asked_for(run, tmp_path):
    assert run({}, "main.yml") == 0
    assert not (tmp_path / "certs.d").exists()
