"""Under a real systemd what shapes a node is cleared whatever is killed, or hangs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fogbed.clients.channel import Channel
from fogbed.network.agent.backend import Peer, Row
from fogbed.network.agent.this_program import packed
from fogbed.network.agent_client import Agent
from fogbed.network.agent_pack import modules
from fogbed.network.link import Shape

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(1800)]

NUMBER = 58
LEASE_S = 600
CONTROLLER = "ann@desk, fogbed experiment run (pid 1)"
BACKENDS = Path(__file__).parents[1] / "cases/agent/file_backends.py"
LINKS = "/run/fogbed-test-links"
ROW = Row(
    "lab", "fog-1", ("10.244.1.0/24",), (), (Peer("edge-1", ("10.244.2.0/24",), (), Shape(5.0)),)
)


@pytest.fixture(scope="module")
def machine(lab):
    (found,) = lab.fresh(NUMBER)
    found.ssh(f"mkdir -p {LINKS}")
    return found


def session(machine) -> Agent:
    source = BACKENDS.read_text(encoding="utf-8")
    program = packed({**modules(), "fogbed.network.agent.backend_table": source})
    channel = Channel(
        machine.name, machine.ssh_prefix(), is_shell=True, through=("sudo", "-n", "--")
    )
    return Agent(channel, program)


def apply(machine) -> None:
    with session(machine) as agent:
        shown = agent.links_apply(ROW, controller=CONTROLLER, lease_s=LEASE_S)
    assert shown.net == "systemd"
    assert "file.json" in machine.ssh(f"ls {LINKS}")


def cleared(machine, within_s):
    """Wait until nothing is left, and return what the next session is told."""
    deadline = time.monotonic() + within_s
    left = f"ls {LINKS}/*.json /run/fogbed/*.py; systemctl list-units --all -q 'fogbed-links-*'"
    while found := machine.ssh(left, check=False).strip():
        assert time.monotonic() < deadline, found
        time.sleep(1)
    with session(machine) as agent:
        return agent.links_show().cleared


def test_a_unit_that_is_told_to_clear_leaves_nothing(machine):
    apply(machine)
    with session(machine) as agent:
        agent.links_clear(controller=CONTROLLER)
    assert cleared(machine, 100) is None


def test_all_of_its_processes_killed_at_once(machine):
    apply(machine)
    machine.ssh("systemctl kill --signal=KILL 'fogbed-links-*'")
    assert "systemd cleared" in cleared(machine, 100).why


def test_all_of_its_processes_stopped_the_watchdog_ends_them(machine):
    apply(machine)
    machine.ssh("systemctl kill --signal=STOP 'fogbed-links-*'")
    # Long before the lease ends, which none of them could notice. The worker clears if the guardian
    # is the first to be ended, systemd if both are.
    why = cleared(machine, LEASE_S / 2).why
    assert "told to end" in why or "systemd cleared (it says: watchdog)" in why


def test_a_unit_that_is_stopped_clears(machine):
    apply(machine)
    machine.ssh("systemctl stop 'fogbed-links-*'")
    assert "told to end" in cleared(machine, 100).why
