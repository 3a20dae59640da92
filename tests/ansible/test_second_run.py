"""Three cards and the real tasks: one look while all is as it was, all of the work where not."""

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
NAMES = ("one", "two", "three")
# As site.yml has it, with a change in place of the roles.
PLAY = """
- name: Look
  hosts: all
  gather_facts: false
  tags: [always]
  module_defaults: &cards {ansible.legacy.last_run: {root: "{{ card }}", timeout: 0}}
  tasks:
    - ansible.builtin.include_role: {name: fogbed, tasks_from: look.yml, apply: {tags: always}}
- name: Work
  hosts: all
  gather_facts: false
  tags: [work]
  module_defaults: *cards
  pre_tasks:
    - ansible.builtin.meta: end_play
      when: fogbed_look_settled | default(false)
  tasks:
    - name: Work
      ansible.builtin.fail: {msg: cut off}
      when: cut_off | default(false)
    - ansible.builtin.include_role: {name: fogbed, tasks_from: good.yml}
"""
PROGRAMS = ("dpkg-query", "systemctl", "iptables", "systemd-detect-virt", "timedatectl", "iw")


@pytest.fixture
def cards(tmp_path):
    """The cards by name, and a function that runs the play and says which of them it worked on."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in PROGRAMS:  # this computer's own answers may change while a test runs
        (programs / name).write_text("#!/bin/sh\necho one answer\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    roots = {name: tmp_path / name for name in NAMES}
    for root in roots.values():
        (root / "etc").mkdir(parents=True)
        (root / "etc/hosts").write_text("as it is\n", encoding="utf-8")
    shared = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "card": f"{tmp_path}/{{{{ inventory_hostname }}}}",
    }
    groups = {
        "control_plane": {"hosts": {"one": {}}},
        "worker": {"hosts": {"two": {}, "three": {}}},
    }
    inventory = tmp_path / "hosts.json"

    def run(*options, **variables):
        whole = {"all": {"vars": {**shared, **variables}, "children": groups}}
        inventory.write_text(json.dumps(whole), encoding="utf-8")
        book = tmp_path / "play.yml"
        book.write_text(PLAY, encoding="utf-8")
        program = Path(sys.executable).with_name("ansible-playbook")
        environment = os.environ | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CACHE_PLUGIN": "memory",
            "PATH": f"{programs}:{os.environ['PATH']}",
        }
        done = subprocess.run(
            [program, "-i", inventory, book, *options],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        assert "changed=0" in done.stdout, done.stdout + done.stderr
        assert not re.search(r"changed=[1-9]", done.stdout)
        work = done.stdout.partition("PLAY [Work]")[2].partition("PLAY RECAP")[0]
        return {name for name in NAMES if f"[{name}]" in work}

    return roots, run


def notes(roots):
    return {name for name, root in roots.items() if (root / "var/lib/fogbed/last-run").exists()}


def test_nothing_is_done_twice_and_one_card_that_differs_is_work_for_all(cards):
    roots, run = cards
    assert run() == set(NAMES), "there was no note"
    assert notes(roots) == set(NAMES)
    assert run() == set()
    (roots["two"] / "etc/hosts").write_text("edited\n", encoding="utf-8")
    assert run("-e", "cut_off=true") == set(NAMES)
    assert notes(roots) == set(), "a run that was cut off leaves no note"
    (roots["two"] / "etc/hosts").write_text("as it is\n", encoding="utf-8")
    assert run() == set(NAMES)
    assert run() == set()
    assert run(fogbed_tier="fog") == set(NAMES), "another testbed"
    assert run(fogbed_tier="fog") == set()


def test_a_part_of_the_hosts_or_of_the_playbook_is_never_left_out(cards):
    roots, run = cards
    run()
    assert run("--check") == set(NAMES)
    assert notes(roots) == set(NAMES), "a rehearsal takes nothing away"
    assert run("--limit", "two") == {"two"}
    assert notes(roots) == {"one", "three"}
    run()
    assert run("--tags", "work") == set(NAMES)
    assert notes(roots) == set(), "and of a part nothing is noted"
    run()
    assert run("--skip-tags", "always") == set(NAMES), "without the look, all is done"
