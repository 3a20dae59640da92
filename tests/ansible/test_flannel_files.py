"""flannel's own files on nodes: laid down again where missing or edited; nobody else's is touched.

Folders stand for the nodes, a program for kubectl: its pods lay down what the manifest says.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from plugins import PLAYBOOKS, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
NAMES = ("whole", "edited", "missing", "no-plugin")
CONFLIST = "etc/cni/net.d/10-flannel.conflist"
FILES = (CONFLIST, "opt/cni/bin/flannel", "run/flannel/subnet.env")
THEIRS = "etc/cni/net.d/05-theirs.conflist"
PLAY = """
- hosts: all
  gather_facts: false
  module_defaults: {ansible.legacy.host_texts: {root: "{{ card }}"}}
  vars: {control_plane_facts: {seed: whole}}
  tasks:
    - ansible.builtin.include_role: {name: cni, tasks_from: files.yml}
"""
MANIFEST = """
- hosts: whole
  gather_facts: false
  roles: [fogbed]
  vars_files: ["{{ role }}/vars/main.yml", "{{ role }}/defaults/main.yml"]
  tasks:
    - ansible.builtin.template:
        {src: "{{ role }}/templates/flannel.yaml.j2", dest: "{{ manifest }}", mode: "0644"}
"""
KUBECTL = """\
import pathlib, sys
from ruamel.yaml import YAML
top = pathlib.Path("TOP")
with (top / "asked").open("a") as asked:
    asked.write(" ".join(sys.argv[1:]) + "\\n")
if "delete" in sys.argv:
    node = next(word for word in sys.argv if "nodeName=" in word).split("=")[-1]
    files = YAML(typ="safe").load_all((top / "flannel.yaml").read_text())
    (config,) = [each for each in files if each["kind"] == "ConfigMap"]
    for path in FILES:
        (top / node / path).parent.mkdir(parents=True, exist_ok=True)
        (top / node / path).write_text(config["data"]["cni-conf.json"])
"""


@pytest.fixture
def run(tmp_path):
    """A function that runs a play over the nodes and returns what was asked of kubectl."""
    programs = tmp_path / "bin"
    programs.mkdir()
    text = KUBECTL.replace("TOP", str(tmp_path)).replace("FILES", repr(FILES))
    (programs / "kubectl.py").write_text(text, encoding="utf-8")
    # a first line cannot name an interpreter in a folder of any name
    start = shlex.join([sys.executable, str(programs / "kubectl.py")])
    (programs / "kubectl").write_text(f'#!/bin/sh\nexec {start} "$@"\n', encoding="utf-8")
    (programs / "kubectl").chmod(0o755)
    here = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "card": f"{tmp_path}/{{{{ inventory_hostname }}}}",
        "manifest": str(tmp_path / "flannel.yaml"),
        "role": str(PLAYBOOKS / "roles/cni"),
    }
    hosts = {"all": {"vars": here, "hosts": {name: {} for name in NAMES}}}
    (tmp_path / "hosts.json").write_text(json.dumps(hosts), encoding="utf-8")

    def run(play, *options):
        (tmp_path / "asked").write_text("", encoding="utf-8")
        book = tmp_path / "play.yml"
        book.write_text(play, encoding="utf-8")
        environment = os.environ | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CACHE_PLUGIN": "memory",
            "PATH": f"{programs}:{os.environ['PATH']}",
        }
        program = Path(sys.executable).with_name("ansible-playbook")
        command = [program, "-i", tmp_path / "hosts.json", book, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return (tmp_path / "asked").read_text(encoding="utf-8")

    return run


@pytest.fixture
def cards(tmp_path, run):
    """The nodes' folders: one whole, one edited, two with a file missing."""
    run(MANIFEST)
    for name in NAMES:
        for path in (*FILES, THEIRS):
            place = tmp_path / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("theirs\n", encoding="utf-8")
    subprocess.run(
        [tmp_path / "bin/kubectl", "delete", "spec.nodeName=whole"], check=True, cwd=tmp_path
    )
    whole = (tmp_path / "whole" / CONFLIST).read_text(encoding="utf-8")
    for name in ("missing", "no-plugin"):
        (tmp_path / name / CONFLIST).write_text(whole, encoding="utf-8")
    edited = whole.replace('"hairpinMode": true', '"hairpinMode": false')
    assert edited != whole
    (tmp_path / "edited" / CONFLIST).write_text(edited, encoding="utf-8")
    (tmp_path / "missing" / CONFLIST).unlink()
    (tmp_path / "no-plugin/opt/cni/bin/flannel").unlink()
    return {name: tmp_path / name for name in NAMES}, whole


def test_flannels_files_are_laid_down_again_where_missing_or_edited(cards, run):
    roots, whole = cards
    assert "delete" not in run(PLAY, "--check")
    asked = run(PLAY)
    begun = [line for line in asked.splitlines() if " delete " in line]
    assert sorted(line.rpartition("=")[2] for line in begun) == ["edited", "missing", "no-plugin"]
    for root in roots.values():
        assert (root / CONFLIST).read_text(encoding="utf-8") == whole
        assert all((root / path).exists() for path in FILES)
        assert (root / THEIRS).read_text(encoding="utf-8") == "theirs\n"
    assert json.loads(whole)["plugins"][0]["type"] == "flannel"
    assert run(PLAY) == "", "nothing is done twice"
