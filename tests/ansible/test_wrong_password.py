"""A wrong password of sudo is refused after one try: real Ansible, a sudo that counts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from plugins import PLAYBOOKS, ROOT
from ruamel.yaml import YAML

from fogbed import spec
from fogbed.clients.progress import Quiet
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.pi.playbook import PlaybookFailed, PlaybookOptions
from tests.ansible.machines import TESTBED

pytestmark = pytest.mark.timeout(300)
# As sudo does it: the prompt that was asked for, three times, and its words in between.
SUDO = """#!/bin/sh
echo >>"${0%/bin/*}/asked"
while getopts HSnp:u: option; do test $option != p || prompt=$OPTARG; done
for again in 1 2 3; do
  printf %s "$prompt" >&2
  read -r _ || exit 1
  echo "Sorry, try again." >&2
done
exit 1
"""


def test_a_wrong_password_is_tried_once(tmp_path, machines):
    machine = machines.switch_on("192.0.2.10")
    (machine / "bin/sudo").write_text(SUDO, encoding="utf-8")
    tasks = YAML(typ="safe").load((PLAYBOOKS / "roles/preflight/tasks/main.yml").read_text("utf-8"))
    (block,) = [task for task in tasks if task["name"] == "Try sudo"]
    play = {"hosts": "all", "gather_facts": False, "vars": {"preflight_read": {"host": {}}}}
    play["tasks"] = [block, {"ansible.builtin.debug": {"var": "preflight_sudo"}}]
    host = {"ansible_host": "192.0.2.10", "ansible_become_password": "wrong"}
    yaml, book, inventory = YAML(), tmp_path / "play.yml", tmp_path / "hosts.yml"
    yaml.dump([play], book)
    yaml.dump({"all": {"hosts": {"one": host}}}, inventory)
    config = {"ANSIBLE_CONFIG": f"{ROOT}/ansible.cfg", "ANSIBLE_CACHE_PLUGIN": "memory"}
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, "-i", inventory, book],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | config,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Incorrect sudo password" in done.stdout.partition("preflight_sudo")[2]
    assert (machine / "asked").read_text(encoding="utf-8") == "\n"


OFF = "  - {name: pico-2, address: 192.0.2.12, tier: edge}\n"


@pytest.mark.parametrize("name", ["node-remove", "reset", "upgrade"])
def test_a_playbook_without_preflight_tries_it_once_too(name, fresh_home, machines):
    found = [machines.switch_on(f"192.0.2.{end}") for end in (10, 11)]  # pico-2 is off
    for machine in found:
        (machine / "bin/sudo").write_text(SUDO, encoding="utf-8")
    file = fresh_home / "testbed.yml"
    file.write_text(f"{TESTBED}{OFF}", encoding="utf-8")
    platform = PiPlatform(spec.load_testbed(file))
    options = PlaybookOptions(become_password="wrong")  # noqa: S106 - that is the test
    with pytest.raises(PlaybookFailed) as refused:
        platform.play(name, Quiet(), options=options, variables={"fogbed_node": "pico-1"})
    nodes = refused.value.message.removeprefix("Try sudo's password failed on ")
    assert sorted(nodes.split(", ")) == ["pico-0", "pico-1"]
    assert "give the right one with --ask-become-pass" in str(refused.value.hint)
    asked = [(machine / "asked").read_text(encoding="utf-8") for machine in found]
    assert asked == ["\n", "\n"]
