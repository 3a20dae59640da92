"""The role preflight as a person runs it from a checkout: real Ansible, on this computer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from plugins import PLAYBOOKS, ROOT
from ruamel.yaml import YAML

pytestmark = pytest.mark.timeout(300)


def test_a_host_is_looked_at_and_judged_by_the_rules_of_the_doctor(tmp_path):
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    here |= {"ansible_host": "192.0.2.1", "host_name": "No_Name"}
    inventory = tmp_path / "hosts.yml"
    groups = {"control_plane": {"hosts": {"one": here}}}
    YAML().dump({"all": {"vars": {"fogbed_testbed": "x"}, "children": groups}}, inventory)
    config = {"ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg", "ANSIBLE_CACHE_PLUGIN": "memory"}
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, "-i", inventory, PLAYBOOKS / "site.yml", "--tags", "preflight"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | config,
    )
    assert done.returncode != 0
    assert "address: 192.0.2.1 is not an address of the machine (" in done.stdout, done.stdout
    assert "name: 'No_Name' cannot be the name of a node" in done.stdout
    assert "changed=0" in done.stdout
    assert "Prepare hosts" not in done.stdout
