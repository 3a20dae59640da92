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
