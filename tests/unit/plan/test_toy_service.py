"""Another service: a value in the table of services, and it is part of a laptop's plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fogbed import spec
from fogbed.cli import testbed_shown
from fogbed.errors import UsageError
from fogbed.plan import flink_memory
from fogbed.plan.flink_settings import Runtime
from fogbed.plan.local import plan_local, require_local, room_needed
from fogbed.plan.local_processes import LocalFront, LocalProcess, plan_from_json
from fogbed.plan.services import SERVICES
from fogbed.plan.services.service import Port, Service
from fogbed.platforms.local.folder import TestbedFolder
from fogbed.platforms.local.preview import preview_of

TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: toys
platform: local
nodes:
  - {name: cloud-1, role: control-plane, tier: cloud, memory: 2g}
  - {name: edge-1, tier: edge}
  - {name: edge-2, tier: edge}
"""
MIB = 2**20


def _clock(laptop, node, memory):
    log = laptop.folder / "logs" / f"{node.name}-clock.log"
    return LocalProcess(
        service="clock",
        node=node.name,
        slots=0,
        argv=(
            "/bin/clock",
            "--listen",
            f"{laptop.addresses[node.name]}:{CLOCK.ports[0].number}",
            str(memory),
        ),
        environment={"ZONE": "UTC"},
        files={str(laptop.folder / "conf" / f"{node.name}-clock" / "clock.ini"): "[clock]\n"},
        log=log,
        output=log.with_suffix(".out"),
    )


CLOCK = Service(
    name="clock",
    title="the clock",
    ports=(Port(name="time", number=37),),
    readiness="answers",
    least_memory=64 * MIB,
    disk=1000,
    nodes=lambda testbed: [node for node in testbed.nodes if node.tier != "fog"],
    starts_on=lambda _testbed, node: node.tier == "cloud",
    memory=lambda _testbed, _node: 128 * MIB,
    process=_clock,
)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setitem(SERVICES, CLOCK.name, CLOCK)


@pytest.fixture
def testbed(tmp_path):
    path = tmp_path / "testbed.yml"
    path.write_text(TESTBED, encoding="utf-8")
    return spec.load_testbed(path)


def planned(testbed, folder=Path("/state/toys")):
    runtime = Runtime(
        java=Path("/java"), java_version="17", jars=(Path("/a.jar"),), plugins=Path("/plugins")
    )
    return plan_local(
        testbed,
        runtime,
        number=3,
        folder=folder,
        storage=folder.as_uri(),
        log4j=Path("/l"),
        scheduler="default",
    )


def test_its_processes_are_planned_where_it_may_run_and_some_start_at_once(testbed):
    plan = planned(testbed)
    clocks = plan.of("clock")
    assert [process.name for process in clocks] == ["clock@cloud-1", "clock@edge-1", "clock@edge-2"]
    assert clocks[1].argv[-2:] == ("10.77.3.2:37", str(128 * MIB))
    assert [name for name in plan.first if "clock" in name] == ["clock@cloud-1"]
    # a TaskManager takes what the others leave of its node
    (cloud, *_) = plan.of("taskmanager")
    parts = flink_memory.taskmanager_memory((2048 - 512 - 128) * MIB)
    assert f"-Xmx{parts.framework_heap + parts.task_heap}" in cloud.argv
    # it neither registers at the JobManager nor is it what the loopback port leads to
    assert plan.workers == ("cloud-1", "edge-1", "edge-2")
    assert plan.fronts == (LocalFront(name="flink", node="cloud-1", port=8081),)
    assert plan_from_json(plan.to_json()) == plan


def test_its_memory_and_its_disk_are_counted(testbed):
    with_it = room_needed(testbed)
    del SERVICES["clock"]
    assert with_it == room_needed(testbed) + 1000
    SERVICES["clock"] = replace(CLOCK, memory=lambda _testbed, _node: 32 * MIB)
    with pytest.raises(UsageError) as caught:
        require_local(testbed)
    assert (
        caught.value.details == "nodes[cloud-1]: 32m is left for the clock; it needs at least 64m"
    )


def test_what_it_reads_is_written_before_it_starts(testbed):
    folder = TestbedFolder("toys")
    plan = planned(testbed, folder.root)
    folder.make()
    folder.write_plan(plan)
    written = folder.root / "conf" / "edge-2-clock" / "clock.ini"
    assert written.read_text(encoding="utf-8") == "[clock]\n"
    assert folder.plan() == plan


def test_a_dry_run_shows_it(testbed, capsys):
    testbed_shown.show_preview(preview_of(planned(testbed), ""))
    assert "m, clock " in capsys.readouterr().out
