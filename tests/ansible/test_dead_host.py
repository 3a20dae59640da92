"""A host that is off, in playbooks that must not wait for it: real Ansible, an SSH that says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from plugins import PLAYBOOKS, ROOT
from ruamel.yaml import YAML

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def run(tmp_path, machines):
    hosts = {
        "dead": {"ansible_host": "192.0.2.9"},
        "live": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
    }

    def play(plays):
        yaml, book, inventory = YAML(), tmp_path / "play.yml", tmp_path / "hosts.yml"
        yaml.dump(plays, book)
        groups = {"control_plane": {"hosts": {"live": {}}}, "worker": {"hosts": {"dead": {}}}}
        yaml.dump({"all": {"hosts": hosts, "children": groups}}, inventory)
        config = {"ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg", "ANSIBLE_CACHE_PLUGIN": "memory"}
        program = Path(sys.executable).with_name("ansible-playbook")
        done = subprocess.run(
            [program, "-i", inventory, book],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | config,
        )
        return done, machines.calls()

    return play


def read(name):
    return YAML(typ="safe").load((PLAYBOOKS / f"{name}.yml").read_text(encoding="utf-8"))


def one_short_try(calls):
    return len(calls) == 1 and "ConnectTimeout=10" in calls[0] and "ControlPath=none" in calls[0]


def test_down_goes_on_with_those_that_answer_and_says_which_did_not(run):
    # what follows would take Kubernetes off this computer
    rest = {"name": "Rest", "hosts": "all", "gather_facts": False}
    rest["tasks"] = [
        {"name": "Go on", "ansible.builtin.debug": {"msg": "on {{ inventory_hostname }}"}}
    ]
    done, calls = run([read("reset")[0], rest])
    assert one_short_try(calls), calls
    assert done.returncode != 0
    assert "fatal: [dead]: UNREACHABLE!" in done.stdout
    assert "on live" in done.stdout
    assert "on dead" not in done.stdout


def test_the_restart_of_a_dead_worker_is_refused_at_once(run):
    worker = read("node-reboot")[1]
    done, calls = run([worker])
    assert one_short_try(calls), calls
    assert done.returncode != 0
    assert "dead does not answer, so it cannot be restarted from here" in done.stdout, done


def test_up_refuses_a_dead_host_after_two_short_tries(run):
    preflight = read("site")[0] | {"hosts": "dead"}
    done, calls = run([preflight])
    assert len(calls) == 2, calls
    assert all("ConnectTimeout=10" in call for call in calls)
    assert "ssh: it cannot be reached (" in done.stdout
    assert "; is it on, and is its address right?" in done.stdout


def test_a_dead_node_is_taken_out_of_the_cluster_without_its_host(run):
    node = read("node-remove")[1] | {"hosts": "dead"}
    done, calls = run([node])
    assert one_short_try(calls), calls
    assert done.returncode == 0, done.stdout
    assert "fatal: [dead]: UNREACHABLE!" in done.stdout
