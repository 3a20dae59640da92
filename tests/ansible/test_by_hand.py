"""ansible-playbook as somebody runs it at the top of a checkout, where ansible.cfg lies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from plugins import ROOT

pytestmark = pytest.mark.timeout(300)
# Not beside the playbooks, where Ansible finds much by itself.
PLAY = """
- hosts: all
  gather_facts: false
  vars: {fogbed_testbed: t, fogbed_node_ip: 192.0.2.1}
  roles:
    - role: fogbed
  tasks:
    - name: A module, which needs a module_utils
      ansible.legacy.last_run: {state: compared, root: ROOT}
      register: looked
    - name: A filter
      ansible.builtin.assert:
        that: "'Filename Type\\n/dev/sda1 partition\\n' | swap_devices == ['/dev/sda1']"
    - name: How one becomes root
      ansible.builtin.assert:
        that: lookup('config', 'DEFAULT_BECOME_METHOD') == 'any_sudo'
    - name: The plugin for it
      ansible.builtin.command: "true"
      become: true
      changed_when: false
      vars: {ansible_become_exe: RUN_AS}
"""


def test_roles_modules_and_plugins_are_found(tmp_path):
    sudo = tmp_path / "sudo"
    # What stands behind sudo's options is a shell and its words.
    sudo.write_text('#!/bin/sh\nwhile [ "$1" != /bin/sh ]; do shift; done\nexec "$@"\n', "utf-8")
    sudo.chmod(0o755)
    text = PLAY.replace("ROOT", str(tmp_path)).replace("RUN_AS", str(sudo))
    (tmp_path / "play.yml").write_text(text, encoding="utf-8")
    environment = {name: text for name, text in os.environ.items() if name != "ANSIBLE_CONFIG"}
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            *("-i", "localhost,", "-c", "local"),
            *("-e", json.dumps({"ansible_python_interpreter": sys.executable})),
            tmp_path / "play.yml",
        ],
        check=False,
        cwd=ROOT,
        env=environment | {"ANSIBLE_CACHE_PLUGIN": "memory"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ignored=0" in done.stdout, done.stdout
