"""What is said of a laptop testbed that is up, by whichever emulator its links are shaped."""

from __future__ import annotations

import os

import pytest

from fogbed.plan.local_processes import LocalNode, LocalPlan
from fogbed.platforms.local import status
from fogbed.platforms.local.folder import Launched, TestbedFolder
from fogbed.platforms.local.status import read_status, running_processes
from fogbed.spec.testbed import Testbed

BED = Testbed.model_validate(
    {
        "apiVersion": "fogbed/v1",
        "kind": "Testbed",
        "name": "bench",
        "platform": "local",
        "nodes": [{"name": "a", "tier": "cloud", "role": "control-plane", "taskmanager": False}],
    }
)


def plan_with(emulator):
    node = LocalNode(name="a", tier="cloud", address="10.77.1.1", cores=None, memory=None)
    return LocalPlan(
        name="bench", nodes=(node,), processes=(), first=(), workers=(), fronts=(),
        emulator=emulator,
    )  # fmt: skip


def said_of(emulator, *, restarts=0, **more):
    running = {"state": "running", "pid": os.getpid(), "restarts": restarts}
    stopped = {"state": "stopped", "pid": None, "restarts": 0}
    return {
        "pid": os.getpid(),
        "namespaces": {"a": 3},
        "limits": {"a": ""},
        "programs": {emulator: running, "taskmanager@a": stopped},
        "shared": False,
        **more,
    }


@pytest.fixture
def read(fresh_home, monkeypatch):
    assert fresh_home.exists()
    folder = TestbedFolder("bench")
    folder.make()

    def read_with(emulator, said):
        folder.write_plan(plan_with(emulator))
        folder.write_launched(
            Launched(
                port=8081, number=1, scheduler="default", steering=folder.root / "s",
                fabric_socket=folder.root / "f", emulator=emulator,
            )
        )  # fmt: skip
        monkeypatch.setattr(status.Steering, "status", lambda _: said)
        monkeypatch.setattr(status, "_registered", lambda _: {})
        return read_status(BED, folder)

    return read_with


@pytest.mark.parametrize(
    ("emulator", "more", "note"),
    [
        ("fabric", {"join_kind": "tun"}, "tun ports"),
        ("fabric", {"port_kind": "packet"}, "packet ports"),
        ("tc", {"join_kind": "routed"}, "netem, in the kernel"),
    ],
)
def test_which_emulator_serves_is_told_of_nodes_and_processes(read, emulator, more, note):
    found = read(emulator, said_of(emulator, **more))
    assert [node.emulation for node in found.nodes] == [emulator]
    assert {each.name: each.note for each in found.processes} == {"keeper": "", emulator: note}
    assert (found.state, found.problems) == ("up", [])


@pytest.mark.parametrize(("emulator", "what"), [("fabric", "was lost"), ("tc", "kernel went on")])
def test_one_that_died_is_told_with_what_that_meant(read, emulator, what):
    found = read(emulator, said_of(emulator, restarts=1, join_kind="tun"))
    (problem,) = found.problems
    assert what in problem


@pytest.mark.parametrize("emulator", ["fabric", "tc"])
def test_what_emulates_is_a_process_of_its_own_name(emulator):
    found = running_processes(plan_with(emulator), said_of(emulator))
    assert [each.role for each in found] == ["keeper", emulator]
