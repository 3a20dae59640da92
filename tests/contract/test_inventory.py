"""Ansible itself takes a rendered inventory: groups, hosts and variables as they are meant."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fogbed import spec
from fogbed.cli import main
from fogbed.plan.inventory import plan_inventory
from fogbed.platforms.pi import ssh
from fogbed.platforms.pi.playbook import shared_defaults

SOUND = Path(__file__).parents[1] / "cases" / "spec" / "sound"


@pytest.mark.parametrize("name", ["design-testbed", "every-cluster-key"])
def test_ansible_inventory_accepts_what_is_rendered(name, fresh_home, tmp_path):
    assert fresh_home.exists()
    file, rendered = SOUND / f"{name}.yml", tmp_path / "hosts.yml"
    assert main(["render", "inventory", "-t", str(file), "--output", str(rendered)]) == 0
    program = Path(sys.executable).with_name("ansible-inventory")
    done = subprocess.run(
        [program, "-i", rendered, "--list"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    listed = json.loads(done.stdout)
    bed = spec.load_testbed(file)
    # its files are told as they are found here
    reach = ssh.located(bed.ssh) if bed.ssh else None
    planned = plan_inventory(bed.model_copy(update={"ssh": reach}), shared_defaults())["all"]
    assert sorted(listed["all"]["children"]) == ["control_plane", "ungrouped", "worker"]
    for group in ("control_plane", "worker"):
        hosts = planned["children"][group]["hosts"]
        assert listed[group]["hosts"] == list(hosts)
        for host, own in hosts.items():
            assert listed["_meta"]["hostvars"][host] == {**planned["vars"], **own}
