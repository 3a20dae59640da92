"""Who speaks for the cluster is asked of all control-plane nodes, whether all answer or not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from plugins import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
PLAY = """
- hosts: all:!gone
  gather_facts: false
  vars: {fogbed_testbed: t, control_plane_api_wait: 0}
  tasks:
    - ansible.builtin.include_role: {name: control_plane, tasks_from: find.yml}
"""


@pytest.fixture
def play(tmp_path):
    """A function that runs PLAY on hosts a and b, with the variables of a third one."""

    def run(**third):
        here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        hosts = {"a": here, "b": here, "gone": third}
        groups = {"control_plane": {"hosts": hosts}}
        (tmp_path / "hosts.json").write_text(
            json.dumps({"all": {"children": groups}}), encoding="utf-8"
        )
        (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
        environment = os.environ | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CACHE_PLUGIN": "memory",
            "ANSIBLE_SSH_RETRIES": "0",
        }
        program = Path(sys.executable).with_name("ansible-playbook")
        command = [program, "-i", "hosts.json", "play.yml"]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
        )

    return run


def test_a_node_that_is_off_does_not_end_the_play_as_if_all_were_well(play):
    done = play(ansible_host="127.0.0.1", ansible_port=1)
    # the others have no cluster either, and the one that is off may have it
    assert done.returncode == 2, done.stdout
    refused = re.findall(r"fatal: \[(.)\]: FAILED.*does not answer: gone", done.stdout)
    assert sorted(refused) == ["a", "b"]


def test_a_question_that_fails_for_another_reason_is_no_silence(play):
    done = play(ansible_connection="local", ansible_python_interpreter="/usr/bin/no-python")
    assert done.returncode == 2, done.stdout
    assert "silent" not in done.stdout.split("Refuse to go on where")[1].split("PLAY RECAP")[0]
    assert "gone: " in done.stdout
