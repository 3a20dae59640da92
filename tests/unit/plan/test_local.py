"""A laptop testbed as plain values: addresses, memory, Flink's settings, every problem at once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fogbed import spec
from fogbed.errors import UsageError
from fogbed.plan import flink_memory
from fogbed.plan.flink_settings import Runtime, to_yaml
from fogbed.plan.local import plan_local
from fogbed.plan.local_processes import plan_from_json

RUNTIME = Runtime(
    java=Path("/java/bin/java"),
    java_version="17.0.1",
    jars=(Path("/flink/lib/a.jar"), Path("/flink/lib/b.jar")),
    plugins=Path("/flink/plugins"),
)
FOUR_NODES = """
  - {name: cloud-1, role: control-plane, tier: cloud, taskmanager: false}
  - {name: fog-1, tier: fog, slots: 3, labels: {zone: west.1}}
  - {name: edge-1, tier: edge, cores: 1.5, memory: 1g}
  - {name: edge-2, tier: edge}
"""


@pytest.fixture
def written(tmp_path):
    def write(nodes=FOUR_NODES, services=""):
        path = tmp_path / "testbed.yml"
        head = "apiVersion: fogbed/v1\nkind: Testbed\nname: bench\nplatform: local\nnodes:"
        path.write_text(f"{head}{nodes}{services}", encoding="utf-8")
        return spec.load_testbed(path)

    return write


def planned(testbed, **more):
    more = {"scheduler": "adaptive", **more}
    return plan_local(
        testbed,
        RUNTIME,
        number=7,
        folder=Path("/state/bench"),
        storage="file:///state/bench",
        log4j=Path("/l.properties"),
        **more,
    )


def jobmanager_of(plan):
    (found,) = plan.of("jobmanager")
    return found


def taskmanagers_of(plan):
    return {process.node: process for process in plan.of("taskmanager")}


def config_of(process):
    (text,) = process.files.values()
    return YAML(typ="safe").load(text)


def test_every_node_has_an_address_of_its_own(written):
    assert planned(written()).addresses == {
        "cloud-1": "10.77.7.1",
        "fog-1": "10.77.7.2",
        "edge-1": "10.77.7.3",
        "edge-2": "10.77.7.4",
    }


def test_the_jobmanager_is_on_the_control_plane_and_workers_are_where_the_spec_says(written):
    plan = planned(written())
    assert jobmanager_of(plan).node == "cloud-1"
    assert [p.name for p in plan.first_processes()] == [
        "jobmanager@cloud-1",
        "taskmanager@fog-1",
        "taskmanager@edge-1",
        "taskmanager@edge-2",
    ]


def test_a_taskmanager_offers_its_node_tier_and_labels_once_per_slot(written):
    fog = config_of(taskmanagers_of(planned(written()))["fog-1"])
    offered = fog["external-resources"].split(";")
    assert offered == ["node-fog-1", "tier-fog", "label-zone-west_1"]
    assert {fog[f"external-resource.{name}.amount"] for name in offered} == {"3"}
    assert fog["taskmanager.numberOfTaskSlots"] == "3"
    assert fog["taskmanager.resource-id"] == "fog-1"


def test_everything_listens_on_its_node_only(written):
    plan = planned(written())
    assert config_of(jobmanager_of(plan))["rest.bind-address"] == "10.77.7.1"
    assert config_of(jobmanager_of(plan))["jobmanager.bind-host"] == "10.77.7.1"
    for node, process in taskmanagers_of(plan).items():
        config = config_of(process)
        assert config["taskmanager.bind-host"] == plan.addresses[node]
        assert config["jobmanager.rpc.address"] == "10.77.7.1"


def test_a_limited_node_gives_its_memory_and_cores_to_its_taskmanager(written):
    edge = taskmanagers_of(planned(written()))["edge-1"]
    assert "-XX:ActiveProcessorCount=2" in edge.argv
    parts = flink_memory.taskmanager_memory(1 << 30)
    assert f"-Xmx{parts.framework_heap + parts.task_heap}" in edge.argv


def test_the_scheduler_is_the_jobmanagers(written):
    adaptive, default = (
        config_of(jobmanager_of(planned(written(), scheduler=name)))
        for name in ("adaptive", "default")
    )
    assert adaptive["jobmanager.scheduler"] == "Adaptive"
    assert default["jobmanager.scheduler"] == "Default"


def test_config_yaml_reads_back_as_what_was_planned():
    config = {"a.b": "1:2", "c": "yes", "d": "a # b"}
    assert YAML(typ="safe").load(to_yaml(config)) == config


@pytest.mark.parametrize("emulator", ["fabric", "tc"])
def test_a_plan_travels_to_the_keeper_as_json(written, emulator):
    plan = planned(written(), emulator=emulator)
    assert plan.emulator == emulator
    assert plan_from_json(plan.to_json()) == plan


def test_a_plan_of_an_older_fogbed_is_of_its_fabric(written):
    members = json.loads(planned(written()).to_json())
    del members["emulator"]
    assert plan_from_json(json.dumps(members)).emulator == "fabric"


def test_only_one_process_of_a_kind_records_its_classes(written):
    lists = replace(RUNTIME, class_lists=Path("/classes"))
    plan = plan_local(
        written(),
        lists,
        number=1,
        folder=Path("/s"),
        storage="file:///s",
        log4j=Path("/l"),
        scheduler="default",
    )
    recording = [p.name for p in plan.first_processes() if any("DumpLoaded" in w for w in p.argv)]
    assert recording == ["jobmanager@cloud-1", "taskmanager@fog-1"]


@pytest.mark.parametrize(("version", "is_told"), [("17.0.1", False), ("25.0.2", True)])
def test_a_new_java_is_told_what_flink_may_do(written, version, is_told):
    runtime = replace(RUNTIME, java_version=version)
    plan = plan_local(
        written(),
        runtime,
        number=1,
        folder=Path("/s"),
        storage="file:///s",
        log4j=Path("/l"),
        scheduler="default",
    )
    assert ("--enable-native-access=ALL-UNNAMED" in jobmanager_of(plan).argv) is is_told


def test_every_reason_against_a_testbed_comes_at_once(written):
    nodes = """
  - {name: a, role: control-plane, tier: cloud, memory: 600m}
  - {name: b, tier: edge, memory: 100m}
"""
    with pytest.raises(UsageError) as caught:
        planned(written(nodes))
    assert caught.value.message == "testbed bench cannot run on this computer as written"
    assert caught.value.details == (
        "nodes[a]: 88m is left for the TaskManager; it needs at least 512m\n"
        "nodes[b]: 100m is left for the TaskManager; it needs at least 512m"
    )


def test_a_node_that_holds_less_than_what_runs_there(written):
    nodes = "\n  - {name: a, role: control-plane, tier: cloud, memory: 1g}\n"
    services = "services:\n  flink: {taskmanager: {memory: 1g}}\n"
    with pytest.raises(UsageError) as caught:
        planned(written(nodes, services))
    assert caught.value.details == (
        "nodes[a].memory: 1g is less than what runs there; "
        "write at least 1.5g, or less under services.flink"
    )


@given(st.integers(flink_memory.TASKMANAGER_LEAST, 64 * 2**30))
def test_the_parts_of_a_taskmanager_add_up(process):
    parts = flink_memory.taskmanager_memory(process)
    assert parts.task_heap >= 32 * flink_memory.MIB
    assert process == sum(
        (
            *(parts.framework_heap, parts.task_heap, parts.framework_off_heap),
            *(parts.network, parts.metaspace, parts.overhead),
        )
    )


@given(st.integers(flink_memory.JOBMANAGER_LEAST, 64 * 2**30))
def test_the_parts_of_a_jobmanager_fit(process):
    parts = flink_memory.jobmanager_memory(process)
    assert 0 < parts.heap < process - parts.metaspace
