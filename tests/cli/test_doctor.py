"""``fogbed doctor``: every check with its fix, and an exit code scripts can use."""

from __future__ import annotations

import json
import os
import sys

import pytest

from fogbed.cli import main
from fogbed.platforms import preflight


@pytest.fixture
def refusing(tmp_path, monkeypatch):
    program = tmp_path / "unshare"
    program.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


@pytest.mark.skipif(not preflight.check_namespaces().ok, reason="no namespaces on this computer")
def test_a_computer_that_can(capsys):
    assert main(["doctor", "--json"]) == 0
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)}
    assert checks["namespaces"]["ok"]
    assert checks["ports"]["found"].split()[0] in ("tun", "packet")
    assert checks["flink"]["found"].startswith("2.2.1 ")
    assert {"java", "limits", "disk", "memory", "sockets"} <= set(checks)


@pytest.mark.usefixtures("refusing")
def test_a_computer_that_cannot_says_why_and_what_to_do(capsys):
    assert main(["doctor"]) == 1
    shown = capsys.readouterr()
    assert "NO  namespaces" in shown.out
    assert "sudo make demo" in shown.out
    assert shown.err == (
        "error: no testbed can come up on this computer: namespaces\n"
        "hint: the fix of each stands above\n"
    )


def test_the_apparmor_profile_alone(capsys):
    assert main(["doctor", "--apparmor-profile"]) == 0
    out = capsys.readouterr().out
    program = os.path.realpath(sys.executable)
    assert f'profile fogbed "{program}" flags=(unconfined) {{' in out
    assert out.endswith("}\n")


def test_nodes_that_are_down_are_rows_and_stand_in_the_way_of_up(pico, capsys):
    assert main(["doctor", "-t", str(pico)]) == 1
    shown = capsys.readouterr()
    rows = [line for line in shown.out.splitlines() if line.startswith("│ pico-")]
    assert [row.split()[1] for row in rows] == ["pico-0", "pico-1", "pico-2", "pico-3"]
    assert "NO  pico-2: ssh: pico-2 has no SSH server\n" in shown.out
    assert "    sudo systemctl enable --now ssh there\n" in shown.out
    assert max(map(len, shown.out.splitlines()[1:])) <= 100
    assert shown.err.endswith(
        "error: fogbed up would not get through: pico-0, pico-1, pico-2, pico-3\n"
        "hint: what to do stands above\n"
    )


def test_the_testbed_of_this_folder_is_meant_and_json_has_everything(pico, capsys):
    pico.with_name("key").chmod(0o644)
    assert main(["doctor", "--json"]) == 1
    shown = capsys.readouterr()
    said = json.loads(shown.out)
    assert set(said) == {"controller", "nodes", "findings", "emulation"}
    key = next(check for check in said["controller"] if check["name"] == "key")
    assert key["fix"] == f"chmod 600 {pico.with_name('key')}"
    assert "error: fogbed up would not get through: this computer (key), pico-0" in shown.err
