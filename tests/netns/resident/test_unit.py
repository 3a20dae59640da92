"""Under systemd what shapes a node is cleared even if all of its processes are killed at once.

A stand-in plays systemd-run here; tests/lab/test_resident_unit.py has the real one.
"""

from __future__ import annotations

import os
import signal

import pytest

pytestmark = pytest.mark.netns

CONTROLLER = "ann@desk, fogbed experiment run (pid 1)"


@pytest.fixture
def node(systemd_node):
    if os.geteuid() != 0:
        # the agent leaves systemd alone there, rightly: test_links and test_faults run for both
        pytest.skip("an ordinary user's agent never asks systemd: only root's does")
    return systemd_node


def apply(node):
    with node.session() as session:
        return session.links_apply(node.row(), controller=CONTROLLER, lease_s=600)


def is_tidy(node):
    return node.run("ls /run/fogbed /run | grep fogbed-links || true") == ""


def test_the_resident_is_a_unit_and_leaves_nothing_when_it_is_cleared(node):
    assert apply(node).net == "systemd"
    assert not is_tidy(node)
    with node.session() as session:
        assert session.hello().systemd == ""
        session.links_clear(controller=CONTROLLER)
    node.wait_until(lambda: is_tidy(node), "the unit's files stay")
    with node.session() as session:
        assert session.links_show().cleared is None
    assert node.residents() == 0


def test_both_processes_killed_at_once_are_cleared_after(node):
    apply(node)
    pids = node.resident()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGKILL)
    node.wait_until(lambda: node.in_force() == [], "it is still in force")
    node.wait_until(lambda: is_tidy(node), "the unit's files stay")
    with node.session() as session:
        cleared = session.links_show().cleared
    assert cleared.why == "the agent was killed; systemd cleared (it says: signal)"
    assert cleared.controller == CONTROLLER
    assert apply(node).net == "systemd"


def test_a_unit_that_ends_does_not_clear_what_the_next_one_has_installed(node):
    for _ in range(2):
        apply(node)
        with node.session() as session:
            session.links_clear(controller=CONTROLLER)
            shown = session.links_apply(node.row(), controller=CONTROLLER, lease_s=600)
        assert node.in_force() == ["file"]
        assert shown.net == "systemd"
        with node.session() as session:
            session.links_clear(controller=CONTROLLER)


def test_a_unit_that_ends_takes_its_own_files_and_not_those_of_the_next(node):
    # the next one's files are written before the unit of now has ended, and are run after it
    node.run("touch /run/patient")
    apply(node)
    with node.session() as session:
        session.links_clear(controller=CONTROLLER)
        shown = session.links_apply(node.row(), controller=CONTROLLER, lease_s=600)
        assert shown.net == "systemd"
        session.links_clear(controller=CONTROLLER)
    node.wait_until(lambda: is_tidy(node), "the units' files stay")


def test_where_systemd_refuses_the_guardian_alone_serves_and_says_so(node):
    node.run("touch /run/refused")
    shown = apply(node)
    assert shown.net.startswith("guardian (systemd does not hold it: Failed to connect to bus")
    assert node.in_force() == ["file"]
