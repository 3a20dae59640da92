"""The roles boot and swap against folders that stand for cards of Raspberry Pis: one host per case.

Ansible itself runs them, without root: check mode, a first run, a second one, and the undo.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from plugins import ROOT, cases

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
# Those that take another way through the tasks; the filters' own tests have all of them.
BOOT = {
    name: case
    for name, case in cases("boot").items()
    if name
    in (
        "rpios-trixie",
        "ubuntu-26.04-piboot",
        "other-name",
        "put-aside",
        "empty-first-line",
        "pc",
        "pc-memory-off",
    )
}
SWAP = {
    name: case
    for name, case in cases("swap").items()
    if name in ("dphys-swapfile", "rpi-swap-zram-file", "rpi-swap-later-drop-in", "fstab", "none")
}
# Refused: the controller is off, and there is no file, or no clear one, to turn it on in.
REFUSED = {"boot-pc-memory-off", "boot-empty-first-line"}
ROLES = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: boot}
      when: kind == 'boot'
    - ansible.builtin.include_role: {name: swap}
      when: kind == 'swap'
    - ansible.legacy.keep_files: {state: noted, root: "{{ boot_root | default(swap_root) }}"}
"""
UNDO = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: "{{ kind }}", tasks_from: undo.yml}
"""


def lay_out(root, files):
    for path, text in files.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")


def contents(root):
    """What lies in a card, save our own memory."""
    found = {
        "/" + str(path.relative_to(root)): path.read_text(encoding="utf-8")
        for path in root.rglob("*")
        if path.is_file()
    }
    ours = ("/var/lib/fogbed/", "/run/fogbed/")
    return {path: text for path, text in found.items() if not path.startswith(ours)}


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    """The folders by kind and case, and a function that runs a playbook over all of them."""
    base = tmp_path_factory.mktemp("cards")
    hosts, roots = {}, {}
    for kind, found in (("boot", BOOT), ("swap", SWAP)):
        for name, case in found.items():
            root = base / kind / name
            root.mkdir(parents=True)
            lay_out(root, case["files"])
            roots[kind, name] = root
            hosts[f"{kind}-{name}"] = {
                "kind": kind,
                f"{kind}_root": str(root),
                "boot_config_settings": case.get("settings") or {},
                "fogbed_node_ip": "192.0.2.1",
            }
    shared = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = base / "hosts.json"
    inventory.write_text(json.dumps({"all": {"vars": shared, "hosts": hosts}}), encoding="utf-8")

    def run(play, *options):
        book = base / "play.yml"
        book.write_text(play, encoding="utf-8")
        program = Path(sys.executable).with_name("ansible-playbook")
        command = [program, "-i", inventory, book, *options]
        environment = os.environ | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_FORKS": "6",
            "ANSIBLE_CACHE_PLUGIN": "memory",
        }
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        rows = re.findall(r"^boot-|^swap-", done.stdout, re.MULTILINE)
        assert rows, done.stdout + done.stderr
        counts = re.findall(r"^(\S+) +: .*changed=(\d+).*failed=(\d+)", done.stdout, re.MULTILINE)
        return {host: (int(changed), int(failed)) for host, changed, failed in counts}, done.stdout

    return roots, run


def wanted(kind, name):
    case = (BOOT if kind == "boot" else SWAP)[name]
    return case["files"] | case["changes"]


def test_roles_change_a_card_once_and_undo_gives_it_back(cards):
    roots, run = cards
    checked, _ = run(ROLES, "--check", "--diff")
    assert all(contents(root) == case_files(*key) for key, root in roots.items())
    first, said = run(ROLES)
    assert {host for host, (_, failed) in first.items() if failed} == REFUSED
    assert "GRUB_CMDLINE_LINUX" in said
    assert "/boot/firmware/cmdline.txt is empty or a comment" in said
    assert checked == first
    for key, root in roots.items():
        assert contents(root) == wanted(*key), key
    second, _ = run(ROLES)
    assert {changed for changed, _ in second.values()} == {0}
    _, said = run(UNDO)
    assert "failed=1" not in said
    for key, root in roots.items():
        assert contents(root) == case_files(*key), key


def case_files(kind, name):
    return (BOOT if kind == "boot" else SWAP)[name]["files"]
