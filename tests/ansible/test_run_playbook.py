"""Real playbooks on this computer: what is reported, what is left behind, what is not."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from fogbed.clients import ansible
from fogbed.clients.ansible import MARK, PlaybookOrder, end_leftovers, run_playbook
from fogbed.errors import Interrupted

INVENTORY = """\
all:
  vars: {ansible_connection: local, ansible_python_interpreter: PYTHON}
  hosts: {one: {}, two: {}}
"""
PLAYBOOK = """\
- name: First phase
  hosts: all
  gather_facts: false
  tasks:
    - name: Say that something changed
      ansible.builtin.command: "true"
    - name: Look only
      ansible.builtin.command: "true"
      changed_when: false
    - name: May fail
      ansible.builtin.command: "false"
      changed_when: false
      ignore_errors: true
    - name: Never here
      ansible.builtin.command: "true"
      when: false
- name: Second phase
  hosts: two
  gather_facts: false
  tasks:
    - name: Fail on one of them
      ansible.builtin.fail: {msg: "the card is worn out"}
      when: fail | default(false)
"""
SLEEPER = """\
- name: Long
  hosts: one
  gather_facts: false
  tasks:
    - name: Take a while
      ansible.builtin.command: sleep 600
"""


@pytest.fixture
def order(tmp_path):
    def make(playbook=PLAYBOOK, **fields):
        (tmp_path / "site.yml").write_text(playbook, encoding="utf-8")
        (tmp_path / "ansible.cfg").write_text("[defaults]\n", encoding="utf-8")
        text = INVENTORY.replace("PYTHON", json.dumps(sys.executable))
        (tmp_path / "hosts.yml").write_text(text, encoding="utf-8")
        return PlaybookOrder(
            playbook=tmp_path / "site.yml",
            config=tmp_path / "ansible.cfg",
            inventory=tmp_path / "hosts.yml",
            folder=tmp_path / "logs",
            name="site",
            **fields,
        )

    return make


def test_events_come_in_order_and_changes_are_counted(order):
    events = []
    result = run_playbook(order(), events.append)
    assert result.returncode == 0
    assert result.failures == ()
    assert result.changed == {"one": 1, "two": 1}
    assert [e.play for e in events if e.kind == "play"] == ["First phase", "Second phase"]
    told = [(e.kind, e.task) for e in events if e.host == "one" and e.kind != "started"]
    assert told == [
        ("changed", "Say that something changed"),
        ("ok", "Look only"),
        ("failed", "May fail"),
        ("skipped", "Never here"),
    ]
    assert "Say that something changed" in result.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("locale", ["C", "xx_YY.UTF-8"])
def test_a_locale_that_ansible_refuses_is_not_handed_to_it(order, monkeypatch, locale):
    monkeypatch.setenv("LC_ALL", locale)
    assert run_playbook(order(), lambda _: None).returncode == 0


def test_a_failure_has_host_phase_task_and_the_modules_words(order):
    result = run_playbook(order(variables={"fail": True}), lambda _: None)
    assert result.returncode == 2
    (failure,) = result.failures
    assert (failure.host, failure.play, failure.task) == (
        "two",
        "Second phase",
        "Fail on one of them",
    )
    assert failure.message == "the card is worn out"


def test_only_some_nodes_and_only_a_rehearsal(order):
    events = []
    result = run_playbook(order(limit=["two"], check=True), events.append)
    assert result.returncode == 0
    assert {e.host for e in events if e.host} == {"two"}


def test_nothing_of_the_environment_is_left_in_files(order, monkeypatch):
    monkeypatch.setenv("A_SECRET_OF_THE_USER", "kept-to-oneself")
    asked = order()
    run_playbook(asked, lambda _: None)
    left = [path for path in asked.folder.rglob("*") if path.is_file()]
    assert left
    for path in left:
        assert "kept-to-oneself" not in path.read_text(encoding="utf-8")


def test_sudos_password_stands_in_no_process_listing_and_no_file(order):
    asked = order(playbook=SLEEPER, become_password="open-sesame")  # noqa: S106 - made up
    seen = []

    def look(event):
        if event.kind == "started":
            seen.extend(" ".join(_argv(process)) for process in psutil.process_iter())
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted) as stopped:
        run_playbook(asked, look)
    log = Path(re.search(r"\S+$", stopped.value.hint)[0])
    assert "PLAY" in log.read_text(encoding="utf-8")
    assert any("ansible-playbook" in line for line in seen)
    assert not [line for line in seen if "open-sesame" in line]
    files = [path for path in asked.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if "open-sesame" in path.read_text(encoding="utf-8")]
    assert _marked(asked.folder) == []


def test_what_a_killed_controller_left_is_ended_and_removed(order, temporary, monkeypatch):
    """What a playbook needs for a while is in the order's folder, where the next one finds it."""
    home = temporary.with_name("home")
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    asked = order(playbook=SLEEPER)
    program = (
        "import sys; from pathlib import Path\n"
        "from fogbed.clients.ansible import PlaybookOrder, run_playbook\n"
        f"run_playbook(PlaybookOrder(playbook=Path({str(asked.playbook)!r}), "
        f"config=Path({str(asked.config)!r}), "
        f"inventory=Path({str(asked.inventory)!r}), folder=Path({str(asked.folder)!r}), "
        "name='site'), lambda event: print(event.kind, flush=True))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as controller:
        assert controller.stdout is not None
        assert any(line.strip() == "started" for line in controller.stdout)
        os.kill(controller.pid, signal.SIGKILL)
    assert _marked(asked.folder), "ansible-runner's child did not outlive it: the mark can go"
    assert list(asked.folder.glob("tmp/*"))
    end_leftovers(asked.folder)
    assert _marked(asked.folder) == []
    assert not (asked.folder / "tmp").exists()
    assert list(temporary.iterdir()) == []
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_an_order_that_came_to_its_end_leaves_no_temporary_file(order, temporary):
    asked = order()
    assert run_playbook(asked, lambda _: None).returncode == 0
    assert not (asked.folder / "tmp").exists()
    assert list(temporary.iterdir()) == []


def _argv(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _marked(folder):
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == str(folder):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def test_a_second_ctrl_c_while_the_first_is_served_still_names_the_log(order, monkeypatch):
    asked = order(playbook=SLEEPER)
    served = []

    def end(folder):
        end_leftovers(folder)
        served.append(folder)
        if len(served) > 1:  # before the run there was nothing to end
            raise KeyboardInterrupt

    monkeypatch.setattr(ansible, "end_leftovers", end)

    def stop(event):
        if event.kind == "started":
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted) as stopped:
        run_playbook(asked, stop)
    log = Path(re.search(r"\S+$", stopped.value.hint)[0])
    assert "PLAY" in log.read_text(encoding="utf-8")
    assert len(served) == 2
    assert _marked(asked.folder) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANSIBLE_INVENTORY_ENABLED", "ini"),  # ours is YAML: no host, and exit code 0
        ("ANSIBLE_STDOUT_CALLBACK", "json"),
        ("ANSIBLE_STRATEGY", "nowhere_to_be_found"),
        ("ANSIBLE_VAULT_PASSWORD_FILE", "/nowhere/to/be/found"),
    ],
)
def test_what_the_session_says_to_ansible_is_not_for_us(order, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    result = run_playbook(order(), [].append)
    assert (result.returncode, result.changed) == (0, {"one": 1, "two": 1})
    assert os.environ[name] == value


def test_how_the_session_speaks_ssh_is_kept(order, monkeypatch):
    monkeypatch.setenv("ANSIBLE_SSH_ARGS", "-o ControlMaster=no")
    result = run_playbook(
        order(
            """\
- name: Look
  hosts: one
  gather_facts: false
  tasks:
    - name: See it
      ansible.builtin.assert:
        that: lookup('ansible.builtin.env', 'ANSIBLE_SSH_ARGS') == '-o ControlMaster=no'
"""
        ),
        [].append,
    )
    assert result.returncode == 0
