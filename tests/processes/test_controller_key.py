"""The key of ssh.key, as the real OpenSSH sees it."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from fogbed.platforms.pi.doctor.controller import check_key


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "a key"
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", str(path)]
    subprocess.run(argv, check=True)
    return path


@pytest.fixture
def agent(tmp_path, monkeypatch):
    """An ssh-agent, and a program that answers the question for a passphrase."""
    socket = tmp_path / "agent"
    started = subprocess.run(
        ["ssh-agent", "-a", str(socket)], check=True, capture_output=True, text=True
    )
    pid = int(started.stdout.partition("SSH_AGENT_PID=")[2].partition(";")[0])
    answering = tmp_path / "answer"
    answering.write_text("#!/bin/sh\necho open sesame\n", encoding="ascii")
    answering.chmod(0o700)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    monkeypatch.setenv("SSH_ASKPASS", str(answering))
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    yield
    os.kill(pid, signal.SIGTERM)


def test_a_key_with_a_passphrase_is_none_that_a_playbook_can_use(key, monkeypatch):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    found = check_key(key)
    assert not found.ok
    assert found.found == f"{key} has a passphrase, and no ssh-agent holds it"
    assert found.fix == f"ssh-add {key}"


@pytest.mark.usefixtures("agent")
def test_unless_an_agent_holds_it(key):
    assert not check_key(key).ok
    subprocess.run(["ssh-add", "-q", str(key)], check=True)
    assert check_key(key).ok


def test_a_key_without_one_is_good(tmp_path):
    path = tmp_path / "plain"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", str(path)], check=True)
    assert check_key(path).ok
