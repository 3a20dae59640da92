"""Ctrl-C during ``up``, past its playbook: the log of what was done is named all the same."""

from __future__ import annotations

import signal

import pytest

from fogbed.cli import main


@pytest.fixture
def heard(monkeypatch):
    """Hear SIGINT as a shell's foreground does: a suite in the background ignores it."""
    assert monkeypatch
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("pico", "heard")
def test_ctrl_c_while_the_kubeconfig_is_fetched_names_the_log(playbooks, ssh_that, capsys):
    ssh_that("kill -INT $PPID; exec sleep 5")
    assert main(["up"]) == 130
    assert capsys.readouterr().err.endswith(
        "error: interrupted\n"
        f"hint: the same command goes on from here; everything that was said: {playbooks.log}\n"
    )
