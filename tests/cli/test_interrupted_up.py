"""Ctrl-C during ``up``, past its playbook: the log of what was done is named all the same."""

from __future__ import annotations

import signal

import pytest

from fogbed.cli import main


@pytest.fixture
def heard():
    """Hear SIGINT as a shell's foreground does: a suite in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# Python kills the program that it waited for, and does not wait again: see subprocess.run.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
KUBECONFIG = (
    '{"current-context": "a", "clusters": [{"name": "a", "cluster": '
    '{"server": "http://127.0.0.1:9"}}], "users": [{"name": "a", "user": {}}], '
    '"contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}]}'
)


@pytest.mark.usefixtures("pico", "heard")
def test_ctrl_c_while_the_kubeconfig_is_fetched_names_the_log(playbooks, ssh_that, capsys):
    ssh_that("kill -INT $PPID; exec sleep 5")
    assert main(["up"]) == 130
    assert capsys.readouterr().err.endswith(
        "error: interrupted\n"
        f"hint: the same command goes on from here; everything that was said: {playbooks.log}\n"
    )


@pytest.mark.usefixtures("pico", "heard")
def test_ctrl_c_while_the_cluster_is_looked_at_comes_after_the_log(playbooks, ssh_that, capsys):
    asked = "kill -INT $PPID; exec sleep 1"
    ssh_that(f"case \"$*\" in *admin.conf*) echo '{KUBECONFIG}';; *9.10*) {asked};; esac")
    assert main(["up", "--only", "machines"]) == 130
    said = capsys.readouterr().err
    assert f"log: {playbooks.log}\n" in said
    assert said.endswith("error: interrupted\n")
