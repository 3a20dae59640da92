"""Ansible itself takes a rendered inventory: groups, hosts and variables as they are meant."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogbed import spec
from fogbed.cli import main
from fogbed.plan.inventory import plan_inventory, render_inventory
from fogbed.platforms.pi.playbook import shared_defaults
from fogbed.platforms.pi.reach import ssh

SOUND = Path(__file__).parents[1] / "cases" / "spec" / "sound"


# every character of the first planes of text, those that YAML cannot hold as they are among them
CHARACTERS = {f"c{code}": f"a{chr(code)}b" for code in [*range(0x3100), 0xFEFF, 0x1F600]}
WORDS = ["yes", "N", "off", "null", "~", "", "=", "<<", "012", "1_0", "1:30", "1e3", ".inf", "0o7"]


def read_by_ansible(rendered: Path) -> dict[str, Any]:
    program = Path(sys.executable).with_name("ansible-inventory")
    done = subprocess.run(
        [program, "-i", rendered, "--list"],
        capture_output=True,
        text=True,
        check=False,
        # not where our ansible.cfg lies: its cache of facts would be listed too
        cwd=rendered.parent,
    )
    assert (done.returncode, done.stderr) == (0, "")
    listed: dict[str, Any] = json.loads(done.stdout)
    return listed


@settings(max_examples=3, deadline=None)
@given(drawn=st.dictionaries(st.text(min_size=1), st.text(), min_size=20, max_size=60))
def test_ansible_inventory_reads_any_text_back(tmp_path_factory, drawn):
    testbed = spec.load_testbed(SOUND / "design-testbed.yml")
    ssh_of_issue = testbed.ssh.model_copy(update={"key": "~/.ssh/a\x85b"})
    texts = {**CHARACTERS, **{word: word for word in WORDS}, **drawn}
    kubernetes = testbed.kubernetes.model_copy(update={"kubelet": texts})
    testbed = testbed.model_copy(update={"ssh": ssh_of_issue, "kubernetes": kubernetes})
    rendered = tmp_path_factory.mktemp("inventory") / "hosts.yml"
    rendered.write_text(render_inventory(testbed, shared_defaults()), encoding="utf-8")
    for seen in read_by_ansible(rendered)["_meta"]["hostvars"].values():
        assert seen["ansible_ssh_private_key_file"] == "~/.ssh/a\x85b"
        assert seen["fogbed_kubelet"] == texts


@pytest.mark.parametrize("name", ["design-testbed", "every-cluster-key"])
def test_ansible_inventory_accepts_what_is_rendered(name, fresh_home, tmp_path):
    assert fresh_home.exists()
    file, rendered = SOUND / f"{name}.yml", tmp_path / "hosts.yml"
    assert main(["render", "inventory", "-t", str(file), "--output", str(rendered)]) == 0
    listed = read_by_ansible(rendered)
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
